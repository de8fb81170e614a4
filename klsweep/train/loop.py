"""The one training loop, for a fleet of one or of hundreds."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from klsweep.data import Data
from klsweep.errors import Interrupted
from klsweep.result import Result
from klsweep.spec.job import Job
from klsweep.train import outcome
from klsweep.train.assembly import assemble
from klsweep.train.batches import epoch_batches
from klsweep.train.continuing import State, restore, save
from klsweep.train.evaluate import evaluate
from klsweep.train.fleet import Fleet
from klsweep.train.optimizers import Optimizer, learning_rate
from klsweep.train.recorded import Recorded, can_be_recorded
from klsweep.train.step import Inputs, Step

CPU = torch.device("cpu")

ASK_SECONDS = 1.0
"""How often `Setting.stopping` is asked within an epoch."""


@dataclass(frozen=True)
class Setting:
    """Where and how a fleet trains. Of all this, only another device changes a result, by rounding alone."""

    device: torch.device = CPU
    directory: Path | None = None  # of the checkpoint; None keeps none
    checkpoint_seconds: float = 20.0  # at most one checkpoint in this time
    checkpoint_share: float = 0.01  # of the time after one, that writing it may have taken
    on_epoch: Callable[[int, int], None] = lambda _epoch, _epochs: None  # (epochs done, epochs in all)
    stopping: Callable[[], bool] = lambda: False
    grace_seconds: float = (
        15.0  # an epoch that would go on for longer than this is not finished after `stopping()`
    )


def train(jobs: Sequence[Job], data: Data, setting: Setting) -> list[Result]:
    """Train `jobs`, which must differ only in weight, schedule, reduction and seed; one result each, in order.

    Continues from the fleet's checkpoint where there is one, with the same final bits. Raises `Interrupted` at
    the end of an epoch when `setting.stopping()` says so; and in the midst of one, which is lost, where its end is
    further away than `setting.grace_seconds`.
    """
    with torch.cuda.device(setting.device) if setting.device.type == "cuda" else nullcontext():
        return _train(jobs, data, setting)


def _train(jobs: Sequence[Job], data: Data, setting: Setting) -> list[Result]:
    fleet, members = assemble(jobs, data.train.shape[1:], train_size=len(data.train), device=setting.device)
    state = State(members, Optimizer(fleet.lead.train, members.parameters.values(), setting.device))
    restore(state, fleet, setting.directory)
    train_x, valid_x, test_x = (
        torch.from_numpy(split).to(setting.device) for split in (data.train, data.valid, data.test)
    )
    lengths = None if data.lengths is None else torch.from_numpy(data.lengths)
    epoch_of = partial(epoch_batches, fleet, train_x, dynamic=data.dynamic, lengths=lengths)
    step = Step(fleet, state)
    take = Recorded(step) if can_be_recorded(fleet) else step
    saved, took = time.monotonic(), 0.0
    while state.epoch < fleet.epochs and None in outcome.diverged_at(state.curve, len(jobs)):
        started = time.monotonic()
        with fleet.training_products():
            seen = _epoch(fleet, state, take, epoch_of(state.epoch), setting)
        state.curve.append(np.concatenate([step.means(seen), _validate(fleet, state, valid_x)]))
        state.epoch += 1
        state.seconds += time.monotonic() - started
        setting.on_epoch(state.epoch, fleet.epochs)
        if state.epoch == fleet.epochs:
            break
        stopping = setting.stopping()  # asked once, so nobody is told of a stop without its checkpoint
        began = time.monotonic()
        if stopping or began - saved >= max(setting.checkpoint_seconds, took / setting.checkpoint_share):
            save(state, fleet, setting.directory)
            saved = time.monotonic()
            took = saved - began
        if stopping:
            raise Interrupted

    target = torch.tensor([weighting.beta for weighting in fleet.weightings], device=setting.device)
    tested = evaluate(fleet, members, test_x, purpose="test noise", weight=target)
    return outcome.results(fleet, outcome.Trained(state.curve, tested, members, state.seconds))


def _epoch(
    fleet: Fleet,
    state: State,
    take: Callable[[Inputs], None],
    batches: Iterator[tuple[Tensor, Tensor]],
    setting: Setting,
) -> int:
    """One pass over the training data; how many there were."""
    seen = 0
    span = fleet.steps_of(state.epoch)
    total = fleet.steps
    steps = range(total)[span]
    plan = zip(steps, fleet.progress_weights[span], fleet.progress[span], strict=True)
    started = asked = time.monotonic()
    # `train.steps` may cut the last epoch short
    for (step, weight, progress), (x, noise) in zip(plan, batches, strict=False):
        state.optimizer.set_learning_rate(learning_rate(fleet.lead.train, step / total))
        take(Inputs(x, noise, weight, progress))
        seen += x.shape[1]
        if (now := time.monotonic()) - asked >= ASK_SECONDS:
            asked, done = now, step + 1 - steps.start
            if setting.stopping() and (now - started) / done * (len(steps) - done) > setting.grace_seconds:
                raise Interrupted
    return seen


def _validate(fleet: Fleet, state: State, valid_x: Tensor) -> NDArray[np.float64]:
    """Loss, distortion, rate and active units [4, member] on the validation split; NaN where there is none."""
    if not len(valid_x):
        return np.full((4, len(fleet.jobs)), np.nan)
    weight = fleet.progress_weights[fleet.steps_of(state.epoch)][-1]
    seen = evaluate(fleet, state.members, valid_x, purpose="valid noise", weight=weight, reconstruction=False)
    units = np.where(np.isfinite(seen.rate_nats), outcome.active_units(seen), np.nan)
    return np.stack([seen.loss, seen.distortion_nats, seen.rate_nats, units])
