"""Answers, weights and counts in words."""

from klsweep.reporting import numbers
from klsweep.reporting.verdict.answers import Answer, Lack
from klsweep.reporting.verdict.bootstrap import LEAST_SEEDS
from klsweep.reporting.verdict.groups import Group


def interval(answer: Answer) -> str:
    """`0.00316 to 0.0316`, or the open end in words."""
    if answer.low is None and answer.high is None:
        return "anywhere"
    if answer.low is None:
        return f"below {number(answer.high)}"
    if answer.high is None:
        return f"above {number(answer.low)}"
    return f"{number(answer.low)} to {number(answer.high)}"


def seeds(answer: Answer) -> str:
    """`3 seeds`, `1 to 3 seeds`."""
    fewest, most = answer.seeds
    if fewest != most:
        return f"{fewest} to {most} seeds"
    return "1 seed" if most == 1 else f"{most} seeds"


def lack(answer: Answer, what: str = "the best") -> str:
    """Why the evidence is not enough, in a few words."""
    words = {
        Lack.SEEDS: f"{seeds(answer)}, and an interval takes {LEAST_SEEDS} at each weight, the same for the best",
        Lack.BELOW: f"{what} may lie below the smallest weight tried",
        Lack.ABOVE: f"{what} may lie above the largest weight tried",
        Lack.VALIDATION: "there are no validation numbers, and test data choose nothing",
        Lack.UNMET: "no weight tried meets it for certain",
        Lack.SHAPE: "the curve has none",
    }
    return "; ".join(words[each] for each in answer.lacks)


def listed(weights: "tuple[float, ...] | list[float]") -> str:
    """`0.01, 0.1 and 1`."""
    words = [number(weight) for weight in weights]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def between(answer: Answer) -> str:
    """`0.00316 and 0.0316`, of an answer with both ends."""
    return f"{number(answer.low)} and {number(answer.high)}"


def count(units: float) -> str:
    """A mean of counts, to a tenth."""
    return f"{units:.1f}".removesuffix(".0")


def number(value: float | None) -> str:
    """A weight as reports write it; empty for none."""
    return "" if value is None else numbers.significant(value)


def beta(group: Group, weight: float | None) -> str:
    """The beta of a weight given as beta_norm: beta_norm * N / M."""
    assert weight is not None
    return number(weight * group.input_dim / group.latent_dim)
