"""What is asked of the calculator, and everything that can be wrong with it, found at once."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from klsweep.errors import Problem
from klsweep.vae.conventions.convention import Convention, found
from klsweep.vae.conventions.forms import Form, Sizes, Term
from klsweep.vae.conventions.published import CONVENTIONS
from klsweep.vae.weights import Reduction

ALL = "all"
MOST = 2**53  # whole numbers above it are not exact as floats, and no model is as large
POSITIVE = "allowed: whole numbers of 1 or more (up to 2^53)"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A weight and the sizes it belongs to, as typed. One of `beta`, `beta_norm`, `weight`.

    `beta` and `beta_norm` are against -log p summed over the data, a squared error counting as sigma^2 = 1/2, or
    as `sigma2`. `weight` stands in a script that reduces as `reduction` says, or in the code (or the loss of your
    own) that `from_` names; there `beta` is another name for it, and without a value its default is taken.
    `input` is the shape of one datum, channels first: "3x64x64", (3, 64, 64) or "784".
    """

    input: str | tuple[int, ...] | None = None
    latent: int | None = None
    beta: float | None = None
    beta_norm: float | None = None
    weight: float | None = None
    reduction: str | None = None
    sigma2: float | None = None
    batch: int | None = None
    from_: str | Form | None = None
    to: tuple[str, ...] = ()

    @property
    def sizes(self) -> Sizes:
        """N, M and the batch; only of a question without problems."""
        assert self.shape is not None
        assert self.latent is not None
        return Sizes(self.shape, self.latent, self.batch)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The sizes in `input`; None where it is no list of whole numbers."""
        if not isinstance(self.input, str):
            return self.input
        parts = re.split(r"\s*[xX×,*]\s*", self.input.strip())
        whole = all(re.fullmatch(r"-?[0-9]{1,18}", part) for part in parts)
        return tuple(int(part) for part in parts) if whole else None

    @property
    def given(self) -> dict[str, float]:
        """The weights that were given, by their option."""
        every = {"--beta": self.beta, "--beta-norm": self.beta_norm, "--weight": self.weight}
        return {option: value for option, value in every.items() if value is not None}

    @property
    def origin(self) -> Convention | None:
        """The code that `from_` names."""
        return found(self.from_, CONVENTIONS) if isinstance(self.from_, str) else None

    @property
    def origin_form(self) -> Form | None:
        """The loss that `from_` names or is."""
        origin = self.origin
        return origin.form if origin else self.from_ if isinstance(self.from_, Form) else None

    @property
    def targets(self) -> tuple[Convention, ...]:
        """The codes that `to` names, each once, in its order."""
        if ALL in self.to:
            return CONVENTIONS
        named = [found(name, CONVENTIONS) for name in self.to]
        return tuple(dict.fromkeys(convention for convention in named if convention))


def problems(question: Question) -> list[Problem]:
    """Everything that keeps `question` from having an answer; places are options of `klsweep weights`."""
    return [
        *_sizes(question),
        *_values(question),
        *_weights(question),
        *_reduction(question),
        *_names(question),
        *_wants(question),
    ]


def _sizes(question: Question) -> Iterator[Problem]:
    shape, fix = question.shape, "write --input 1x64x64 or --input 784"
    if question.input is None:
        yield Problem("--input", "not given", "the shape of one datum", fix)
    elif not shape or min(shape) < 1 or math.prod(shape) > MOST:
        text = question.input if isinstance(question.input, str) else "x".join(map(str, question.input))
        yield Problem("--input", f"{text!r} is no shape", POSITIVE, fix)
    if question.latent is None:
        yield Problem("--latent", "not given", "the number of latent dimensions", "write --latent 10")
    elif not 1 <= question.latent <= MOST:
        yield Problem("--latent", f"{question.latent} is no number of latents", POSITIVE)
    if question.batch is not None and not 1 <= question.batch <= MOST:
        yield Problem("--batch", f"{question.batch} is no batch size", POSITIVE)


def _values(question: Question) -> Iterator[Problem]:
    for option, value in question.given.items():
        if not math.isfinite(value) or value < 0:
            yield Problem(option, f"{value:g} is no KL weight", "allowed: a finite number of 0 or more")
    sigma2 = question.sigma2
    if sigma2 is not None and not (math.isfinite(sigma2) and sigma2 > 0):
        yield Problem("--sigma2", f"{sigma2:g} is no variance", "allowed: a finite number above 0")


def _weights(question: Question) -> Iterator[Problem]:
    given = list(question.given)
    if len(given) > 1:
        yield Problem(given[1], f"a second weight beside {given[0]}", "allowed: one weight", "leave one out")
    elif not given and question.from_ is None:
        options = "--beta 4, --beta-norm 0.01, --weight 0.1 --reduction mean, or --from pythae"
        yield Problem("--beta", "no weight is given", "", f"write {options}")
    elif not given and isinstance(question.from_, Form):
        yield Problem("--weight", "no weight is given", "", "a loss of your own has no default weight")
    elif not given and (origin := question.origin) and origin.default is None:
        yield Problem(
            "--from", f"{origin.name} has no default", "", f"write --weight W, its {origin.setting}"
        )
    if question.from_ is not None and question.beta_norm is not None:
        fix = "write --beta or --weight: the number that stands in that code"
        yield Problem("--beta-norm", "is a unit of klsweep, not of --from", "", fix)


def _reduction(question: Question) -> Iterator[Problem]:
    options, given = [reduction.value for reduction in Reduction], question.reduction
    if given is None:
        if question.weight is not None and question.from_ is None:
            fix = f"write --reduction {'|'.join(options)}, or --from LIB"
            yield Problem("--weight", "a raw weight means nothing alone", "", fix)
        return
    if given not in options:
        yield Problem(
            "--reduction", f"{given!r} is unknown", f"allowed: {', '.join(options)}", _meant(given, options)
        )
    if question.from_ is not None:
        yield Problem("--reduction", "is settled by --from", "", "leave one of the two out")
    elif question.weight is None:
        yield Problem(
            "--reduction", "belongs to --weight", "", "beta and beta_norm are the same in every reduction"
        )


def _names(question: Question) -> Iterator[Problem]:
    asked = [("--from", question.from_)] if isinstance(question.from_, str) else []
    for option, name in [*asked, *(("--to", name) for name in question.to if name != ALL)]:
        if not found(name, CONVENTIONS):
            names = [convention.name for convention in CONVENTIONS]
            aliases = [alias for convention in CONVENTIONS for alias in convention.aliases]
            allowed = f"allowed: {', '.join(names)}"
            yield Problem(option, f"{name!r} is unknown", _meant(name, [*names, *aliases]), allowed)


def _wants(question: Question) -> Iterator[Problem]:
    """What the losses named need: a batch size, an image, a variance."""
    origin, form = question.origin, question.origin_form
    if form:
        for factor in (form.recon_factor, form.kl_factor, form.data_scale):
            if not (math.isfinite(factor) and factor > 0):
                yield Problem(
                    "--from", f"{factor:g} is no factor of a loss", "allowed: a finite number above 0"
                )
        yield from _needs("--from", origin.name if origin else "this loss", form, question)
        if form.term is Term.OTHER and question.sigma2 is not None:
            what = f"the likelihood of {origin.name if origin else 'this loss'} has no variance"
            yield Problem("--sigma2", what, "", "leave it out")
    if ALL in question.to:
        return
    for target in question.targets:
        yield from _needs("--to", target.name, target.form, question)
        if form and question.sigma2 is None and (form.term is Term.SSE) is not (target.form.term is Term.SSE):
            yield Problem("--to", *_no_equivalent(target, form))


def _needs(option: str, name: str, form: Form, question: Question) -> Iterator[Problem]:
    if form.needs_batch and question.batch is None:
        yield Problem(
            option, f"{name} reduces its two terms differently over the batch", "", "write --batch 128"
        )
    if form.needs_image and question.shape is not None and len(question.shape) < 2:
        yield Problem(option, f"{name} weighs KL by the height of an image", "", "write --input 3x64x64")


def _no_equivalent(target: Convention, form: Form) -> tuple[str, str, str]:
    """What to say of a squared error and a -log p that meet without a variance."""
    if form.term is Term.SSE:
        what = f"{target.name} has a -log p in full, --from a squared error"
        return what, "a variance joins them", "write --sigma2 V to read the squared error as a Gaussian"
    what = f"{target.name} has a squared error, --from a -log p in full"
    if form.term is Term.GAUSSIAN:
        return what, "a variance joins them", "write --sigma2 V, the variance of the Gaussian"
    return what, "nothing is equivalent", "choose a code with a -log p, see klsweep weights --list"


def _meant(name: str, options: list[str]) -> str:
    by_lower = {option.lower(): option for option in options}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[near[0]]}?" if near else ""
