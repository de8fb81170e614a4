"""A module's buffers (running statistics, dropout's count) belong to the state: kept in checkpoints and results."""

from pathlib import Path

import pytest
from small import job, same_bits, trained

from klsweep.errors import Interrupted
from klsweep.train import Setting
from klsweep.vae.models import Custom

MODULE = """
import torch
from torch import nn

class Vae(nn.Module):
    def __init__(self, input_shape, latent_dim, params_per_value):
        super().__init__()
        self.shape = input_shape
        self.inner = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.2), nn.Linear(64, 2 * latent_dim))
        self.decoder = nn.Linear(latent_dim, 64)
    def encode(self, x):
        mean, logvar = self.inner(x).chunk(2, dim=-1)
        return mean, logvar
    def decode(self, z):
        return self.decoder(z).view(-1, *self.shape)
"""


def test_buffers_survive_an_interruption_and_come_with_the_result(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "buffered.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    model = Custom.model_validate({"target": "buffered:Vae"})
    one = job(model=model, length={"epochs": 3})
    (whole,) = trained(one)
    (tmp_path / "work").mkdir()
    stop = Setting(directory=tmp_path / "work", stopping=lambda: True)
    with pytest.raises(Interrupted):
        trained(one, setting=stop)
    (resumed,) = trained(one, setting=Setting(directory=tmp_path / "work"))
    assert same_bits(whole, resumed)
    assert "module.inner.1.running_mean" in whole.weights
