"""What a step must keep to so that a GPU can record it, for every kind; and when a recording is trusted.

There need be no GPU: a step is the same code on a CPU, and a recording stands in that takes the step itself.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from small import digits, job
from test_every_kind import EXAMPLES
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from klsweep.spec.job import Job
from klsweep.train.assembly import assemble
from klsweep.train.batches import epoch_batches
from klsweep.train.continuing import State
from klsweep.train.optimizers import Optimizer
from klsweep.train.recorded import PLAIN, Recorded, can_be_recorded
from klsweep.train.step import Inputs, Step

CPU = torch.device("cpu")
BATCH, SIZE = 32, 300  # nine batches an epoch and a smaller one
ASKS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique"}
"""Operations whose answer the host must wait for."""

Work = Callable[[], None]


class NoQuestions(TorchDispatchMode):
    """Refuses whatever would have the host wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition("::")[2].partition(".")[0]
        assert name not in ASKS, f"{name} would have the host wait"
        return func(*args, **(kwargs or {}))


def step_of(*jobs: Job) -> Step:
    fleet, members = assemble(jobs, (1, 8, 8), train_size=SIZE, device=CPU)
    return Step(fleet, State(members, Optimizer(fleet.lead.train, members.parameters.values(), CPU)))


def inputs(step: Step, epochs: int = 1) -> Iterator[Inputs]:
    train = torch.from_numpy(digits(SIZE).train)
    for epoch in range(epochs):
        for index, batch in enumerate(epoch_batches(step.fleet, train, epoch, dynamic=False)):
            at = step.fleet.steps_of(epoch).start + index
            yield Inputs(*batch, step.fleet.progress_weights[at], step.fleet.progress[at])


def several(**given: Any) -> list[Job]:
    length = {"batch_size": BATCH, "epochs": 2, **given.pop("length", {})}
    return [
        job(beta, seed=seed, length=length, schedule={"kind": "linear", "warmup": 0.5}, **given)
        for beta in (0.5, 2.0)
        for seed in (0, 1)
    ]


CASES = (
    [{"likelihood": each} for each in EXAMPLES["likelihood"] if each["kind"] != "tokens"]
    + [{"objective": each} for each in EXAMPLES["objective"]]
    + [{"model": {"kind": "conv", "channels": [4], "hidden": 8}}, {"model": "linear"}]
    + [{"length": {"optimizer": name}} for name in ("adam", "adamw", "sgd")]
    + [{"length": {"optimizer": "sgd", "momentum": 0.9, "clip": 1.0}}]
    + [{"length": {"precision": "bf16"}}]
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_step_asks_for_no_number_and_leaves_every_tensor_where_it_is(case: dict[str, Any]) -> None:
    step = step_of(*several(**case))
    batches = inputs(step)
    for given, _ in zip(batches, range(2), strict=False):
        step(given)
    places = [value.data_ptr() for value in step.changed()]
    before = [value.detach().clone() for value in step.changed()]
    with NoQuestions():
        for given, _ in zip(batches, range(2), strict=False):
            step(given)
    assert [value.data_ptr() for value in step.changed()] == places
    moved = [not torch.equal(old, new) for old, new in zip(before, step.changed(), strict=True)]
    assert sum(moved) > len(moved) / 2


def test_whatever_a_step_remembers_is_among_what_it_says_to_change() -> None:
    step = step_of(*several(objective={"kind": "capacity", "nats": 3.0}))
    batches = inputs(step)
    step(next(batches))
    state = step.state
    everything = [*state.members.parameters.values(), *state.members.objective.values(), step.sums]
    moments = [value for each in state.optimizer.remembered for value in each.values()]
    assert {id(value) for value in step.changed()} == {id(value) for value in (*everything, *moments)}


def again(work: Work) -> Work:
    """A recording that does the work itself."""
    return work


def taken(step: Step, take: Callable[[Inputs], None]) -> list[Tensor]:
    for given in inputs(step, epochs=2):
        take(given)
    return [value.detach() for value in step.changed()]


def now(work: Work) -> None:
    work()


@pytest.mark.parametrize(
    "objective", [{"kind": "elbo"}, {"kind": "capacity", "nats": 3.0}, {"kind": "target_rate", "nats": 0.01}]
)
def test_replaying_trains_to_the_bit_what_plain_steps_train(objective: dict[str, Any]) -> None:
    jobs = several(objective=objective)
    replays = 0

    def record(work: Work) -> Work:
        def replay() -> None:
            nonlocal replays
            replays += 1
            work()

        return replay

    plain, recorded = step_of(*jobs), step_of(*jobs)
    expected = taken(plain, plain)
    found = taken(recorded, Recorded(recorded, record=record, plainly=now))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert (
        replays == 1 + 2 * (SIZE // BATCH) - PLAIN
    )  # once to be checked; smaller batches are trained as they are


def nothing(_: Work) -> Work:
    return lambda: None


def one_thing_only(step: Step) -> Callable[[Work], Work]:
    """A recording of the sums alone, as if the optimiser had been left out."""
    return lambda _: lambda: setattr(step, "sums", step.sums.add_(1.0))


def broken(step: Step) -> Callable[[Work], Work]:
    """A recording that comes to grief halfway."""

    def replay() -> None:
        step.sums.add_(1.0)
        raise RuntimeError("an illegal memory access was encountered")

    return lambda _: replay


def failing(_: Work) -> Work:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize("kind", ["nothing", "one thing only", "broken", "failing"])
def test_a_recording_that_fails_or_does_something_else_is_not_used(kind: str) -> None:
    jobs = several()
    plain, recorded = step_of(*jobs), step_of(*jobs)
    expected = taken(plain, plain)
    record = {
        "nothing": nothing,
        "one thing only": one_thing_only(recorded),
        "broken": broken(recorded),
        "failing": failing,
    }[kind]
    with pytest.warns(UserWarning, match="no step could be recorded") as warned:
        found = taken(recorded, Recorded(recorded, record=record, plainly=now))
    assert len(warned) == 1
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_member_that_diverged_does_not_cost_the_others_their_recording() -> None:
    jobs = [job(beta, length={"batch_size": BATCH, "epochs": 2}) for beta in (1.0, 1e39)]
    step = step_of(*jobs)
    taken(step, Recorded(step, record=again, plainly=now))  # a warning would be an error
    means = step.means(1)
    assert np.isfinite(means[:, 0]).all()
    assert np.isnan(means[:, 1]).all()


def test_nothing_is_recorded_on_a_cpu() -> None:
    assert not can_be_recorded(step_of(job()).fleet)
