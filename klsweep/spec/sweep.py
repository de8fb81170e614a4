"""A sweep: every job of a spec, on data that are there, its rules kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from klsweep.data import Dataset, Facts, Progress
from klsweep.errors import DataError, SpecError
from klsweep.metrics import Metric
from klsweep.spec import beside, command_line, expand, grammar, rules, source, writing
from klsweep.spec.blocks import SweepSpec
from klsweep.spec.conditions import ABSENT, inside
from klsweep.spec.drafts import Draft
from klsweep.spec.drafts import place as place_of
from klsweep.spec.expand import Expansion
from klsweep.spec.job import Job, RunLimits
from klsweep.spec.node import Key, Node, Place, dotted
from klsweep.spec.problems import Mistake, causes_only, ordered
from klsweep.vae.models import Custom

Drafted = tuple[Job, Draft]


@dataclass(frozen=True)
class Sweep:
    """What is to be trained.

    `axes` are the keys in which jobs differ, in the order of the spec, with the labels of their values; `metrics` are
    measured beside what every job measures; `run` limits each; `notes` are for the user's eyes; `text` is the spec as
    run, which gives the same jobs when read again.
    """

    name: str
    jobs: tuple[Job, ...]
    axes: Mapping[str, tuple[str, ...]]
    facts: Mapping[Dataset, Facts]
    metrics: tuple[Metric, ...]
    run: RunLimits
    notes: tuple[str, ...]
    text: str

    def facts_of(self, job: Job) -> Facts:
        """Shape, sizes and range of the data of a job."""
        return self.facts[job.dataset]


@dataclass(frozen=True)
class DataFolder:
    """Where data are looked for, and whether they may be downloaded."""

    path: Path | None = None
    download: bool = False
    progress: Progress | None = None


@dataclass
class Located:
    """The data sets of a sweep by what was asked for; those that are not there have their mistakes instead."""

    used: dict[Dataset, Dataset] = field(default_factory=dict)
    facts: dict[Dataset, Facts] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def suffix(self) -> str:
        """The names of data sets that stand in for others, to be seen in every table of the sweep."""
        stand_ins = [used.name for asked, used in self.used.items() if type(used) is not type(asked)]
        return "".join(f"-{name}" for name in dict.fromkeys(stand_ins))


def read(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    data_dir: Path | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Sweep:
    """The sweep that a spec file and `key=value` arguments ask for; `SpecError` or `DataError` say all mistakes."""
    path = Path(path)
    folder = DataFolder(data_dir, download, progress)
    text = source.text(path)
    return _sweep(source.parse(text, str(path)), text, overrides, name=path.stem, folder=folder)


def read_text(
    text: str,
    overrides: Sequence[str] = (),
    *,
    name: str = "spec",
    data_dir: Path | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> Sweep:
    """The sweep of a spec that is not in a file."""
    folder = DataFolder(data_dir, download, progress)
    return _sweep(source.parse(text, name), text, overrides, name=name, folder=folder)


def _sweep(
    document: tuple[Node, list[Mistake]],
    text: str,
    overrides: Sequence[str],
    *,
    name: str,
    folder: DataFolder,
) -> Sweep:
    root, mistakes = document
    spec, more = grammar.read(root)
    spec, wrong = command_line.apply(spec, overrides)
    found = expand.expand(spec)
    metrics, unmeasurable = beside.metrics(spec.metrics)
    limits, unlimited = beside.limits(spec.run)
    idle = [mistake for _, mistake in found.idle] if not overrides else []
    apart = [*grammar.conflicts(spec), *_unnamed(spec, name), *unmeasurable, *unlimited]
    causes = [mistakes, more, wrong, apart, found.mistakes, idle]
    mistakes = causes_only(*causes)
    located = _locate(found, folder if not mistakes else replace(folder, download=False))
    _raise(mistakes, located, found, rules.Rules(folder.path))
    drafted = [(_moved(job, located), draft) for job, draft in found.jobs]
    unique = {job.id: (job, draft) for job, draft in reversed(drafted)}
    kept = [unique[key] for key in reversed(unique)]
    own = str(spec.name.value) if spec.name else name
    return Sweep(
        name=f"{own}{located.suffix}",
        jobs=tuple(job for job, _ in kept),
        axes=_axes(spec, kept),
        facts=located.facts,
        metrics=metrics,
        run=limits,
        notes=(
            *located.notes,
            *_notes(found, dropped=len(drafted) - len(kept)),
            *rules.remarks((job for job, _ in kept), folder.path),
            *_imported(kept),
            *_alone(kept, located),
        ),
        text=text if spec.name and not overrides else writing.text(_without_idle(spec, found), name=own),
    )


READABLE = "give data that you may read: another path, --data-dir or KLSWEEP_DATA"


def _unnamed(spec: SweepSpec, name: str) -> list[Mistake]:
    """A file's name names the sweep where the spec does not."""
    better = None if spec.name else grammar.unsafe_name(name)
    if better is None:
        return []
    return [Mistake(spec.place, f"the file name {name!r} cannot name a folder", "", f"write name: {better}")]


