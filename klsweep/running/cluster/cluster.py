"""A cluster as a backend of a run: opened, and shown to be fit for what is to be trained."""

import contextlib
import importlib.util
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from klsweep.errors import ClusterError, DeviceError
from klsweep.running import preflight
from klsweep.running.cluster import host
from klsweep.running.cluster.engine import (
    EXTRAS,
    Look,
    Looked,
    Ready,
    Settings,
    Size,
)
from klsweep.running.cluster.host import Place, Question
from klsweep.running.cluster.process import Driver, driving
from klsweep.running.cluster.rounds import Rounds, data_dir
from klsweep.running.devices import Hands
from klsweep.running.dispatch import Once
from klsweep.running.events import Listener, Said
from klsweep.running.provenance import code_fingerprint
from klsweep.running.stop import Stop
from klsweep.running.supervise import Crew
from klsweep.running.task import Task, train_fleet
from klsweep.spec import Sweep
from klsweep.store import Store, Talk

PROBLEMS = 10
"""Of workers that are told at once."""


@contextlib.contextmanager
def cluster(
    engine: str, address: str | None, here: Hands | None, device: str, workers: int | None, listen: Listener
) -> Iterator["Cluster"]:
    """A cluster at work: the one at `address`, or one of `here`, the devices of this machine."""
    if importlib.util.find_spec(EXTRAS[engine]) is None:
        raise ClusterError(
            f"--backend {engine}: {engine.capitalize()} is not installed: pip install 'klsweep[{engine}]'"
        )
    if here is None and device not in ("auto", "cpu", "cuda"):
        raise DeviceError(
            f"--device {device}: names GPUs of this machine, and a cluster gives each fleet one of its own choice: "
            "allowed with --address: auto, cpu, cuda"
        )
    settings = Settings(engine, address, here.devices if here else ())
    with driving(settings) as driver:
        listen(Said(f"{'waiting for' if address else 'starting'} {settings.name}"))
        ready = driver.expect(Ready, settings.name)
        assert ready is not None
        size = ready.size
        if here is not None:
            yield Cluster(driver, replace(here, cluster=settings.name), None, None)
            return
        yield Cluster(driver, _offered(size, settings, device, workers), size.slots, workers)


def _offered(size: Size, settings: Settings, device: str, workers: int | None) -> Hands:
    """The devices of a cluster that was there: a thread for each fleet, or a GPU."""
    if device == "cuda" and not size.gpus:
        raise DeviceError(
            f"--device cuda: {settings.name} offers no GPU: workers of Dask offer one by --resources GPU=1, nodes of "
            "Ray by --num-gpus=1: start such, or use --device cpu"
        )
    if workers is not None and workers < 1:
        raise DeviceError(f"--workers {workers}: allowed: 1 or more, the fleets that may train at once")
    kind, most = ("cuda", size.gpus) if size.gpus and device != "cpu" else ("cpu", size.slots)
    return Hands((kind,) * min(most, workers or most), threads=1, cluster=settings.name)


@dataclass(frozen=True)
class Cluster:
    """An engine with a worker or more; see `dispatch.Backend`."""

    driver: Driver
    hands: Hands
    slots: int | None
    most: int | None  # fleets at once, where the user limits them
    in_this_thread: bool = False

    @contextlib.contextmanager
    def at_work(self, tasks: Sequence[Task], sweep: Sweep, crew: Crew) -> Iterator[Once]:
        """See that the disk has room, and that every worker has the run's directory, code and data."""
        if not tasks:
            yield lambda tasks, _crew: list(tasks)
            return
        if crew.work is train_fleet:
            preflight.check(tasks, sweep, self.hands, crew)
        place = Place(
            tasks[0].store.absolute(), crew.member.me.token, crew.member.me.runs, code_fingerprint()
        )
        talk = Store(place.store).work.talk(place.token)
        with talk.opened():
            self._look(tasks, sweep, place, talk, crew.stop)
            names = (f"{place.token}-{number}" for number in itertools.count(1))
            gpu, most = self.hands.devices[0] != "cpu", self.most or math.inf
            yield lambda tasks, crew: Rounds(self.driver, gpu, most, crew, place, names).go(tasks)

    def _look(self, tasks: Sequence[Task], sweep: Sweep, place: Place, talk: Talk, stop: Stop) -> None:
        """`ClusterError` with every worker that cannot take part, and why."""
        jobs = [job for task in tasks for job in task.fleet.jobs]
        facts = {job.dataset: sweep.facts_of(job) for job in jobs}
        models = tuple({repr(job.model): job.model for job in jobs}.values())
        question = Question(place, data_dir(tasks[0]), facts, models)
        self.driver.send(Look(host.packed(question)))
        looked = self.driver.expect(Looked, "looking at the workers", stop.asked)
        found = looked.found if looked else {}
        problems = [f"{name}: {problem}" for name, (said, _) in sorted(found.items()) for problem in said]
        problems += [
            f"{name}: what it writes into {place.store} is not seen here"
            for name, (_, sign) in sorted(found.items())
            if sign and not talk.shows(sign)
        ]
        if problems:
            lines = "".join(f"\n  {each}" for each in problems[:PROBLEMS])
            more = f"\n  and {len(problems) - PROBLEMS} more" if len(problems) > PROBLEMS else ""
            raise ClusterError(
                f"--backend {self.driver.settings.engine}: not every worker can take part:{lines}{more}\n"
                "Every worker needs the results directory and the data at the same path, as on a shared file system, "
                "and the same klsweep: see docs/reliability.md"
            )
