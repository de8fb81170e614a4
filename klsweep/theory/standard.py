"""A data set alone as a sweep: three latent sizes, and nine weights of a squared error."""

from difflib import get_close_matches

from pydantic import ValidationError

from klsweep.data.corpus import CorpusPart
from klsweep.errors import Problem, SpecError
from klsweep.part import members
from klsweep.spec import FAMILIES

TEXT = """\
version: 1
name: {kind}
fixed:
  dataset: {kind}
  model: linear
  likelihood: mse
grid:
  latent_dim: [2, 10, 32]
  beta_norm: {{logspace: [0.0001, 1, 9]}}
"""

WORDLESS = "is text: the numbers of words have no covariance, so theory foresees nothing of it"


def standard(kind: str) -> str:
    """The spec that stands for a kind of data set, so that `key=value` changes it as any other."""
    allowed = bare_kinds()
    if kind not in allowed:
        near = get_close_matches(kind, allowed, n=1)
        what, fix = "is neither a spec nor a data set", f"did you mean {near[0]}?" if near else ""
        found = members(FAMILIES["dataset"]).get(kind)
        if found and issubclass(found, CorpusPart):
            what, fix = WORDLESS, "train it: klsweep run"
        elif found:
            what = "needs settings"
            fix = "write its settings into a spec, under fixed: dataset:, and give that file"
        raise SpecError([Problem(kind, what, f"allowed: a .yaml file, {', '.join(allowed)}", fix)])
    return TEXT.format(kind=kind)


def bare_kinds() -> tuple[str, ...]:
    """The kinds of data set that a name is enough for, and that have a spectrum."""
    found = []
    for kind, part in members(FAMILIES["dataset"]).items():
        if issubclass(part, CorpusPart):
            continue
        try:
            part.model_validate({"kind": kind})
        except ValidationError:
            continue
        found.append(kind)
    return tuple(found)
