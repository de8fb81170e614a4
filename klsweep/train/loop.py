"""The one training loop, for a fleet of one or of hundreds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

import klsweep
from klsweep.data import Data
from klsweep.errors import Interrupted
from klsweep.result import Result
from klsweep.spec.job import Job
from klsweep.store import checkpoint
from klsweep.train import outcome
from klsweep.train.batches import epoch_batches
from klsweep.train.evaluate import evaluate
from klsweep.train.fleet import Fleet, Parameters, assemble
from klsweep.train.optimizers import clip_per_member, learning_rate, optimizer, set_learning_rate

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setting:
    """Where and how a fleet trains. Of all this, only another device changes a result, by rounding alone."""

    device: torch.device = CPU
    directory: Path | None = None  # of the checkpoint; None keeps none
    checkpoint_seconds: float = 20.0  # at most one checkpoint in this time
    on_epoch: Callable[[int, int], None] = lambda _epoch, _epochs: None  # (epochs done, epochs in all)
    stopping: Callable[[], bool] = lambda: False


@dataclass
class State:
    """What changes in training. Random numbers are keyed by epoch, so this and the job say all."""

    parameters: Parameters
    optimizer: Optimizer
    epoch: int = 0
    seconds: float = 0.0
    curve: list[NDArray[np.float64]] = field(default_factory=list)  # one [outcome.MEASURED, member] per epoch


def train(jobs: Sequence[Job], data: Data, setting: Setting) -> list[Result]:
    """Train `jobs`, which must differ only in weight, schedule, reduction and seed; one result each, in order.

    Continues from the fleet's checkpoint where there is one, with the same final bits. Raises `Interrupted` at
    the end of an epoch when `setting.stopping()` says so.
    """
    fleet, parameters = assemble(
        jobs, data.train.shape[1:], train_size=len(data.train), device=setting.device
    )
    state = State(parameters, optimizer(fleet.lead.train, parameters.values()))
    restore(state, fleet, setting)
    train_x, valid_x, test_x = (
        torch.from_numpy(split).to(setting.device) for split in (data.train, data.valid, data.test)
    )
    saved = time.monotonic()
    while state.epoch < fleet.epochs and None in outcome.diverged_at(state.curve, len(jobs)):
        started = time.monotonic()
        trained = _epoch(fleet, state, train_x, dynamic=data.dynamic)
        state.curve.append(np.concatenate([trained, _validate(fleet, state, valid_x)]))
        state.epoch += 1
        state.seconds += time.monotonic() - started
        setting.on_epoch(state.epoch, fleet.epochs)
        if state.epoch == fleet.epochs:
            break
        stopping = setting.stopping()  # asked once, so nobody is told of a stop without its checkpoint
        if stopping or time.monotonic() - saved >= setting.checkpoint_seconds:
            save(state, fleet, setting)
            saved = time.monotonic()
        if stopping:
            raise Interrupted

    target = torch.tensor([weighting.beta for weighting in fleet.weightings], device=setting.device)
    tested = evaluate(fleet, state.parameters, test_x, purpose="test noise", weight=target)
    weights = {name.removeprefix("vae."): value.detach().cpu().numpy() for name, value in parameters.items()}
    return outcome.results(fleet, outcome.Trained(state.curve, tested, weights, state.seconds))


def _epoch(fleet: Fleet, state: State, train_x: Tensor, *, dynamic: bool) -> NDArray[np.float64]:
    """One pass over the training data; running means of loss, distortion and rate [3, member]."""
    parameters, clip = state.parameters, fleet.lead.train.clip
    sums = torch.zeros(3, len(fleet.jobs), dtype=torch.float64, device=fleet.device)
    seen = 0
    steps = range(fleet.steps)[fleet.steps_of(state.epoch)]
    batches = epoch_batches(fleet, train_x, state.epoch, dynamic=dynamic)
    for step, (x, noise) in zip(steps, batches, strict=False):  # `train.steps` may cut the last epoch short
        set_learning_rate(state.optimizer, learning_rate(fleet.lead.train, step / fleet.steps))
        measured = fleet.losses(parameters, x, noise, fleet.progress_weights[step])
        state.optimizer.zero_grad(set_to_none=True)
        loss = measured[0].sum()  # members share no parameter, so each gets its own gradient
        loss.backward()  # type: ignore[no-untyped-call]
        if clip is not None:
            clip_per_member(parameters.values(), clip)
        state.optimizer.step()
        sums += measured.detach() * x.shape[1]
        seen += x.shape[1]
    means = torch.where(_sound(state), sums / seen, torch.nan)
    return means.cpu().numpy()


def _sound(state: State) -> Tensor:
    """Which members' parameters and moments are finite; [member].

    A squared gradient beyond float32 makes Adam's second moment infinite and its steps zero: such a member looks
    calm and learns nothing, so it counts as diverged.
    """
    moments = (value for values in state.optimizer.state.values() for value in values.values())
    held = [
        *state.parameters.values(),
        *(value for value in moments if value is not None and value.dim() > 0),
    ]
    return torch.stack([value.isfinite().flatten(1).all(1) for value in held]).all(0)


def _validate(fleet: Fleet, state: State, valid_x: Tensor) -> NDArray[np.float64]:
    """Loss, distortion and rate [3, member] on the validation split; NaN where there is none."""
    if not len(valid_x):
        return np.full((3, len(fleet.jobs)), np.nan)
    weight = fleet.progress_weights[fleet.steps_of(state.epoch)][-1]
    seen = evaluate(fleet, state.parameters, valid_x, purpose="valid noise", weight=weight)
    return np.stack([seen.loss, seen.distortion_nats, seen.rate_nats])


def save(state: State, fleet: Fleet, setting: Setting) -> None:
    """Write the checkpoint of the fleet, if it keeps one."""
    if setting.directory is None:
        return
    tensors = {f"parameter/{name}": value.detach().cpu().numpy() for name, value in state.parameters.items()}
    for index, values in state.optimizer.state_dict()["state"].items():
        for key, value in values.items():
            if value is not None:  # as the momentum of sgd without momentum is
                tensors[f"optimizer/{index}/{key}"] = value.cpu().numpy()
    tensors["curve"] = np.stack(state.curve)
    checkpoint.save(
        setting.directory, tensors, {**_maker(fleet), "epoch": state.epoch, "seconds": state.seconds}
    )


def restore(state: State, fleet: Fleet, setting: Setting) -> None:
    """Take up the checkpoint of exactly this fleet, written by the same software, if there is one."""
    found = checkpoint.load(setting.directory) if setting.directory is not None else None
    if found is None or not _maker(fleet).items() <= found[1].items():
        return
    tensors, notes = found
    for name, parameter in state.parameters.items():
        parameter.data.copy_(torch.from_numpy(tensors[f"parameter/{name}"]))
    inner: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            inner.setdefault(int(index), {})[key] = torch.from_numpy(value)
    state.optimizer.load_state_dict({**state.optimizer.state_dict(), "state": inner})
    state.epoch, state.seconds, state.curve = notes["epoch"], notes["seconds"], list(tensors["curve"])


def _maker(fleet: Fleet) -> dict[str, Any]:
    """What must agree for a checkpoint to be continued with the bits of an uninterrupted training."""
    return {
        "jobs": [job.id for job in fleet.jobs],
        "klsweep": klsweep.__version__,
        "torch": str(torch.__version__),
    }
