"""Clusters of this machine, as somebody else would have started them, and the sweep they train."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 300.0  # seconds that anything here may take on a machine that much else keeps busy

SPEC = """\
version: 1
name: shared
fixed:
  dataset: {kind: digits, limit: 200}
  model: {kind: mlp, hidden: [16]}
  likelihood: bernoulli
  train: {epochs: 60, batch_size: 64}
grid:
  latent_dim: [2, 3, 4]
  beta_norm: [0.1, 1.0]
  seed: [0, 1]
"""
"""Twelve jobs in three fleets, about half a second each."""


def until(seen, what="it"):
    """Wait until `seen` gives something true, and give that."""
    deadline = time.monotonic() + PATIENCE
    while not (found := seen()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return found


class Klsweep:
    """`klsweep run` as a process of its own, with what it says in a file."""

    def __init__(self, folder: Path, *arguments, spec: Path | None = None) -> None:
        if spec is None:
            spec = folder / "shared.yaml"
            spec.write_text(SPEC)
        self.said = folder / f"said-{time.monotonic_ns()}.txt"
        command = [sys.executable, "-m", "klsweep", "run", spec, "--device", "cpu", *map(str, arguments)]
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=folder, start_new_session=True
            )

    def end(self) -> int:
        return self.process.wait(timeout=PATIENCE)

    def text(self) -> str:
        return self.said.read_text()


def below(pid: int) -> list[int]:
    """Every process that this one has started, and those have."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(each) for each in thread.read_text().split()]
        except OSError:
            continue
    return found + [each for child in found for each in below(child)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def trainers(pid: int) -> dict[int, list[int]]:
    """The engine's workers below a process that host a fleet, with what trains below each: a group of its own."""
    found = {}
    for worker in below(pid):
        children = [each for each in below(worker) if _group(each) == each and each != worker]
        if children and ("spawn_main" in command_of(worker) or command_of(worker).startswith("ray::")):
            found[worker] = children
    return found


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def runs(results: Path) -> str:
    """runs.csv less the column that is a measurement of time."""
    from klsweep.reporting import rows
    from klsweep.store import sweeps

    (store,) = sweeps(results)
    return rows.csv(rows.runs(store).drop(columns="train_seconds"))


class DaskCluster:
    """A scheduler and two workers of one thread, by Dask's own commands."""

    def __init__(self, folder: Path) -> None:
        self.file, self.processes = folder / "scheduler.json", []
        options = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self._begin("scheduler", *options, "--port", "0")
        self.address = until(self._address, "the scheduler's address")
        self.workers = self._begin("worker", self.address, "--nworkers", "2", "--nthreads", "1", *options)
        log = self.file.with_name("worker.log")
        until(lambda: log.read_text().count("Registered to") == 2, "both workers")

    def _begin(self, what: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", what, *options]
        file = ["--scheduler-file", str(self.file)] if what == "scheduler" else []
        with (self.file.with_name(f"{what}.log")).open("w") as log:
            process = subprocess.Popen([*command, *file], stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def _address(self) -> str:
        try:
            return json.loads(self.file.read_text())["address"]
        except (OSError, ValueError):
            return ""

    def end(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""As Linux writes 127.0.0.1, the same in IPv6, and ::1."""


def listening(pid: int) -> list[str]:
    """The addresses at which a process listens, as the system writes them."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            sockets.add(str(handle.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets]
