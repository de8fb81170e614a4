"""Metrics added to a finished sweep are those a run with them gives; nothing is trained, no result is touched."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import klsweep
from klsweep.cli.app import app
from klsweep.errors import SpecError, StoreError
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.reconstruction import Reconstruction
from klsweep.store import Store, unmeasured

ASKED = ["probe", "{kind: iw_bound, samples: 5, data: 20}", "information", "reconstruction"]
SPEC = """
version: 1
name: small
fixed:
  dataset: {kind: npz, path: DATA, limit: 60}
  latent_dim: 3
  beta: 0.5
  model: {kind: mlp, hidden: [16]}
  train: {epochs: 1, batch_size: 32}
grid:
  likelihood: [bernoulli, {kind: gaussian, variance: optimal}, {kind: laplace, b: learned}]
  seed: [0, 1]
metrics: [METRICS]
"""


def spec(folder: Path, metrics: list[str]) -> Path:
    path = folder / "spec.yaml"
    if not (folder / "data.npz").exists():
        rng = np.random.default_rng(0)
        np.savez(folder / "data.npz", x=rng.random((200, 6), dtype=np.float32))
    data = f"{folder / 'data.npz'}"
    path.write_text(SPEC.replace("METRICS", ", ".join(metrics)).replace("DATA", data))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one spec, with metrics and without."""
    folder = tmp_path_factory.mktemp("measuring")
    for name, metrics in (("with", ASKED), ("without", [])):
        assert klsweep.run(spec(folder, metrics), results=folder / name, backend="inline").exit_code == 0
    return folder


@pytest.fixture
def bare(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder / "without", tmp_path / "results")
    return tmp_path / "results"


def results(path: Path) -> dict[Path, bytes]:
    return {file.relative_to(path): file.read_bytes() for file in path.glob("*/jobs/*/result.json")}


def test_measured_later_is_measured_by_the_run_to_the_bit(folder: Path, bare: Path) -> None:
    before = results(bare)
    (done,) = klsweep.measure(bare, ASKED)
    assert (done.measured, done.skipped, done.failed) == (6, 0, 0)
    one, other = klsweep.load(folder / "with"), klsweep.load(bare)
    assert list(one.columns) == list(other.columns)
    same = [name for name in one.columns if name != "train_seconds"]
    assert one[same].equals(other[same])
    assert results(bare) == before


def test_what_is_measured_already_is_not_measured_again(bare: Path) -> None:
    klsweep.measure(bare, ["probe"])
    (again,) = klsweep.measure(bare, ["probe", "information"])
    assert (again.measured, again.skipped) == (6, 0)
    (third,) = klsweep.measure(bare, ["probe"])
    assert (third.measured, third.skipped) == (0, 6)
    (other,) = klsweep.measure(bare, ["{kind: information, samples: 50}"])
    assert other.measured == 6


def test_what_a_run_has_measured_is_not_measured_again(folder: Path) -> None:
    (done,) = klsweep.measure(folder / "with", ASKED)
    assert (done.measured, done.skipped) == (0, 6)


def test_an_unknown_metric_is_told_before_anything_is_measured(bare: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no metric prob: .*did you mean probe"):
        klsweep.measure(bare, ["prob"])


def test_a_sweep_in_use_is_not_measured(bare: Path) -> None:
    with Store(bare / "small").work.held(), pytest.raises(StoreError, match="is using this sweep"):
        klsweep.measure(bare, ["probe"])


def test_damaged_weights_are_told(bare: Path) -> None:
    path = next(bare.glob("small/jobs/*/weights.safetensors"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(StoreError, match=f"weights of job {path.parent.name} are damaged"):
        klsweep.measure(bare, ["probe"])


def test_the_command_measures_and_says_so(bare: Path) -> None:
    found = CliRunner().invoke(app, ["measure", str(bare), "--metric", "probe", "-m", "information"])
    assert found.exit_code == 0
    assert found.output.splitlines() == [
        "probe: no value for data: all its columns are empty: klsweep kinds metrics says what it is of",
        "small: 6 jobs measured",
    ], "these data have no labels"
    assert "mutual_information_nats" in klsweep.load(bare).columns


def test_every_job_is_counted_once_where_a_metric_fails(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of six jobs two have the metric, one has lost its weights, and of the others the measuring fails."""
    asked = ["measure", str(bare), "-m", "reconstruction"]
    klsweep.measure(bare, ["reconstruction"])
    jobs = sorted((bare / "small" / "jobs").iterdir())
    for job in jobs[2:]:
        (job / "measured.json").unlink()
    monkeypatch.setattr(Store, "kept_weights", lambda _, job_id: job_id != jobs[2].name)

    def failing(metric: Reconstruction, evidence: Evidence) -> Values:
        raise ValueError("no such thing")

    monkeypatch.setattr(Reconstruction, "measure", failing)
    found = CliRunner().invoke(app, asked)
    assert found.exit_code == 1
    *notes, ending = found.output.splitlines()
    assert ending == "small: 0 jobs measured, 2 had it already, 4 could not be"
    assert sorted(note.split(":")[0].split()[0] for note in notes) == [job.name for job in jobs[2:]]
    (counted,) = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert [counted[name] for name in ("measured", "skipped", "failed")] == [0, 2, 4]
    assert len(counted["notes"]) == 4


def test_a_metric_that_failed_in_a_run_is_told_until_it_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(metric: Reconstruction, evidence: Evidence) -> Values:
        raise ValueError("no such thing")

    path, results = spec(tmp_path, ["reconstruction", "information"]), tmp_path / "results"
    with monkeypatch.context() as broken:
        broken.setattr(Reconstruction, "measure", failing)
        assert klsweep.run(path, ["likelihood=bernoulli"], results=results, backend="inline")
    said = "reconstruction failed on 2 jobs: ValueError: no such thing: klsweep measure tries it again"
    assert f"small: {said}" in CliRunner().invoke(app, ["status", str(results)]).output.splitlines()
    (standing,) = json.loads(CliRunner().invoke(app, ["status", str(results), "--json"]).stdout)
    assert standing["unmeasured"] == [said]
    assert klsweep.report(results)[0].notes == (said,)
    klsweep.measure(results, ["reconstruction"])
    assert unmeasured(Store(results / "small").records()) == ()
