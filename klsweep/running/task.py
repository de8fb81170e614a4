"""What a child process is given, what it says while it works, and the work itself: train a fleet, commit it."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from klsweep.data import Data
from klsweep.metrics import Metric
from klsweep.result import Scalar, Status
from klsweep.running import spectra
from klsweep.running.fleets import FleetPlan
from klsweep.running.rooms import Room
from klsweep.spec.job import RunLimits
from klsweep.store import FleetFolder, Store


@dataclass(frozen=True)
class Task:
    """One fleet to train, and where."""

    fleet: FleetPlan
    planned: (
        str  # id of the fleet of the whole sweep that it is, or a part of: what a runner takes for itself
    )
    store: Path  # directory of the sweep
    data_dir: Path | None
    device: str
    threads: int
    metrics: tuple[Metric, ...] = ()  # to be measured of every member
    axes: int = 0  # of the data's spectrum, that this fleet is to keep for the report
    limits: RunLimits = field(default_factory=RunLimits)
    provenance: Mapping[str, Scalar] = field(default_factory=dict)  # beside what the training itself knows
    room: Room | None = None  # where the children of this machine share the data
    visible: str | None = None  # CUDA_VISIBLE_DEVICES of the child, where it is not that of its server

    @property
    def folder(self) -> FleetFolder:
        """Where the fleet keeps its log and its checkpoint."""
        return Store(self.store).work.fleet(self.fleet.id)


@dataclass(frozen=True)
class Trained:
    """A child's word: this many epochs are done."""

    epoch: int
    epochs: int


@dataclass(frozen=True)
class Committed:
    """A child's word: this job has a result."""

    job_id: str
    status: Status
    error: str = ""


@dataclass(frozen=True)
class Alive:
    """A child's word: it goes on."""


@dataclass(frozen=True)
class Weighed:
    """A child's word: the model of this job has so many parameters."""

    job_id: str
    parameters: int


SIGN_SECONDS = 1.0
"""How often at most a child says that it goes on."""

Word = Trained | Committed | Alive | Weighed
Say = Callable[[Word], None]
Work = Callable[[Task, Say, Callable[[], bool]], None]
"""(task, say, stopping) -> None. Runs in a child process; commits to the store; raises what it must."""


def train_fleet(task: Task, say: Say, stopping: Callable[[], bool]) -> None:
    """Train the fleet of `task`, measure and commit each member. Raises `train.Interrupted` when stopped."""
    if task.visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = task.visible  # read when CUDA is first used, later than this
    import torch

    from klsweep.train import Setting, measured, train

    torch.set_num_threads(task.threads)
    lead = task.fleet.jobs[0]
    setting = Setting(
        device=torch.device(task.device),
        directory=task.folder.path,
        on_epoch=lambda epoch, epochs: say(Trained(epoch, epochs)),
        stopping=_with_signs(say, stopping),
    )
    data = _loaded(task)
    if task.axes:
        spectra.keep(Store(task.store), lead.dataset.label, data, axes=task.axes)
    results = train(task.fleet.jobs, data, setting)
    store = Store(task.store)
    origin = {**task.provenance, "fleet": task.fleet.id, "data": lead.dataset.label}
    for job, bare in zip(task.fleet.jobs, results, strict=True):
        result = measured(bare, job, data, metrics=task.metrics, device=setting.device)
        kept = result.weights if task.limits.keep_weights else {}
        store.commit(replace(result, weights=kept, provenance={**result.provenance, **origin}))
        say(Committed(result.job_id, result.status, result.error))


def _loaded(task: Task) -> Data:
    """The data of the fleet, by this child or by another before."""
    load = partial(task.fleet.jobs[0].dataset.load, task.data_dir)
    return task.room.data(load) if task.room else load()


def _with_signs(say: Say, stopping: Callable[[], bool]) -> Callable[[], bool]:
    """`stopping`, and whoever asks it is alive, which is said now and then."""
    last = time.monotonic()

    def asked() -> bool:
        nonlocal last
        if time.monotonic() - last >= SIGN_SECONDS:
            last = time.monotonic()
            say(Alive())
        return stopping()

    return asked
