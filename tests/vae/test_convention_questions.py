"""The calculator refuses nonsense: each mistake with its place, all of them at once."""

import math

import pytest

from klsweep.errors import ProblemsError
from klsweep.vae.conventions import Form, Question, equivalents

GOOD: dict[str, object] = {"input": "1x64x64", "latent": 10}


@pytest.mark.parametrize(
    ("asked", "place", "says"),
    [
        ({"beta": 4.0, "input": None}, "--input", "not given"),
        ({"beta": 4.0, "input": "0x64"}, "--input", "no shape"),
        ({"beta": 4.0, "input": "-3"}, "--input", "no shape"),
        ({"beta": 4.0, "input": "x"}, "--input", "no shape"),
        ({"beta": 4.0, "input": ()}, "--input", "no shape"),
        ({"beta": 4.0, "input": "99999999x99999999x99999999"}, "--input", "no shape"),
        ({"beta": 4.0, "latent": None}, "--latent", "not given"),
        ({"beta": 4.0, "latent": 0}, "--latent", "0"),
        ({"beta": 4.0, "latent": -2}, "--latent", "-2"),
        ({"beta": 4.0, "batch": 0}, "--batch", "0"),
        ({}, "--beta", "no weight"),
        ({"beta": 4.0, "beta_norm": 1.0}, "--beta-norm", "second weight"),
        ({"beta": -4.0}, "--beta", "no KL weight"),
        ({"beta": math.nan}, "--beta", "nan"),
        ({"beta_norm": math.inf}, "--beta-norm", "inf"),
        ({"beta": 4.0, "sigma2": 0.0}, "--sigma2", "no variance"),
        ({"beta": 4.0, "sigma2": math.nan}, "--sigma2", "no variance"),
        ({"weight": 1.0}, "--weight", "means nothing alone"),
        ({"weight": 1.0, "reduction": "means"}, "--reduction", "did you mean mean?"),
        ({"beta": 1.0, "reduction": "mean"}, "--reduction", "belongs to --weight"),
        ({"weight": 1.0, "reduction": "mean", "from_": "pythae"}, "--reduction", "settled by --from"),
        ({"beta": 1.0, "from_": "pyhtae"}, "--from", "did you mean pythae?"),
        ({"beta": 1.0, "to": ("no such",)}, "--to", "allowed: pythae"),
        ({"beta_norm": 1.0, "from_": "disent"}, "--beta-norm", "unit of klsweep"),
        ({"from_": "autoencodix"}, "--from", "no default"),
        ({"from_": Form()}, "--weight", "no default"),
        ({"from_": Form(kl_factor=0.0), "weight": 1.0}, "--from", "no factor"),
        ({"from_": "sigma-vae-mse"}, "--from", "--batch"),
        ({"beta": 1.0, "to": ("sigma-vae-mse",)}, "--to", "--batch"),
        ({"input": "784", "from_": "balancing-vae"}, "--from", "height"),
        ({"from_": "keras", "sigma2": 1.0}, "--sigma2", "no variance"),
        ({"from_": "keras", "to": ("pythae",)}, "--to", "nothing is equivalent"),
        ({"from_": "pythae", "to": ("keras",)}, "--to", "--sigma2"),
        ({"from_": "sigma-vae", "to": ("pythae",)}, "--to", "--sigma2"),
        ({"beta": 1e308}, "--beta", "too large"),
        ({"beta": 5e-324}, "--beta", "too small"),
    ],
)
def test_nonsense_is_refused_with_its_place(asked: dict[str, object], place: str, says: str) -> None:
    with pytest.raises(ProblemsError) as refused:
        equivalents(Question(**{**GOOD, **asked}))  # type: ignore[arg-type]
    (problem,) = refused.value.problems
    assert problem.where == place
    assert says in str(problem)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ProblemsError) as refused:
        equivalents(
            Question(input="0", latent=0, batch=0, beta=math.nan, beta_norm=-1.0, sigma2=-1.0, to=("a", "b"))
        )
    places = [problem.where for problem in refused.value.problems]
    assert places == [
        "--input",
        "--latent",
        "--batch",
        "--beta",
        "--beta-norm",
        "--sigma2",
        "--beta-norm",
        "--to",
        "--to",
    ]
