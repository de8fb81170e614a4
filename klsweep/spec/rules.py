"""Rules between the parts of a job and its data."""

from collections.abc import Iterator

from klsweep.data import Facts
from klsweep.spec import drafts
from klsweep.spec.drafts import Draft
from klsweep.spec.job import Job
from klsweep.spec.keys import kinds
from klsweep.spec.node import Place
from klsweep.spec.problems import Mistake


def misfits(job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
    """What in a job does not go together, each at the place of the setting to change."""
    yield from _model(job, facts, draft)
    yield from _likelihood(job, facts, draft)
    yield from _schedule(job, facts, draft)


def _model(job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
    why = job.model.misfit(facts.input_shape)
    if why:
        fix = "change the model, or take other data"
        yield Mistake(_place(draft, "model"), f"model: {why}", f"the data are {job.dataset.label}", fix)


def _likelihood(job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
    """A Bernoulli density of values outside [0, 1] is not bounded."""
    if job.likelihood.support == "unit interval" and not facts.unit_interval:
        kind = job.likelihood.kind
        default = "" if draft["likelihood"].layers else " (the default)"
        what = f"likelihood: {kind}{default} needs values in [0, 1]; those of {job.dataset.name} are not"
        free = [name for name, part in kinds(("likelihood",)).items() if vars(part)["support"] == "real line"]
        fix = f"write likelihood: {free[0]}" if free else ""
        yield Mistake(_place(draft, "likelihood"), what, f"allowed: {', '.join(free)}", fix)


def _schedule(job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
    """A schedule that is still below 1 at the end trains another weight than the table would say."""
    why = job.schedule.unreached(job.train.length(facts.sizes[0]))
    if why:
        fix = "make it shorter, or the training longer"
        yield Mistake(_place(draft, "schedule"), f"schedule: {why}", "allowed: one that comes to 1", fix)


def _place(draft: Draft, name: str) -> Place:
    """Where a setting is written, or the data set, where it is a default."""
    found = drafts.place(draft, (name,)) or drafts.place(draft, ("dataset",))
    assert found is not None, "a job without a data set"
    return found
