"""What children do in place of training where the machine fails them."""

import resource
from pathlib import Path

import fake_works
import numpy as np
import torch

ROOM = 2**28  # bytes of address space left to a child


def too_large_for_the_gpu(task, say, stopping):
    """Raises what torch raises on a full GPU, wherever more than one model is trained at once."""
    if len(task.fleet.jobs) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    fake_works.obedient(task, say, stopping)


def too_large_for_the_gpu_alone(task, say, stopping):
    """The same for the job of seed 1, however few train with it."""
    if any(job.seed == 1 for job in task.fleet.jobs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    fake_works.obedient(task, say, stopping)


def too_large_for_the_host(task, say, stopping):
    """Asks the system for more than it gives, in a fleet of more than one."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, most))
    if len(task.fleet.jobs) > 1:
        np.ones(ROOM)
    fake_works.obedient(task, say, stopping)


def on_a_gpu_that_is_gone(task, say, stopping):
    """What torch says on a machine without CUDA: no made-up message."""
    if not (task.store.parent / "back").exists():
        torch.zeros(1, device="cuda")
    fake_works.obedient(task, say, stopping)
