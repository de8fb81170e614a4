"""Rules between the parts of a job and its data: what does not go together, and what should be known of what does."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from inspect import getattr_static
from pathlib import Path
from typing import Any

from klsweep.data import Dataset, Facts, Values, pieces_of
from klsweep.spec import drafts
from klsweep.spec.drafts import Draft
from klsweep.spec.job import Job
from klsweep.spec.keys import kinds
from klsweep.spec.node import Place
from klsweep.spec.problems import Mistake


class Rules:
    """The rules of one sweep; what the parts of many jobs have in common is tried once.

    Answers are kept by the parts' `id`, so the jobs that are asked about must outlive this.
    """

    def __init__(self, data_dir: Path | None) -> None:
        self.data_dir = data_dir
        self.known: dict[tuple[Any, ...], str] = {}

    def misfits(self, job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
        """What in a job does not go together, each at the place of the setting to change."""
        yield from self._model(job, facts, draft)
        yield from self._likelihood(job, facts, draft)
        yield from _objective(job, draft)
        yield from self._schedule(job, facts, draft)

    def _once(self, rule: str, parts: tuple[Any, ...], answer: Callable[[], str]) -> str:
        key = (rule, *(part if isinstance(part, int) else id(part) for part in parts))
        if key not in self.known:
            self.known[key] = answer()
        return self.known[key]

    def _model(self, job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
        model, params = job.model, job.likelihood.params_per_value
        found = "tokens" if facts.vocabulary else "quantities"
        if model.reads not in (found, "any"):
            free = [
                name for name, part in kinds(("model",)).items() if getattr_static(part, "reads") == found
            ]
            default = "" if draft["model"].layers else " (the default)"
            what = (
                f"model: {model.kind}{default} reads {model.reads}; the data, {job.dataset.name}, are {found}"
            )
            fix = f"write model: {free[0]}, or take other data"
            yield Mistake(_place(draft, "model"), what, f"allowed: {', '.join(free)}", fix)
            return
        why = self._once(
            "model",
            (model, facts, job.latent_dim, params),
            lambda: model.misfit(facts.input_shape, job.latent_dim, params),
        )
        if why:
            fix = "change the model, or take other data"
            yield Mistake(_place(draft, "model"), f"model: {why}", f"the data are {job.dataset.label}", fix)

    def _likelihood(self, job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
        """A density on [0, 1] says nothing of a value outside, and as a loss has no bound there."""
        if job.likelihood.tokens or facts.vocabulary:
            yield from _tokens(job, facts, draft)
            return
        if job.likelihood.support != "unit interval" or facts.unit_interval:
            return
        dataset = job.dataset
        found = self._once("support", (dataset,), lambda: _extent(dataset, facts, self.data_dir))
        default = "" if draft["likelihood"].layers else " (the default)"
        what = f"likelihood: {job.likelihood.kind}{default} needs values in [0, 1]; those of {dataset.name} {found}"
        free = [
            name
            for name, part in kinds(("likelihood",)).items()
            if getattr_static(part, "support") == "real line"
        ]
        fix = f"write likelihood: {free[0]}, or bring the values to [0, 1]" if free else ""
        yield Mistake(_place(draft, "likelihood"), what, f"allowed: {', '.join(free)}", fix)

    def _schedule(self, job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
        """A schedule that is still below 1 at the end trains another weight than the table would say."""
        schedule, train = job.schedule, job.train
        why = self._once(
            "schedule",
            (schedule, train, facts),
            lambda: schedule.unreached(train.length(facts.sizes[0])),
        )
        if why:
            fix = "make it shorter, or the training longer"
            yield Mistake(_place(draft, "schedule"), f"schedule: {why}", "allowed: one that comes to 1", fix)


def _tokens(job: Job, facts: Facts, draft: Draft) -> Iterator[Mistake]:
    """Numbers of words are no quantities, and a mass function of them has one mass for each."""
    likelihood, dataset = job.likelihood, job.dataset
    if likelihood.tokens == facts.vocabulary:
        return
    default = "" if draft["likelihood"].layers else " (the default)"
    about = [
        name for name, part in kinds(("likelihood",)).items() if getattr_static(part, "support") == "tokens"
    ]
    if not facts.vocabulary:
        what = f"likelihood: {likelihood.kind} is of tokens; the data, {dataset.name}, are quantities"
        allowed = ", ".join(name for name in kinds(("likelihood",)) if name not in about)
        fix = "write another, or take data of sentences"
    else:
        of = f"is of {likelihood.tokens} tokens" if likelihood.tokens else "is of quantities"
        what = f"likelihood: {likelihood.kind}{default} {of}; the vocabulary of {dataset.name} has {facts.vocabulary}"
        allowed = f"{about[0]} of {facts.vocabulary}"
        fix = f"write likelihood: {{kind: {about[0]}, vocabulary: {facts.vocabulary}}}"
    yield Mistake(_place(draft, "likelihood"), what, f"allowed: {allowed}", fix)


def _objective(job: Job, draft: Draft) -> Iterator[Mistake]:
    """Tokens have no mean, so their reconstructions have no squared error."""
    if job.likelihood.tokens and job.objective.watches_error:
        free = [
            name
            for name, part in kinds(("objective",)).items()
            if not getattr_static(part, "watches_error", False)
        ]
        what = f"objective: {job.objective.kind} watches the squared error, and tokens have none"
        yield Mistake(
            _place(draft, "objective"), what, f"allowed: {', '.join(free)}", "take another objective"
        )


def remarks(jobs: Iterable[Job], data_dir: Path | None) -> list[str]:
    """What the likelihoods have to say of the values they are trained on, once for each likelihood and data set."""
    pairs = dict.fromkeys((job.dataset, job.likelihood) for job in jobs)
    datasets = dict.fromkeys(dataset for dataset, _ in pairs)
    names = Counter(dataset.name for dataset in datasets)
    said = []
    for dataset in datasets:  # one after the other: their values may not fit into memory together
        values = dataset.values(data_dir)
        name = dataset.name if names[dataset.name] == 1 else f"{dataset.name}, {dataset.label}"
        for likelihood in (likelihood for each, likelihood in pairs if each == dataset):
            remark = likelihood.remark(values)
            if remark:
                said.append(f"{likelihood.label} on {name}: {remark}")
    return said


def _extent(dataset: Dataset, facts: Facts, data_dir: Path | None) -> str:
    """Where the values of all splits lie."""
    values = Values(facts.input_dim, lambda: pieces_of(*dataset.read(data_dir).splits))
    low, high = -values.largest(lambda x: -x), values.largest(lambda x: x)
    outside = values.mean(lambda x: (x < 0) | (x > 1))
    return f"run from {low:.4g} to {high:.4g}, {100 * outside:.2g} % of them outside"


def _place(draft: Draft, name: str) -> Place:
    """Where a setting is written, or the data set, where it is a default."""
    found = drafts.place(draft, (name,)) or drafts.place(draft, ("dataset",))
    assert found is not None, "a job without a data set"
    return found
