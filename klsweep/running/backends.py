"""Which backend a run asked for, and its opening: children of this process, this process itself, or a cluster."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from klsweep.errors import ClusterError, KlsweepError
from klsweep.running.cluster.cluster import cluster
from klsweep.running.cluster.engine import EXTRAS
from klsweep.running.devices import Hands, choose_devices, choose_hands
from klsweep.running.dispatch import Backend, Children, Inline
from klsweep.running.events import Listener
from klsweep.running.plan import fleets_of
from klsweep.spec import Sweep

Name = Literal["local", "dask", "ray", "inline"]
NAMES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True)
class Asked:
    """What a run says of who is to train."""

    backend: Name
    address: str | None
    device: str
    workers: int | None


def name(text: str) -> Name:
    """A backend by its name; `KlsweepError` where there is none."""
    for known in NAMES:
        if text == known:
            return known
    raise KlsweepError(f"--backend {text}: unknown backend: allowed: {', '.join(NAMES)}")


@contextlib.contextmanager
def opened(asked: Asked, sweep: Sweep, listen: Listener) -> Iterator[Backend]:
    """The backend while inside; `DeviceError` or `ClusterError` where it is not to be had."""
    if asked.backend in EXTRAS:
        here = _hands(asked, sweep) if asked.address is None else None
        with cluster(asked.backend, asked.address, here, asked.device, asked.workers, listen) as opened:
            yield opened
        return
    if asked.address is not None:
        raise ClusterError(
            f"--address {asked.address}: --backend {asked.backend} is of this machine: "
            "an address goes with --backend dask or ray"
        )
    hands = _hands(asked, sweep)
    yield Inline(replace(hands, devices=hands.devices[:1])) if asked.backend == "inline" else Children(hands)


def _hands(asked: Asked, sweep: Sweep) -> Hands:
    """The devices and threads of this machine."""
    devices = choose_devices(asked.device)
    return choose_hands(devices, asked.workers, len(fleets_of(sweep, devices[0])))