def _locate(found: Expansion, folder: DataFolder) -> Located:
    """Each distinct data set once."""
    located = Located()
    first = {job.dataset: draft for job, draft in reversed(found.jobs)}
    for dataset in dict.fromkeys(job.dataset for job, _ in found.jobs):
        try:
            used, notes = dataset.locate(folder.path, download=folder.download, progress=folder.progress)
            located.facts[used] = used.facts(folder.path)
            located.used[dataset] = used
            located.notes.extend(notes)
        except OSError as error:
            place = place_of(first[dataset], ("dataset",)) or Place(dataset.name)
            what = f"{error.filename or dataset.name}: cannot be read ({error.strerror or error})"
            located.mistakes.append(Mistake(place, what, fix=READABLE))
        except DataError as error:
            place = place_of(first[dataset], ("dataset",)) or Place(dataset.name)
            located.mistakes.extend(
                Mistake(place, _what(p.where, p.what), p.allowed, p.fix) for p in error.problems
            )
    return located


def _what(where: str, what: str) -> str:
    return f"{where}: {what}" if where else what


def _raise(mistakes: Iterable[Mistake], located: Located, found: Expansion, between: rules.Rules) -> None:
    """All that is wrong, as one error."""
    wrong = list(mistakes)
    for job, draft in found.jobs:
        if job.dataset in located.used:
            moved = _moved(job, located)
            wrong.extend(between.misfits(moved, located.facts[moved.dataset], draft))
    if wrong:
        raise SpecError(ordered([*wrong, *located.mistakes]))
    if located.mistakes:
        raise DataError(ordered(located.mistakes))


def _moved(job: Job, located: Located) -> Job:
    used = located.used[job.dataset]
    return job if used is job.dataset else job.model_copy(update={"dataset": used})


def _axes(spec: SweepSpec, kept: Sequence[Drafted]) -> dict[str, tuple[str, ...]]:
    """The keys in which the jobs differ, in the order of the spec, and the labels of their values."""
    keys: list[Key] = [axis.key for dimension in spec.dimensions for axis in dimension]
    keys += [each.key for rule in spec.overrides for each in rule.change]
    keys += [each.key for extra in spec.include for each in extra.settings]
    found = {}
    for key in dict.fromkeys(keys):
        values = {id(value): value for job, _ in kept for value in [inside(job, key)]}
        labels = dict.fromkeys(expand.label(value) for value in values.values() if value is not ABSENT)
        present = tuple(label for label in labels if label != "-")
        if len(labels) + (ABSENT in values.values()) > 1:
            found[dotted(key)] = present
    return found


def _notes(found: Expansion, *, dropped: int) -> list[str]:
    notes = [
        f"{mistake.problem.where}: {mistake.what}, so this rule does nothing" for _, mistake in found.idle
    ]
    if dropped:
        jobs = "1 job is" if dropped == 1 else f"{dropped} jobs are"
        notes.append(f"{jobs} asked for more than once and trained once")
    return notes


def _imported(kept: Sequence[Drafted]) -> list[str]:
    """Which code ran because the spec names it."""
    models = dict.fromkeys(
        (job.model.target, job.model.file) for job, _ in kept if isinstance(job.model, Custom)
    )
    return [f"{target} is code of {file}, imported because the spec names it" for target, file in models]


def _alone(kept: Sequence[Drafted], located: Located) -> list[str]:
    """Why jobs with a model of the user's own cannot be stacked; that takes building it, so built-in ones know."""
    said: dict[str, None] = {}
    tried: set[tuple[object, ...]] = set()
    for job, _ in kept:
        if isinstance(job.model, Custom):
            shape = located.facts[job.dataset].input_shape
            parts = (id(job.model), shape, job.latent_dim, job.likelihood.params_per_value)
            why = "" if parts in tried else job.model.unstackable(*parts[1:])
            tried.add(parts)
            if why:
                said[f"{job.model.target} trains one job at a time: {why}"] = None
    return list(said)


def _without_idle(spec: SweepSpec, found: Expansion) -> SweepSpec:
    """Rules that match nothing under the command line's values would be mistakes when read again."""
    idle = {id(rule) for rule, _ in found.idle}
    exclude = tuple(rule for rule in spec.exclude if id(rule) not in idle)
    overrides = tuple(rule for rule in spec.overrides if id(rule) not in idle)
    return replace(spec, exclude=exclude, overrides=overrides)
