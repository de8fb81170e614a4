"""Ray: a cluster by its address, or one of this machine. Runs in the driver's process alone.

A fleet takes one CPU, and on a GPU one of those too; Ray says which, in `CUDA_VISIBLE_DEVICES`.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from klsweep.running.cluster import host
from klsweep.running.cluster.engine import (
    Broke,
    Ended,
    EngineGoneError,
    Looked,
    Lost,
    Outcome,
    Settings,
    Size,
)

# Ray reads these when it is loaded. By the second, all of a cluster of this machine is bound to the loopback address.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
LOOPBACK = ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")

LOOK_SECONDS = 60.0
AGAIN = 3
"""How often Ray tries again by itself where a worker is lost: as often as Dask does."""


class Ray:
    """A driver of a cluster; see `engine.Engine`."""

    def __init__(self, settings: Settings) -> None:
        if settings.address is None:
            os.environ[LOOPBACK[0]] = LOOPBACK[1]
        import ray
        from ray import exceptions

        self._ray, self._errors = ray, exceptions
        self._orders: dict[Any, str] = {}  # by Ray's reference to the answer
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if settings.address:
                ray.init(address=settings.address, **quiet)
            else:
                ray.init(**_own(settings.devices), **quiet)
        except (ConnectionError, ValueError, RuntimeError, exceptions.RayError) as error:
            raise EngineGoneError(
                f"no Ray cluster answers at {settings.address or 'this machine'} ({error})"
            ) from error
        self._train = ray.remote(train)

    def size(self) -> Size:
        """CPUs and GPUs of all nodes."""
        offered = self._ray.cluster_resources()
        return Size(slots=int(offered.get("CPU", 0)), gpus=int(offered.get("GPU", 0)))

    def look(self, question: bytes) -> Looked:
        """One task on every node that trains; it asks for no CPU, so a busy node answers too."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        asked = {}
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                look = self._ray.remote(host.look).options(num_cpus=0, scheduling_strategy=there)
                asked[f"{node['NodeManagerHostname']} ({node['NodeID'][:8]})"] = look.remote(question)
        found = {}
        for name, each in asked.items():
            try:
                found[name] = host.answer(self._ray.get(each, timeout=LOOK_SECONDS))
            except Exception as error:
                found[name] = host.answer(error)
        return Looked(found)

    def submit(self, order: str, content: bytes, *, gpu: bool) -> None:
        """An exception is no reason to try again, a lost worker is."""
        options = self._train.options(num_cpus=1, num_gpus=1 if gpu else 0, max_retries=AGAIN)
        self._orders[options.remote(content, gpu)] = order

    def ended(self) -> Iterator[Ended | Lost | Broke]:
        """Each only once."""
        if not self._orders:
            return
        done, _ = self._ray.wait(list(self._orders), num_returns=len(self._orders), timeout=0)
        for each in done:
            order = self._orders.pop(each)
            try:
                yield Ended(order, self._ray.get(each))
            except (
                self._errors.WorkerCrashedError,
                self._errors.NodeDiedError,
                self._errors.OutOfMemoryError,
            ) as error:
                yield Lost(order, f"the workers that trained it died ({type(error).__name__})")
            except self._errors.RayError as error:
                yield Broke(order, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Leave; workers of this driver are ended by Ray."""
        with contextlib.suppress(Exception):
            self._ray.shutdown()


def train(content: bytes, gpu: bool) -> Outcome:
    """Host an order; what a worker of Ray runs."""
    return host.host(content, "cuda:0" if gpu else "cpu")


def _own(devices: tuple[str, ...]) -> dict[str, object]:
    """An instance of this machine; its GPUs are those that it finds visible."""
    gpus = [device.partition(":")[2] for device in devices if device != "cpu"]
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return {
        "address": "local",
        "num_cpus": len(devices),
        "num_gpus": len(gpus),
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
    }
