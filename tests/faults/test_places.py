"""Places that take nothing: a directory without permission, and a disk that is truly full."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from klsweep import spec
from klsweep.result import Status
from klsweep.running.runner import Options, run
from klsweep.store import Store

KLSWEEP = [sys.executable, "-m", "klsweep"]

UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:  # root writes anywhere: give up that right, which the system then does not give back
    for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
        if ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


def unprivileged(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody whom permissions bind."""
    call = [sys.executable, "-c", UNPRIVILEGED, *KLSWEEP, *map(str, command)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip("root that cannot give up its rights")
    return done


@pytest.fixture
def read_only(copied):
    """The results of a finished sweep, in which nobody may write."""
    places = [copied, *(path for path in copied.rglob("*") if path.is_dir())]
    for place in places:
        place.chmod(0o555)
    yield copied
    for place in places:
        place.chmod(0o755)


def test_a_place_without_permission_is_told_before_any_training(read_only, small_spec):
    done = unprivileged("run", small_spec, "seed=5", "--results", read_only, "--device", "cpu")
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith(f"error: {read_only / 'small'}: cannot write results here (Permission denied)")
    assert "choose one with --results DIR" in said


def test_a_place_without_permission_can_be_read(read_only, tmp_path):
    status = unprivileged("status", read_only)
    assert status.returncode == 0, status.stderr
    assert "8" in status.stdout
    report = unprivileged("report", read_only, "--out", tmp_path / "out")
    assert report.returncode == 0, report.stderr
    assert (tmp_path / "out" / "small" / "runs.csv").read_text().count(",ok,") == 8


def test_a_result_that_cannot_be_read_is_neither_moved_nor_trained_again(copied, small_spec):
    """A network file system that fails for a moment, or another user's file, says nothing of the result."""
    before = runs_of(copied)
    closed = sorted((copied / "small" / "jobs").glob("*/result.json"))[3]
    closed.chmod(0)
    done = unprivileged("run", small_spec, "--results", copied, "--device", "cpu")
    assert done.returncode == 2, done.stderr
    assert f"error: {closed} cannot be read (Permission denied), and may be whole" in done.stderr
    status = unprivileged("status", copied)
    assert (status.returncode, f"{closed} cannot be read" in status.stdout + status.stderr) == (0, True)
    closed.chmod(0o644)
    assert runs_of(copied) == before


@pytest.mark.parametrize("rights", [0o555, 0o333])
def test_a_folder_of_jobs_that_cannot_be_used_is_told_before_any_training(copied, small_spec, rights):
    jobs = copied / "small" / "jobs"
    jobs.chmod(rights)
    try:
        done = unprivileged("run", small_spec, "seed=5", "--results", copied, "--device", "cpu")
    finally:
        jobs.chmod(0o755)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "training" not in done.stdout + done.stderr
    assert len(runs_of(copied)) == 8


def runs_of(results: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in results.glob("small/jobs/*/result.json")}


@pytest.mark.parametrize("hidden", ["file", "folder"])
@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_data_without_permission_are_told(small_spec, tmp_path, kind, hidden):
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / f"x.{kind}"
    file.write_text("a,b\n1,2\n")
    place = folder if hidden == "folder" else file
    place.chmod(0)
    done = unprivileged(
        "plan", small_spec, f"dataset={{kind: {kind}, path: {file}}}", "--results", tmp_path / "r"
    )
    place.chmod(0o700)
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.strip().splitlines()
    assert f"{file}: cannot be read (Permission denied): give data that you may read" in said


FULL = """
mount -t tmpfs -o size=4m none {place} || exit 77
{command} &
until ls {work}/*/log.txt; do sleep 0.01; done 2> {place}/none
head -c 4m /dev/zero > {place}/filler
wait $!; echo "code $?"
rm {place}/filler
cp -r {place} {copy}
"""


def in_a_namespace(script: str) -> subprocess.CompletedProcess[str]:
    call = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    return subprocess.run(call, capture_output=True, text=True, timeout=240, check=False)


def can_mount(place: Path) -> bool:
    try:
        return in_a_namespace(f"mount -t tmpfs none {shlex.quote(str(place))}").returncode == 0
    except OSError:
        return False


@pytest.mark.slow
def test_a_disk_that_fills_up_in_training_ends_the_run_in_words_and_the_next_goes_on(small_spec, tmp_path):
    """A file system of 4 MB, filled by somebody else once the first fleet trains."""
    place = tmp_path / "disk"
    place.mkdir()
    if not can_mount(place):
        pytest.skip("this system lets no user mount a disk of his own")
    asked = ["run", small_spec, "train.epochs=40", "latent_dim=2", "--results", place, "--device", "cpu"]
    script = FULL.format(
        place=shlex.quote(str(place)),
        command=shlex.join([*KLSWEEP, *map(str, asked)]),
        work=shlex.quote(str(Store(place / "small").work.path)),
        copy=tmp_path / "copy",
    )
    done = in_a_namespace(script)
    assert "code 2" in done.stdout.splitlines(), done
    assert "Traceback" not in done.stderr
    assert "cannot write results here (No space left on device): needs free space" in done.stderr
    sweep = spec.read(small_spec, ["train.epochs=40", "latent_dim=2"])
    assert run(sweep, Options(results=tmp_path / "copy", device="cpu", backend="inline")).exit_code == 0
    records = Store(tmp_path / "copy" / "small").records()
    assert [record.status for record in records] == [Status.OK] * 4, "no job is to blame"
    assert not Store(tmp_path / "copy" / "small").problems()
