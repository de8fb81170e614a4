"""One objective in every form: as klsweep says it, as a raw weight under each reduction, in public code."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from klsweep.errors import Problem, ProblemsError
from klsweep.vae.conventions.convention import Convention
from klsweep.vae.conventions.forms import Form, OverBatch, Sizes, Term
from klsweep.vae.conventions.question import ALL, Question, problems
from klsweep.vae.weights import Reduction

HALF = 0.5  # the variance at which -log p of a Gaussian is the squared error itself, plus a constant


@dataclass(frozen=True)
class Objective:
    """What is optimised: `beta` against a -log p in full, `theta` = w c / (2a) against a squared error."""

    beta: float | None
    theta: float | None
    sigma2: float | None
    """The variance for which `beta` holds; None where -log p has none, or any will do."""

    def against(self, form: Form) -> float | None:
        """Weight of KL against the bare term of `form`, summed; None where nothing is equivalent."""
        if form.term is not Term.SSE:
            return self.beta
        return None if self.theta is None else self.theta / HALF


@dataclass(frozen=True)
class Reading:
    """The objective as klsweep says it: `likelihood`, its variance, beta and beta_norm = beta * M / N."""

    likelihood: str
    sigma2: float | None
    beta: float
    beta_norm: float


@dataclass(frozen=True)
class RawWeight:
    """The raw weight w that a script with the loss of `form` needs."""

    form: Form
    weight: float


@dataclass(frozen=True)
class InCode:
    """The number to write in public code; None where its weight is ignored and cannot be this one."""

    convention: Convention
    weight: float | None


@dataclass(frozen=True)
class Equivalents:
    """Every form of one objective. `theta` = beta * sigma^2 is also the decoder variance implied at beta = 1."""

    sizes: Sizes
    given: str
    value: float
    beta: float | None
    theta: float | None
    readings: tuple[Reading, ...]
    raw_weights: tuple[RawWeight, ...]
    in_code: tuple[InCode, ...]


def equivalents(question: Question) -> Equivalents:
    """Every equivalent of the weight that `question` gives; ProblemsError with everything wrong in it."""
    wrong = problems(question)
    if wrong:
        raise ProblemsError(wrong)
    option, value = _value(question)
    objective = _objective(question, value)
    answer = Equivalents(
        sizes=question.sizes,
        given=option,
        value=value,
        beta=objective.beta,
        theta=objective.theta,
        readings=tuple(_readings(objective, question)),
        raw_weights=tuple(_raw_weights(objective, question.sizes)),
        in_code=tuple(_in_code(objective, question)),
    )
    if not _representable(answer):
        what = f"with {value:g} a result is too large or too small for a float"
        raise ProblemsError([Problem(option, what, "", "check the weight and the sizes")])
    return answer


def _value(question: Question) -> tuple[str, float]:
    """The option that gave the weight, and the weight: a code's default if none was given or if it ignores it."""
    origin = question.origin
    if question.given and not (origin and origin.ignored):
        return next(iter(question.given.items()))
    assert origin is not None
    default = origin.default_weight(question.sizes.latent_dim)
    assert default is not None
    return "--from", default


def _objective(question: Question, value: float) -> Objective:
    form, sizes, sigma2 = question.origin_form, question.sizes, question.sigma2
    if form is None:
        reduction = Reduction(question.reduction or Reduction.SUM)
        beta = Form(term=Term.GAUSSIAN, reduction=reduction).beta(value, sizes)
        if question.beta_norm is not None:
            beta = value * sizes.input_dim / sizes.latent_dim
        return Objective(beta, beta * (sigma2 or HALF), sigma2)
    beta = form.beta(value, sizes)
    if form.term is Term.SSE:
        theta = beta * HALF
        return Objective(theta / sigma2 if sigma2 else None, theta, sigma2)
    return Objective(beta, beta * sigma2 if sigma2 else None, sigma2)


def _readings(objective: Objective, question: Question) -> Iterator[Reading]:
    per_latent = question.sizes.latent_dim / question.sizes.input_dim
    if objective.beta is not None and objective.sigma2 is None:
        yield Reading("any -log p", None, objective.beta, objective.beta * per_latent)
    theta = objective.theta
    if theta is None:
        return
    yield Reading("mse", HALF, theta / HALF, theta / HALF * per_latent)
    yield Reading("gaussian", 1.0, theta, theta * per_latent)
    if objective.sigma2 is not None and objective.sigma2 != 1 and objective.beta is not None:
        yield Reading("gaussian", objective.sigma2, objective.beta, objective.beta * per_latent)
    if theta not in (0, 1, objective.sigma2):
        yield Reading("gaussian", theta, 1.0, per_latent)


def _raw_weights(objective: Objective, sizes: Sizes) -> Iterator[RawWeight]:
    together, mean, total = (OverBatch.MEAN, OverBatch.MEAN), OverBatch.MEAN, OverBatch.SUM
    apart = [(mean, total), (total, mean)] if sizes.batch is not None else []
    for recon_batch, kl_batch in [together, *apart]:
        for reduction in Reduction:
            for term, factor in ((Term.GAUSSIAN, 1.0), (Term.SSE, 1.0), (Term.SSE, 0.5)):
                form = Form(
                    term=term,
                    reduction=reduction,
                    recon_factor=factor,
                    recon_batch=recon_batch,
                    kl_batch=kl_batch,
                )
                beta = objective.against(form)
                if beta is not None:
                    yield RawWeight(form, form.weight(beta, sizes))


def _in_code(objective: Objective, question: Question) -> Iterator[InCode]:
    sizes = question.sizes
    for target in question.targets:
        if ALL in question.to and not _can(target.form, sizes):
            continue
        beta = objective.against(target.form)
        if beta is None:
            continue
        weight = target.form.weight(beta, sizes)
        fixed = target.default_weight(sizes.latent_dim) if target.ignored else None
        unreachable = fixed is not None and not math.isclose(fixed, weight, rel_tol=1e-9)
        yield InCode(target, None if unreachable else weight)


def _can(form: Form, sizes: Sizes) -> bool:
    return not (form.needs_batch and sizes.batch is None) and not (form.needs_image and len(sizes.shape) < 2)


def _representable(answer: Equivalents) -> bool:
    """Whether nothing overflowed, and nothing but a weight of 0 became 0."""
    found = [answer.beta, answer.theta]
    found += [number for reading in answer.readings for number in (reading.beta, reading.beta_norm)]
    found += [raw.weight for raw in answer.raw_weights] + [code.weight for code in answer.in_code]
    zero = answer.value == 0
    return all(value is None or (math.isfinite(value) and (value == 0) is zero) for value in found)
