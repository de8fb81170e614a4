"""Every example runs as it is documented, at tiny size; own models and data go through run and report."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import klsweep
from klsweep.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = {
    "own_model": ["train.epochs=1", "dataset.limit=100", "beta_norm=0.1"],
    "own_npz": ["train.epochs=1", "beta=1.0"],
    "own_csv": ["train.epochs=1", "beta=1.0"],
    "own_images": ["train.epochs=1", "beta=1.0"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make_data.py` was run."""
    made = tmp_path_factory.mktemp("examples")
    subprocess.run([sys.executable, EXAMPLES / "make_data.py"], cwd=made, check=True)
    for name in ("my_vae.py", *(f"{spec}.yaml" for spec in TINY)):
        (made / name).write_bytes((EXAMPLES / name).read_bytes())
    return made


@pytest.mark.parametrize("name", TINY)
def test_an_example_runs(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    run = ["run", f"{name}.yaml", *TINY[name], "--backend", "inline", "--device", "cpu", "--quiet"]
    done = CliRunner().invoke(app, run, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = klsweep.load(folder / "results" / name.replace("_", "-"))
    assert set(table["status"]) == {"ok"}
    assert table["elbo_nats"].notna().all()


def test_an_own_model_and_own_data_are_reported(folder: Path) -> None:
    """Of the sweeps that the tests above have run."""
    for name in ("own-model", "own-npz"):
        reported = CliRunner().invoke(app, ["report", str(folder / "results" / name)], catch_exceptions=False)
        assert reported.exit_code == 0, reported.output
        table = pd.read_csv(folder / "results" / name / "report" / "runs.csv")
        assert table["elbo_nats"].notna().all()
    assert table["dataset"].str.startswith("npz(").all()


def test_every_example_is_run_and_told_of() -> None:
    specs = {path.stem for path in EXAMPLES.glob("*.yaml")}
    assert specs == set(TINY)
    told = (EXAMPLES / "README.md").read_text()
    assert all(f"`{name}.yaml`" in told for name in specs)
