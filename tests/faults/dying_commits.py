"""Commit a result in children that die, each at the next call into the system; a child that lives ends it.

    python dying_commits.py DIRECTORY OPERATION

Makes DIRECTORY/0, DIRECTORY/1, ...: in `n` the child was killed at its n-th call, by a real SIGKILL. Calls are those
of C functions of `posix` and of files, each counted before it is made and after: between two of them no other of the
process's calls into the system can lie.
"""

import os
import shutil
import signal
import sys
import types
from pathlib import Path

import numpy as np

from klsweep.result import CURVE_COLUMNS, Result, Status, job_digest
from klsweep.store import Measure, Store, checkpoint

PROBE = {"probe": Measure({"kind": "probe"}, {"probe_accuracy": 0.5})}
MOST = 2000


def result(seed: int) -> Result:
    job = {"beta_norm": 0.1, "seed": seed}
    return Result(
        job_id=job_digest(job),
        job=job,
        status=Status.OK,
        row={"job_id": job_digest(job), "status": "ok", "seed": seed, "rate_nats": seed / 3},
        curve=[dict.fromkeys(CURVE_COLUMNS, float(seed))] * 3,
        arrays={"rate_per_latent_nats": np.arange(4.0)},
        weights={"w": np.eye(3, dtype=np.float32)},
    )


def prepared(directory: Path) -> Store:
    """A sweep with one result, one plan and one checkpoint."""
    store = Store.open(directory, "sweep")
    store.commit(result(9))
    store.work.write_plan({"fleet": [result(9).job_id]})
    store.work.fleet("fleet").path.mkdir()
    checkpoint.save(store.work.fleet("fleet").path, {"w": np.zeros(50)}, {"epoch": 1})
    return store.refreshed()


OPERATIONS = {
    "commit": lambda store: store.commit(result(1)),
    "measures": lambda store: store.add_measures(result(9).job_id, PROBE),
    "plan": lambda store: store.work.write_plan({"fleet": [result(9).job_id, result(1).job_id]}),
    "checkpoint": lambda store: checkpoint.save(
        store.work.fleet("fleet").path, {"w": np.ones(50)}, {"epoch": 2}
    ),
    "withdraw": lambda store: store.withdraw(result(9).job_id),
}


class Mortal:
    """Dies at a call into the system."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, frame: types.FrameType, event: str, function: object) -> None:
        if event not in ("c_call", "c_return", "c_exception") or not _reaches_the_system(function):
            return
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def _reaches_the_system(function: object) -> bool:
    owner = getattr(function, "__self__", None)
    return "posix" in (getattr(function, "__module__", None), getattr(owner, "__name__", None)) or (
        type(owner).__module__ == "_io" or getattr(owner, "__name__", None) in ("io", "_io")
    )


def main(directory: Path, operation: str) -> None:
    first = prepared(directory / "0")
    whole = shutil.copytree(directory / "0", directory.with_name(f"{directory.name}-whole"))
    for at in range(MOST):
        if at:
            shutil.copytree(whole, directory / str(at))
        store = Store(directory / str(at) / first.name)
        child = os.fork()
        if child == 0:
            sys.setprofile(Mortal(at))
            OPERATIONS[operation](store)
            sys.setprofile(None)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
    raise AssertionError(f"{operation} was not over after {MOST} calls")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
