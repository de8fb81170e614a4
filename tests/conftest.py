"""What tests of several floors need: a spec in a file, its jobs, and results as a training would make them."""

from collections.abc import Callable
from pathlib import Path

import pytest

TINY = """\
version: 1
name: tiny
fixed:
  dataset: digits
  model: {kind: mlp, hidden: [8]}
  latent_dim: 2
  likelihood: bernoulli
  train: {epochs: 2, batch_size: 512}
grid:
  beta_norm: [0.1, 1.0]
  seed: [0, 1]
"""
"""Four jobs that make one fleet."""


@pytest.fixture
def write_spec(tmp_path: Path) -> Callable[..., Path]:
    """Write a spec, `TINY` by default, to a file."""

    def write(text: str = TINY, name: str = "tiny.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def one_fleet_for_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan fleets as on one core, so that tests say the same on every machine."""
    monkeypatch.setattr("klsweep.running.plan.cores", lambda: 1)
