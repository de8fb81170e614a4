"""Sweeps of a few jobs, run with work that only pretends to train.

The closed form of the linear VAE lies with the tests of the mathematics, so its folder is searched too.
"""

import sys
from pathlib import Path

import pytest

from klsweep import spec
from klsweep.running.runner import Options, run

sys.path.insert(0, str(Path(__file__).parent))  # children import `fake_works` from here
sys.path.append(str(Path(__file__).parents[1] / "vae"))

SPEC = """\
version: 1
name: fake
fixed:
  dataset: {{kind: digits, binarize: threshold}}
  model: {{kind: mlp, hidden: [8]}}
  latent_dim: 2
  train: {{epochs: 3, batch_size: 128}}
grid:
  beta_norm: {betas}
  seed: {seeds}
"""


def sweep_of(seeds, betas=(0.1,), overrides=()):
    return spec.read_text(SPEC.format(seeds=list(seeds), betas=list(betas)), overrides)


class Run:
    """Runs sweeps under one results directory and remembers what was said."""

    def __init__(self, results: Path) -> None:
        self.results, self.heard = results, []

    def __call__(self, sweep, work, *, listen=None, **options):
        self.heard = []
        options = Options(results=self.results, device="cpu", **{"workers": 1, **options})
        return run(sweep, options, listen or self.heard.append, work=work)

    def said(self) -> str:
        return "\n".join(event.text for event in self.heard if hasattr(event, "text"))


@pytest.fixture
def sweep():
    return sweep_of


@pytest.fixture
def go(tmp_path) -> Run:
    return Run(tmp_path / "results")
