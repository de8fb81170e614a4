"""A small sweep that was really trained, and copies of it to be spoilt."""

import shutil
import sys
from pathlib import Path

import pytest

from klsweep import api, spec
from klsweep.running.runner import Options, run

sys.path.insert(0, str(Path(__file__).parent))  # children import `faulty_works` from here
sys.path.append(str(Path(__file__).parents[1] / "running"))  # and `fake_works` from there

SMALL = """\
version: 1
name: small
fixed:
  dataset: {kind: digits, limit: 200}
  model: {kind: mlp, hidden: [16]}
  likelihood: bernoulli
  train: {epochs: 2, batch_size: 64}
grid:
  latent_dim: [2, 3]
  beta_norm: [0.1, 1.0]
  seed: [0, 1]
"""
"""Eight jobs in two fleets, a fraction of a second each."""


@pytest.fixture(scope="session")
def small_spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="session")
def trained(small_spec, tmp_path_factory) -> Path:
    """A results directory with the small sweep in it; not to be written to."""
    results = tmp_path_factory.mktemp("trained")
    summary = api.run(small_spec, results=results, device="cpu", backend="inline")
    assert summary.exit_code == 0
    return results


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "results"))


class Go:
    """Runs a sweep of made-up work, and remembers what was said."""

    def __init__(self, results: Path) -> None:
        self.results, self.heard = results, []

    def __call__(self, sweep, work, **options):
        self.heard = []
        options = Options(results=self.results, device="cpu", **{"workers": 1, **options})
        return run(sweep, options, self.heard.append, work=work)

    def said(self) -> str:
        return "\n".join(event.text for event in self.heard if hasattr(event, "text"))


@pytest.fixture
def go(tmp_path) -> Go:
    return Go(tmp_path / "results")


@pytest.fixture
def sweep():
    """The small sweep with other values."""
    return lambda *overrides: spec.read_text(SMALL, overrides)
