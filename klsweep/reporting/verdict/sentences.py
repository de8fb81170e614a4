"""A verdict in plain sentences."""

import math
from dataclasses import replace

from klsweep.reporting import numbers, sheets
from klsweep.reporting.verdict.answers import HALF_A_UNIT, Answer, Lack
from klsweep.reporting.verdict.bootstrap import LEAST_SEEDS
from klsweep.reporting.verdict.goals import Served
from klsweep.reporting.verdict.groups import Group
from klsweep.reporting.verdict.variance import Implied
from klsweep.reporting.verdict.verdict import Collapse, Verdict, measured, typed
from klsweep.reporting.verdict.words import beta, between, count, interval, lack, listed, number, seeds

METRICS = {"elbo_nats": "ELBO", "distortion_nats": "distortion", "rate_nats": "rate"}
"""What is reported of the test split at the chosen weight."""


def headline(verdict: Verdict, *, said_before: str = "") -> tuple[str, ...]:
    """The answer: the best weight, what it gives, and where collapse lies; without what was said of all groups."""
    first = few(verdict)
    said = ["" if first == said_before else first, _best(verdict), _collapse(verdict)]
    said.insert(1, _no_beta(verdict.group))
    return tuple(filter(None, said))


def details(verdict: Verdict) -> tuple[str, ...]:
    """A sentence for each further question: goals, the bound, the knee, a learned sigma^2, what was lost."""
    said = [_served(each) for each in verdict.served]
    said += [_bound(verdict.bound)] if verdict.bound else []
    said += [_knee(verdict.knee)] if verdict.knee else []
    said += [_implied(verdict.implied, verdict.group)] if verdict.implied else []
    if verdict.group.lost:
        jobs = "job" if verdict.group.lost == 1 else "jobs"
        said.append(
            f"{verdict.group.lost} {jobs} of this group did not finish ok and count for nothing here."
        )
    return tuple(said)


def to_type(verdict: Verdict) -> tuple[str, ...]:
    """A line for each weight chosen: what to type under each reduction."""
    names: dict[float, list[str]] = {}
    if not verdict.group.weighs_rate:
        return ()
    found = [*verdict.chosen]
    found += [("the learned sigma^2, against mse", verdict.implied.weight)] if verdict.implied else []
    for name, answer in found:
        assert answer.value is not None
        names.setdefault(answer.value, []).append(name)
    return tuple(
        f"Raw weight for {', '.join(dict.fromkeys(each))}: "
        + ", ".join(f"{reduction} {number(raw)}" for reduction, raw in typed(verdict.group, weight).items())
        for weight, each in names.items()
    )


def few(verdict: Verdict) -> str:
    """Said first where no weight has the seeds for an interval."""
    if verdict.seeds >= LEAST_SEEDS:
        return ""
    count = "1 seed" if verdict.seeds == 1 else f"{verdict.seeds} seeds"
    return (
        f"Not enough evidence for any interval: {count} where {LEAST_SEEDS} are needed. "
        "What follows is the grid's alone, and other seeds may say otherwise."
    )


def _lack(answer: Answer, what: str = "the best") -> str:
    """What is lacking beside what `few` has said."""
    kept = answer.lacks if answer.seeds[1] >= LEAST_SEEDS else answer.lacks_but(Lack.SEEDS)
    return lack(replace(answer, lacks=kept), what)


def _best(verdict: Verdict) -> str:
    found, group = verdict.best, verdict.group
    if found is None:
        return ""
    of = "the best validation ELBO" if found.split == "validation" else "the best test ELBO"
    at = f"beta_norm {number(found.value)}"
    at += f" (beta {beta(group, found.value)})" if group.weighs_rate else ""
    alike = _alike(found)
    if why := _lack(found):
        rest = f"; {alike}" if alike else ""
        return f"Not enough evidence for {of}: {why}. Of the weights tried it is at {at}{rest}. {_tested(group, found)}"
    if not found.is_interval:
        return f"Of the weights tried {of} is at {at}, between {between(found)}. {_tested(group, found)}"
    other = f"{alike}, so" if alike else "every other weight tried is worse, so"
    return (
        f"{of[0].upper()}{of[1:]} is at {at}; {other} the optimum lies between {between(found)} "
        f"(95 %, {seeds(found)}). {_tested(group, found)}"
    )


def _alike(found: Answer) -> str:
    others = [weight for weight in found.among if weight != found.value]
    return f"{listed(others)} cannot be told from it" if others else ""


def _tested(group: Group, found: Answer) -> str:
    """The test numbers at a weight."""
    assert found.value is not None
    of = measured(group, found.value, [*METRICS, "active_units"])
    words = [
        f"{name} {numbers.estimate(of[metric], of[f'{metric}_ci95'])}"
        for metric, name in METRICS.items()
        if metric in of
    ]
    units = float(of["active_units"]) if "active_units" in of else math.nan
    active = "" if math.isnan(units) else f"; {count(units)} of {group.latent_dim} units are active"
    squared = f"; {sheets.UNNORMALISED}" if sheets.is_unnormalised(group.ok) else ""
    return f"There the test split has {', '.join(words)} nats{active}{squared}."


