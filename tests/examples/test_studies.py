"""Every study runs at toy size by the very line that stands in its comment."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from klsweep import spec
from klsweep.cli.app import app
from klsweep.spec.row import settings_row

SWEEPS = Path(__file__).parents[2] / "sweeps"
STUDIES = (
    "reductions",
    "schedules",
    "likelihoods",
    "controllers",
    "colour",
    "disentangle",
    "forecast",
    "grammar",
    "sentences",
)


def toy(name: str) -> list[str]:
    """The overrides of the line `At toy size: klsweep run sweeps/NAME.yaml ...`."""
    text = (SWEEPS / f"{name}.yaml").read_text()
    found = re.search(rf"^# At toy size: klsweep run sweeps/{name}\.yaml (.*)$", text, re.MULTILINE)
    assert found, "the comment does not say how to run the study at toy size"
    return shlex.split(found[1])


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_runs_at_toy_size(name: str, tmp_path: Path) -> None:
    arguments = [str(SWEEPS / f"{name}.yaml"), *toy(name), "--results", str(tmp_path)]
    options = ["--backend", "inline", "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, ["run", *arguments, *options], catch_exceptions=False)
    jobs = len(spec.read(SWEEPS / f"{name}.yaml", toy(name)).jobs)
    assert done.exit_code == 0, done.output
    assert len(list(tmp_path.glob("*/jobs/*/result.json"))) == jobs


def test_the_reductions_make_four_objectives_of_one_raw_weight() -> None:
    """On 28x28 pictures and ten latents, as the README's table says: sum w, mean 78.4 w, mean_recon 784 w, w / 10."""
    sweep = spec.read(SWEEPS / "reductions.yaml", ["dataset=digits", "weight=1.0"])
    rows = [settings_row(job, input_dim=784, train_size=1000) for job in sweep.jobs]
    assert {row["reduction"]: pytest.approx(row["beta"]) for row in rows} == {
        "sum": 1.0,
        "mean": 78.4,
        "mean_recon": 784.0,
        "mean_kl": 0.1,
    }
