"""Parameters of a user's model that are frozen, or not used, stay as they were made."""

from pathlib import Path

import numpy as np
import pytest
from small import job, trained

from klsweep.vae.models import Custom

MODULE = """
from torch import nn

class Vae(nn.Module):
    def __init__(self, input_shape, latent_dim, params_per_value):
        super().__init__()
        self.shape = input_shape
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 2 * latent_dim))
        self.encoder[1].requires_grad_(False)
        self.unused = nn.Linear(2, 2)
        self.decoder = nn.Linear(latent_dim, 64)
    def encode(self, x):
        mean, logvar = self.encoder(x).chunk(2, dim=-1)
        return mean, logvar
    def decode(self, z):
        return self.decoder(z).view(-1, *self.shape)
"""


@pytest.mark.parametrize("members", [1, 2])
def test_what_is_frozen_or_unused_is_not_trained(members: int, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "frozen.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    model = Custom.model_validate({"target": "frozen:Vae"})

    def weights(steps: int) -> dict[str, np.ndarray]:
        length = {"steps": steps, "optimizer": "adamw", "weight_decay": 0.5, "clip": 1.0}
        jobs = [job(1.0 + index, model=model, length=length) for index in range(members)]
        return dict(trained(*jobs)[-1].weights)

    few, more = weights(1), weights(4)
    still = {name for name, value in few.items() if np.array_equal(value, more[name])}
    assert still == {name for name in few if ".encoder.1." in name or ".unused." in name}
