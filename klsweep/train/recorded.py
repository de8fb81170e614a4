"""A step that a GPU does from a recording, a CUDA graph: one launch in the place of hundreds."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from klsweep.train.fleet import Fleet
from klsweep.train.step import Inputs, Step

Work = Callable[[], None]

PLAIN = 3
"""Steps taken as they are before one is recorded: libraries choose their kernels and take their memory in them."""

ALIKE = 0.01
"""How far a replayed step may be from a plain one, as a share of its length, before the recording is thrown away.
Both run the same kernels, so only those that sum in no fixed order can differ at all."""


def can_be_recorded(fleet: Fleet) -> bool:
    """Whether every step is the same to the GPU: models of our own, whose batches have one shape."""
    model = fleet.lead.model
    return fleet.device.type == "cuda" and model.stacks_on_gpu and not fleet.lead.likelihood.tokens


def recorded_by_cuda(step: Work) -> Work:
    """Record `step` without taking it; calling what is returned takes it."""
    here, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            step()
    except RuntimeError as error:
        torch.cuda.set_stream(here)  # which a recording that fails leaves undone
        raise error.__context__ or error from None
    return graph.replay


class Aside:
    """Does work on a stream of its own, as what is to be recorded later must be done; always on the same."""

    def __init__(self) -> None:
        self._there: torch.cuda.Stream | None = None

    def __call__(self, work: Work) -> None:
        """Do `work`, after all that was asked of the GPU before and before all that is asked later."""
        here = torch.cuda.current_stream()
        there = self._there = self._there or torch.cuda.Stream()  # type: ignore[no-untyped-call]
        there.wait_stream(here)
        try:
            with torch.cuda.stream(there):
                work()
        finally:
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
        record: Callable[[Work], Work] = recorded_by_cuda,
        plainly: Callable[[Work], None] | None = None,
    ) -> None:
        self.step = step
        self._record, self._plainly = record, plainly or Aside()
        self._given: Inputs | None = None  # where the recording reads
        self._replay: Work | None = None
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
        """Record the step, and keep the recording if it does what the step does. All else is afterwards as before."""
        mine = Inputs(*(value.clone() for value in given))
        changed = self.step.changed()
        before = [value.detach().clone() for value in changed]
        why = "a replay did something else"
        try:
            replay = self._record(lambda: self.step(mine))
            other = (given.x.flip(1), given.noise.neg(), given.weight / 2, given.progress / 2)
            for place, value in zip(mine, other, strict=True):  # nothing but `mine` may be in the recording
                place.copy_(value)
            moved = _moves(replay, changed, before)
            plainly = _moves(lambda: self._plainly(lambda: self.step(mine)), changed, before)
            if all((one - two).norm() <= ALIKE * two.norm() for one, two in zip(moved, plainly, strict=True)):
                self._given, self._replay = mine, replay
                return
        except RuntimeError as error:
            why = str(error)
        finally:
            _put_back(changed, before)
        warnings.warn(
            f"no step could be recorded on the GPU, so all are taken as they are: {why}", stacklevel=1
        )


def _moves(work: Work, changed: list[Tensor], before: list[Tensor]) -> list[Tensor]:
    """How far `work` moves each of `changed` from `before`, 0 for what has diverged, in float64."""
    _put_back(changed, before)
    work()
    return [
        (value.detach().double() - old.double()).nan_to_num(0, 0, 0)
        for value, old in zip(changed, before, strict=True)
    ]


def _put_back(changed: list[Tensor], before: list[Tensor]) -> None:
    for value, old in zip(changed, before, strict=True):
        value.detach().copy_(old)