def _bound(found: Answer) -> str:
    where = "validation data" if found.split == "validation" else "the test split, which chooses nothing,"
    unsure = f"; not enough evidence: {_lack(found)}" if _lack(found) else ""
    return f"The importance-weighted bound on {where} is best at {number(found.value)} ({interval(found)}{unsure})."


def _collapse(verdict: Verdict) -> str:
    found, group = verdict.collapse, verdict.group
    if found is None:
        return ""
    largest = number(float(group.weights[-1]))
    if found.gone.low is None and found.gone.value is None:
        return "No unit is active on average at any weight tried: all have collapsed, the smallest weight included."
    if found.falls.high is None and found.falls.value is None:
        return _no_fall(found, group.latent_dim, largest)
    first = f"Active units, {count(found.at_first)} of {group.latent_dim} at the smallest weight, "
    falls = f"begin to fall at {_passed(found.falls)}"
    if found.gone.high is None and found.gone.value is None:
        return f"{first}{falls}; some are still active at the largest weight tried, {largest}."
    return f"{first}{falls}; none is left from {_passed(found.gone)}."


def _no_fall(found: Collapse, latent_dim: int, largest: str) -> str:
    """Units that do not become fewer may all be active, or as few as they were at the smallest weight."""
    if found.at_first >= latent_dim - HALF_A_UNIT:
        return f"No collapse up to the largest weight tried, {largest}."
    first, last, most = (count(units) for units in (found.at_first, found.at_last, found.at_most))
    if found.at_most - found.at_first <= HALF_A_UNIT:
        return f"Active units stay at {first} of {latent_dim} from the smallest weight tried to the largest, {largest}."
    between = f", {most} in between" if found.at_most - found.at_last > HALF_A_UNIT else ""
    return (
        f"Active units do not fall: {first} of {latent_dim} at the smallest weight tried, {last} at the largest, "
        f"{largest}{between}."
    )


def _no_beta(group: Group) -> str:
    """What the weight is, where it is no beta that one would type."""
    return (
        f"The weight of this objective is {group.no_beta}: no beta to be typed elsewhere."
        if group.no_beta
        else ""
    )


def _passed(found: Answer) -> str:
    """`about 0.12 (0.1 to 0.316)`."""
    about = f"about {number(found.value)} " if found.value is not None else ""
    if found.seeds[0] < LEAST_SEEDS <= found.seeds[1]:
        unsure = f"; not enough evidence for an interval: {seeds(found)}"
    else:
        unsure = (
            "; not enough evidence for a limit on the other side" if None in (found.low, found.high) else ""
        )
    return f"{about}({interval(found)}{unsure})"


def _knee(found: Answer) -> str:
    if found.value is None:
        return "The rate-distortion curve has no knee among the weights tried."
    alike = f"; {_alike(found)}" if _alike(found) else ""
    at = f"{number(found.value)}{alike}"
    if why := _lack(found, "it"):
        return f"Not enough evidence for the knee of the rate-distortion curve, here at {at}: {why}."
    return f"The knee of the rate-distortion curve is at {at} ({interval(found)})."


def _served(each: Served) -> str:
    text, found = each.goal.text, each.weight
    split = each.split
    if each.goal.bound is not None:
        return f"Goal {text}, on the {split} split: {_bounds(each)}."
    at = f"best at {number(found.value)} ({interval(found)}, {seeds(found)})"
    unsure = f"; not enough evidence: {_lack(found)}" if _lack(found) else ""
    return f"Goal {text}, on the {split} split: {at}{unsure}."


def _bounds(each: Served) -> str:
    """Where a bound holds, and the weight to take there."""
    found, front = each.weight, each.frontier
    crossed = front if front is not None and front.value is not None else None
    if found.value is None:
        if not crossed:
            return "met at no weight tried"
        return f"not enough evidence: {lack(found)}; its mean passes the bound at {_passed(crossed)}"
    if crossed:
        where = f"holds {'from' if each.upwards else 'up to'} {_passed(crossed)}"
    else:
        where = f"holds at {listed(each.holds)}"
    unsure = f"; not enough evidence that it is the best: {_lack(found)}" if _lack(found) else ""
    best = f"{number(found.value)} has the best ELBO ({interval(found)})"
    return f"{where}; of the weights at which it does, {best}{unsure}"


def _implied(found: Implied, group: Group) -> str:
    weight = found.weight
    assert weight.value is not None
    scale = group.input_dim / group.latent_dim
    limits = f", {interval(weight)}" if weight.is_interval else ""
    at = f"sigma^2 is {number(found.sigma2)} at beta {number(found.at_beta)}"
    beta = f"beta {number(weight.value * scale)}, beta_norm {number(weight.value)}{limits}"
    return (
        f"The learned {at}: against a plain squared error (likelihood mse) that is {beta} ({seeds(weight)})."
    )
