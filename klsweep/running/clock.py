"""How long an attempt to train a fleet may take, and how long it may be silent."""

import time
from dataclasses import dataclass, field

from klsweep.result import Status
from klsweep.spec.job import RunLimits

LOOKED_SECONDS = 1.0
"""The most that counts between two looks: whoever looks does so several times a second, unless it stood still."""


@dataclass(frozen=True)
class Trouble:
    """An attempt that failed."""

    reason: str
    trace: str = ""
    status: Status = Status.FAILED
    accident: bool = False  # it need not come again


@dataclass
class Clock:
    """How long an attempt went on, and how long without a word. Time in which nobody looked does not count."""

    limits: RunLimits
    jobs: int
    spent: float = 0.0
    silent: float = 0.0
    looked: float = field(default_factory=time.monotonic)

    def look(self) -> Trouble | None:
        """Let time pass; what is wrong by now."""
        now = time.monotonic()
        passed, self.looked = min(now - self.looked, LOOKED_SECONDS), now
        self.spent, self.silent = self.spent + passed, self.silent + passed
        limits = self.limits
        if limits.timeout is not None and self.spent >= limits.timeout * self.jobs:
            jobs = "" if self.jobs == 1 else f" of each of {self.jobs} jobs"
            return Trouble(f"it took longer than its {limits.timeout:g} s{jobs}", status=Status.TIMEOUT)
        if limits.stall_timeout is not None and self.silent >= limits.stall_timeout:
            reason = f"it gave no sign of life for {limits.stall_timeout:g} s"
            return Trouble(reason, status=Status.TIMEOUT, accident=True)
        return None
