"""A step that a GPU does from a recording, a CUDA graph: one launch in the place of hundreds."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from klsweep.train.fleet import Fleet
from klsweep.train.step import Inputs, Step

Replay = Callable[[], None]

PLAIN = 3
"""Steps taken as they are before one is recorded: they make the moments, and libraries choose their kernels in them."""

ALIKE = 0.01
"""How far a replayed step may be from a plain one, as a share of its length, before the recording is thrown away.
Both run the same kernels, so only those that sum in no fixed order can differ at all."""


def can_be_recorded(fleet: Fleet) -> bool:
    """Whether every step is the same to the GPU: models of our own, whose batches have one shape."""
    model = fleet.lead.model
    return fleet.device.type == "cuda" and model.stacks_on_gpu and not fleet.lead.likelihood.tokens


def recorded_by_cuda(step: Callable[[], None]) -> Replay:
    """Record `step` without taking it; calling what is returned takes it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        step()
    return graph.replay


def aside(work: Callable[[], None]) -> None:
    """Do `work` on a stream of its own, as what is to be recorded later must be done."""
    here, there = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    there.wait_stream(here)
    with torch.cuda.stream(there):
        work()
    here.wait_stream(there)


class Recorded:
    """`step`, after a few times from a recording, which must first have done once what the step does.

    A batch of another size, as the last of an epoch is, is trained on as it is. Where recording fails, or a replay
    does something else, so is every other.
    """

    def __init__(
        self,
        step: Step,
        *,
        record: Callable[[Callable[[], None]], Replay] = recorded_by_cuda,
        plainly: Callable[[Callable[[], None]], None] = aside,
    ) -> None:
        self.step = step
        self._record, self._plainly = record, plainly
        self._given: Inputs | None = None  # where the recording reads
        self._replay: Replay | None = None
        self._left = PLAIN

    def __call__(self, given: Inputs) -> None:
        """Take one step."""
        if self._left > 0 or self._given is None or self._given.x.shape != given.x.shape:
            self._plainly(lambda: self.step(given))
            whole = given.x.shape[1] == self.step.fleet.batch_size
            self._left -= whole
            if self._left == 0 and whole:
                self._begin(given)
            return
        for place, value in zip(self._given, given, strict=True):
            place.copy_(value)
        assert self._replay is not None
        self._replay()

    def _begin(self, given: Inputs) -> None:
        """Record the step, and keep the recording if it does what the step does."""
        mine = Inputs(*(value.clone() for value in given))
        why = "a replay did something else"
        try:
            replay = self._record(lambda: self.step(mine))
            if self._alike(replay, mine):
                self._given, self._replay = mine, replay
                return
        except RuntimeError as error:
            why = str(error)
        warnings.warn(
            f"no step could be recorded on the GPU, so all are taken as they are: {why}", stacklevel=1
        )

    def _alike(self, replay: Replay, given: Inputs) -> bool:
        """Whether a replay changes what a step changes, and so much; all is put back as it was."""
        changed = self.step.changed()
        replayed = _tried(replay, changed)
        plain = _tried(lambda: self._plainly(lambda: self.step(given)), changed)
        return all(
            bool((one - other).norm() <= ALIKE * other.norm())
            for one, other in zip(replayed, plain, strict=True)
        )


def _tried(work: Callable[[], None], changed: list[Tensor]) -> list[Tensor]:
    """How far `work` moves each of `changed`, 0 for what has diverged, in float64; they are put back."""
    before = [value.detach().clone() for value in changed]
    try:
        work()
        return [
            (value.detach().double() - old.double()).nan_to_num(0, 0, 0)
            for value, old in zip(changed, before, strict=True)
        ]
    finally:
        for value, old in zip(changed, before, strict=True):
            value.detach().copy_(old)
