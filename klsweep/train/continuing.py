"""The state of a fleet between two epochs, and its way to disk and back to the same bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klsweep.store import checkpoint
from klsweep.train.fleet import Fleet, Members
from klsweep.train.optimizers import Optimizer
from klsweep.train.outcome import MEASURED
from klsweep.version import __version__


@dataclass
class State:
    """What changes in training. Random numbers are keyed by epoch, so this and the job say all."""

    members: Members
    optimizer: Optimizer
    epoch: int = 0
    seconds: float = 0.0
    curve: list[NDArray[np.float64]] = field(default_factory=list)  # one [outcome.MEASURED, member] per epoch

    def sound(self) -> Tensor:
        """Which members' parameters and moments are finite; [member].

        A squared gradient beyond float32 makes Adam's second moment infinite and its steps zero: such a member
        looks calm and learns nothing, so it counts as diverged.
        """
        remembered = (value for each in self.optimizer.remembered for value in each.values())
        held = [*self.members.parameters.values(), *(value for value in remembered if value.dim() > 0)]
        return torch.stack([value.isfinite().view(len(value), -1).all(1) for value in held]).all(0)


def save(state: State, fleet: Fleet, directory: Path | None) -> None:
    """Write the checkpoint of the fleet, if it keeps one."""
    if directory is None:
        return
    members = state.members
    tensors: dict[str, Tensor] = {
        **_named("parameter", members.parameters),
        **_named("objective", members.objective),
        **_named("likelihood", members.likelihood),
        **_named("buffer", dict(fleet.one.named_buffers())),
    }
    for index, remembered in enumerate(state.optimizer.remembered):
        tensors |= _named(f"optimizer/{index}", remembered)
    arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
    notes = {**_maker(fleet), "epoch": state.epoch, "seconds": state.seconds}
    checkpoint.save(directory, {**arrays, "curve": np.stack(state.curve)}, notes)


def restore(state: State, fleet: Fleet, directory: Path | None) -> None:
    """Take up the checkpoint of exactly this fleet, written by the same software, if there is one."""
    found = checkpoint.load(directory) if directory is not None else None
    if found is None or not _maker(fleet).items() <= found[1].items():
        return
    arrays, notes = found
    state.epoch, state.seconds, state.curve = notes["epoch"], notes["seconds"], list(arrays.pop("curve"))
    kept: dict[str, dict[str, Tensor]] = {}
    for name, value in arrays.items():
        group, _, key = name.rpartition("/")
        kept.setdefault(group, {})[key] = torch.from_numpy(value).to(fleet.device)
    for name, parameter in state.members.parameters.items():
        parameter.data.copy_(kept["parameter"][name])
    for name, buffer in kept.get("buffer", {}).items():
        fleet.one.get_buffer(name).copy_(buffer)
    state.members.objective, state.members.likelihood = kept.get("objective", {}), kept.get("likelihood", {})
    for index, remembered in enumerate(state.optimizer.remembered):
        for name, place in remembered.items():
            place.copy_(kept[f"optimizer/{index}"][name])


def _named(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{group}/{name}": value for name, value in tensors.items()}


def _maker(fleet: Fleet) -> dict[str, Any]:
    """What must agree for a checkpoint to be continued with the bits of an uninterrupted training."""
    return {
        "jobs": [job.id for job in fleet.jobs],
        "klsweep": __version__,
        "torch": str(torch.__version__),
        "measured": list(MEASURED),
    }
