"""Dask, by `distributed`: a scheduler by its address, or one of this machine. Runs in the driver's process alone.

A fleet takes one thread of a worker. A GPU is a resource: workers with `--resources GPU=1`, and `CUDA_VISIBLE_DEVICES`
as dask-cuda sets it; one worker may also offer all GPUs that it sees, as `--nthreads 2 --resources GPU=2`.
"""

import contextlib
from collections.abc import Iterator
from queue import SimpleQueue

import distributed
from distributed.scheduler import KilledWorker

from klsweep.running.cluster import host
from klsweep.running.cluster.engine import (
    CONNECT_SECONDS,
    Broke,
    Ended,
    EngineGoneError,
    Looked,
    Lost,
    Outcome,
    Settings,
    Size,
)

GPU = "GPU"
GATHER_SECONDS = 5.0
"""How long an answer may take from a worker that has it; one that is gone by then is asked no more, but replaced."""


class Dask:
    """A client of a scheduler; see `engine.Engine`."""

    def __init__(self, settings: Settings) -> None:
        self._futures: dict[str, distributed.Future] = {}
        self._own = None if settings.address else _own(settings.devices)
        address = self._own.scheduler_address if self._own else settings.address
        try:
            self._client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise EngineGoneError(
                f"no Dask scheduler answers at {address} ({type(error).__name__}: {error})"
            ) from error

    def size(self) -> Size:
        """Threads of all workers, and the resource GPU of all."""
        self._check()
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return Size(
            slots=sum(each["nthreads"] for each in workers),
            gpus=sum(int(each["resources"].get(GPU, 0)) for each in workers),
        )

    def look(self, question: bytes) -> Looked:
        """Ask in each worker's event loop: a busy worker answers too."""
        self._check()
        answers = self._client.run(host.look, question, on_error="return")
        return Looked({name: host.answer(each) for name, each in answers.items()})

    def submit(self, order: str, content: bytes, *, gpu: bool) -> None:
        """`pure=False` and a key of its own: Dask is not to know two orders as one."""
        self._check()
        resources = {GPU: 1} if gpu else None
        self._futures[order] = self._client.submit(
            train, content, gpu, key=f"klsweep-{order}", pure=False, resources=resources
        )

    def ended(self) -> Iterator[Ended | Lost | Broke]:
        """Each only once, and then Dask forgets it: what it would do again is done."""
        self._check()
        for order, future in list(self._futures.items()):
            if not future.done():
                continue
            try:
                outcome = future.result(timeout=GATHER_SECONDS)
            except TimeoutError:  # the worker that had the answer is gone: it is worked out again
                continue
            except KilledWorker:
                yield Lost(order, "the workers that trained it died, one after the other")
            except Exception as error:
                self._check()
                yield Broke(order, f"{type(error).__name__}: {error}")
            else:
                yield Ended(order, outcome)
            del self._futures[order]

    def close(self) -> None:
        """Leave; workers end what they do when they see that the run is over."""
        with contextlib.suppress(Exception):
            self._client.close(timeout=GATHER_SECONDS)
        if self._own is not None:
            self._own.close(timeout=GATHER_SECONDS)

    def _check(self) -> None:
        if self._client.status != "running":
            raise EngineGoneError("the Dask scheduler is gone")


def train(content: bytes, gpu: bool) -> Outcome:
    """Host an order on a GPU of this worker that is free; what a worker of Dask runs, in a thread."""
    if not gpu:
        return host.host(content, "cpu")
    devices = _devices()
    device = devices.get()
    try:
        return host.host(content, device)
    finally:
        devices.put(device)


_free: "SimpleQueue[str]" = SimpleQueue()
_counted: list[int] = []


def _devices() -> "SimpleQueue[str]":
    """The GPUs of this worker that no other thread of it uses."""
    if not _counted:
        _counted.append(int(distributed.get_worker().state.total_resources[GPU]))
        for index in range(_counted[0]):
            _free.put(f"cuda:{index}")
    return _free


def _own(devices: tuple[str, ...]) -> distributed.SpecCluster:
    """A scheduler and a worker for each device, all on the loopback address, without dashboard and memory limit."""
    here = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    return distributed.SpecCluster(
        scheduler={"cls": distributed.Scheduler, "options": here},
        workers={
            index: {"cls": distributed.Nanny, "options": {**here, "memory_limit": None, **_worker(device)}}
            for index, device in enumerate(devices)
        },
        silence_logs="CRITICAL",
    )


def _worker(device: str) -> dict[str, object]:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return {"nthreads": 1}
    return {"nthreads": 1, "resources": {GPU: 1}, "env": {"CUDA_VISIBLE_DEVICES": index}}
