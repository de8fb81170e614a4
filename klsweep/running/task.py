"""What a child process is given, what it says while it works, and the work itself: train a fleet, commit it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from klsweep.result import Scalar, Status
from klsweep.running.fleets import FleetPlan
from klsweep.store import FleetFolder, Store


@dataclass(frozen=True)
class Task:
    """One fleet to train, and where."""

    fleet: FleetPlan
    store: Path  # directory of the sweep
    data_dir: Path | None
    device: str
    threads: int
    provenance: Mapping[str, Scalar] = field(default_factory=dict)  # beside what the training itself knows

    @property
    def folder(self) -> FleetFolder:
        """Where the fleet keeps its log and its checkpoint."""
        return Store(self.store).fleet(self.fleet.id)


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


Say = Callable[[Trained | Committed], None]
Work = Callable[[Task, Say, Callable[[], bool]], None]
"""(task, say, stopping) -> None. Runs in a child process; commits to the store; raises what it must."""


def train_fleet(task: Task, say: Say, stopping: Callable[[], bool]) -> None:
    """Train the fleet of `task` and commit each member's result. Raises `train.Interrupted` when stopped."""
    import torch

    from klsweep.train import Setting, train

    torch.set_num_threads(task.threads)
    lead = task.fleet.jobs[0]
    setting = Setting(
        device=torch.device(task.device),
        directory=task.folder.path,
        on_epoch=lambda epoch, epochs: say(Trained(epoch, epochs)),
        stopping=stopping,
    )
    results = train(task.fleet.jobs, lead.dataset.load(task.data_dir), setting)
    store = Store(task.store)
    origin = {**task.provenance, "fleet": task.fleet.id, "data": lead.dataset.label}
    for result in results:
        store.commit(replace(result, provenance={**result.provenance, **origin}))
        say(Committed(result.job_id, result.status, result.error))
