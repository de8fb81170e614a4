"""Which devices a run uses and how many workers and threads, without loading torch here."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import joblib

from klsweep.errors import DeviceError

_ASKED = re.compile(r"auto|cpu|cuda(:\d+)?(,cuda:\d+)*")


@dataclass(frozen=True)
class Hands:
    """Who does the work: a device for each worker, and the threads of each."""

    devices: tuple[str, ...]
    threads: int
    cluster: str = ""  # whose they are, where they are not this machine's


def choose_devices(asked: str) -> tuple[str, ...]:
    """`auto`, `cpu`, `cuda` (all of them), or `cuda:1,cuda:2`, as device names; `DeviceError` where absent."""
    if not _ASKED.fullmatch(asked):
        raise DeviceError(
            f"--device {asked}: unknown device: allowed: auto, cpu, cuda, or a list such as cuda:0,cuda:1"
        )
    if asked == "cpu":
        return ("cpu",)
    if asked == "auto" and not (shutil.which("nvidia-smi") or Path("/dev/nvidiactl").exists()):
        return ("cpu",)
    present = tuple(f"cuda:{index}" for index in range(_cuda_devices()))
    if asked == "auto":
        return present or ("cpu",)
    wanted = present if asked == "cuda" else tuple(dict.fromkeys(asked.split(",")))
    missing = [device for device in wanted if device not in present and device != "cuda"]
    if not wanted or missing:
        found = ", ".join(present) or "none"
        raise DeviceError(
            f"--device {asked}: {', '.join(missing) or 'CUDA'} is not there: CUDA devices that torch finds: {found}: "
            "use --device cpu, or install a CUDA build of torch and its driver"
        )
    return wanted


def choose_hands(devices: tuple[str, ...], workers: int | None, fleets: int) -> Hands:
    """Workers and their threads: together never more threads than cores.

    `fleets` counts all fleets of the sweep, done or not, so that a resumed run gives each the same threads.
    """
    most = cores()
    if workers is not None and not 1 <= workers <= most:
        raise DeviceError(
            f"--workers {workers}: this machine gives {most} cores: allowed: 1 to {most}: "
            "leave it out for the default"
        )
    if devices == ("cpu",):
        count = workers or min(most, max(1, fleets))
        return Hands(("cpu",) * count, most // count)
    count = workers or len(devices)
    return Hands(tuple(devices[index % len(devices)] for index in range(count)), max(1, most // count))


def cores() -> int:
    """Cores that this process may use: what affinity and control groups leave of the machine."""
    return int(joblib.cpu_count())


def _cuda_devices() -> int:
    """Number of CUDA devices, asked in a process of its own: torch and a CUDA context stay out of this one."""
    question = "import torch; print(torch.cuda.device_count())"
    answer = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    return int(answer.stdout) if answer.returncode == 0 else 0
