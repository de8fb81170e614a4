"""A spec -> its jobs: fixed, grid x zip, exclude, overrides, include, in this order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod

from pydantic import ValidationError

from klsweep.part import Part, Settings
from klsweep.spec import drafts
from klsweep.spec.blocks import Rule, Setting, SweepSpec
from klsweep.spec.conditions import UNKNOWN, inside, matches
from klsweep.spec.drafts import Draft, State
from klsweep.spec.job import Job
from klsweep.spec.node import Place, dotted
from klsweep.spec.problems import Mistake, allowed, shown
from klsweep.vae.weights import Unit

MOST = 100_000  # jobs; at ten seconds each, twelve days
UNITS = tuple(unit.value for unit in Unit)


@dataclass(frozen=True)
class Expansion:
    """Jobs with the drafts that say where their settings stand; mistakes; rules that match no job."""

    jobs: tuple[tuple[Job, Draft], ...]
    mistakes: tuple[Mistake, ...]
    idle: tuple[tuple[Rule, Mistake], ...] = ()


def expand(spec: SweepSpec) -> Expansion:
    """All jobs that can be made; mistakes in the others, each once."""
    if excess := too_many(len(axes[0].values) for axes in spec.dimensions):
        return Expansion((), (Mistake(spec.place, *excess),))
    made = list(drafts.product(spec)) if _has_product(spec) else []
    excluded, idle = _excluded(made, spec)
    kept = [draft for index, draft in enumerate(made) if index not in excluded]
    idle += _override(kept, spec)
    mistakes = []
    if made and not kept:
        what = f"exclude leaves none of {len(made)} jobs"
        mistakes.append(Mistake(spec.exclude[0].node.key, what, fix="make the rules narrower"))
    whole = [(draft, spec.place) for draft in kept]
    base = drafts.base(spec)
    whole += [(drafts.changed(base, extra.settings, {}), extra.node.place) for extra in spec.include]
    jobs = [(_job(draft, place, mistakes), draft) for draft, place in whole]
    return Expansion(
        tuple((job, draft) for job, draft in jobs if job), tuple(dict.fromkeys(mistakes)), tuple(idle)
    )


def too_many(lengths: Iterable[int]) -> tuple[str, str, str] | None:
    """What is wrong, what is allowed and what to do where the product of these has more than `MOST` jobs."""
    count = prod(lengths)
    if count <= MOST:
        return None
    return f"the product has {count:,} jobs", f"allowed: {MOST:,}", "give some axes fewer values"


def _has_product(spec: SweepSpec) -> bool:
    """With `include` alone, what is fixed is a job by itself only where it is a whole one."""
    if spec.dimensions or not spec.include:
        return True
    base = drafts.base(spec)
    return bool(base["dataset"].layers) and any(base[unit].given for unit in UNITS)


def _excluded(made: list[Draft], spec: SweepSpec) -> tuple[set[int], list[tuple[Rule, Mistake]]]:
    gone: set[int] = set()
    idle = []
    for rule in spec.exclude:
        matcher = _matcher(rule)
        hits = {index for index, draft in enumerate(made) if matcher(draft)}
        if not hits:
            idle.append((rule, _matches_nothing("exclude", rule, made)))
        gone |= {index for index in hits if _is_sure(rule, made[index])}
    return gone, idle


def _override(kept: list[Draft], spec: SweepSpec) -> list[tuple[Rule, Mistake]]:
    """Applies each rule in turn, in place; a later rule sees what earlier ones have set."""
    idle = []
    for rule in spec.overrides:
        matcher = _matcher(rule)
        hits = [index for index, draft in enumerate(kept) if matcher(draft)]
        memo: dict[tuple[int, str], State] = {}
        if not hits:
            idle.append((rule, _matches_nothing("overrides", rule, kept)))
        for index in (index for index in hits if _is_sure(rule, kept[index])):
            kept[index] = drafts.changed(kept[index], rule.change, memo)
    return idle


def _is_sure(rule: Rule, draft: Draft) -> bool:
    """Whether a match does not rest on a value that could not be read."""
    return all(draft[condition.key[0]].value is not UNKNOWN for condition in rule.when)


def _matcher(rule: Rule) -> Callable[[Draft], bool]:
    """Whether a draft matches all of a rule's conditions; each condition is asked once for each state."""
    known: dict[tuple[int, int], bool] = {}

    def meets(number: int, condition: Setting, state: State) -> bool:
        key = (number, id(state))
        if key not in known:
            known[key] = matches(condition.node.plain, inside(state.value, condition.key[1:]))
        return known[key]

    def matcher(draft: Draft) -> bool:
        return all(meets(n, each, draft[each.key[0]]) for n, each in enumerate(rule.when))

    return matcher


def _matches_nothing(block: str, rule: Rule, among: list[Draft]) -> Mistake:
    """Which of the conditions no job meets, and what the jobs have instead."""
    for condition in rule.when:
        values = [inside(draft[condition.key[0]].value, condition.key[1:]) for draft in among]
        if not any(matches(condition.node.plain, value) for value in values):
            what = f"{block}: no job has {dotted(condition.key)}: {shown(condition.node.plain)}"
            have = dict.fromkeys(label(value) for value in values)
            return Mistake(
                condition.node.place, what, _have(list(have)), "correct the value, or remove the rule"
            )
    what = f"{block}: no job meets all of these conditions together"
    return Mistake(rule.node.place, what, fix="make the rule wider, or remove it")


def _have(labels: list[str]) -> str:
    return allowed(labels).replace("allowed:", "the jobs have")


def label(value: object) -> str:
    """A resolved value in a few characters: a part's label, a number without trailing zeros."""
    if isinstance(value, Part):
        return value.label
    if isinstance(value, Settings):
        usual = {name: field.default for name, field in type(value).model_fields.items()}
        return (
            " ".join(f"{name}={label(inner)}" for name, inner in value if inner not in (None, usual[name]))
            or "-"
        )
    if isinstance(value, tuple | list):
        return "-".join(label(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else "-" if value is None else str(value)


def _job(draft: Draft, place: Place, mistakes: list[Mistake]) -> Job | None:
    """The job of a draft, or None and what is wrong with it."""
    before = len(mistakes)
    mistakes.extend(mistake for state in draft.values() for mistake in state.mistakes)
    mistakes.extend(_incomplete(draft, place))
    if len(mistakes) > before or any(state.value is UNKNOWN for state in draft.values()):
        return None
    try:
        return Job.model_validate({name: state.value for name, state in draft.items()})
    except ValidationError as error:
        messages = [str(each["msg"]).removeprefix("Value error, ") for each in error.errors()]
        mistakes.extend(Mistake(place, message) for message in messages)
        return None


def _incomplete(draft: Draft, place: Place) -> Iterator[Mistake]:
    dataset = draft["dataset"]
    if not dataset.layers and dataset is drafts.default("dataset"):
        yield Mistake(place, "dataset is missing", fix="add dataset: digits, or another, to fixed")
    given = [unit for unit in UNITS if draft[unit].given]
    if not given:
        fix = "add beta_norm: {logspace: [0.001, 10, 9]} to grid"
        yield Mistake(place, "no weight is given", f"allowed: one of {', '.join(UNITS)}", fix)
    given = [unit for unit in given if draft[unit].layers]
    if len(given) > 1:
        places = [found for unit in given if (found := drafts.place(draft, (unit,), of_key=True))]
        what = f"the weight is given as {' and as '.join(given)}"
        where = max(places, key=lambda each: each.order) if places else place
        yield Mistake(where, what, f"allowed: one of {', '.join(UNITS)}", "keep one of them")
