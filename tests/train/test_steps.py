"""A fleet takes the steps of the plain loop that anybody would write: torch's modules, optimisers and clipping."""

from typing import Any

import numpy as np
import pytest
import torch
from small import INPUT_DIM, job
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from klsweep.data import Data
from klsweep.spec.job import Job
from klsweep.train import Setting, streams, train
from klsweep.train.assembly import assemble
from klsweep.train.batches import epoch_batches

SIZE, BATCH = 100, 32  # four steps an epoch, the last with 4 data
GREY = np.random.default_rng(0).random(
    (3, SIZE, 1, 8, 8), dtype=np.float32
)  # no gradient is near 0, as it is at dead pixels
DATA = Data(*GREY)


class Plain(nn.Module):
    """The network of `small.job`, of torch's own layers in float64."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(INPUT_DIM, 32), nn.ReLU(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, INPUT_DIM))
        initial = streams.network(job().model, seed, ((1, 8, 8), 4, 1)).state_dict()
        self.load_state_dict(
            {name: value.T if value.dim() == 2 else value for name, value in initial.items()}
        )
        self.double()

    def terms(self, x: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Distortion and rate [batch]."""
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        logits = self.decoder(mean + torch.exp(0.5 * logvar) * noise)
        entropy = binary_cross_entropy_with_logits(logits, x, reduction="none")
        return entropy.sum(1), 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)


def torch_optimizer(settings: Any, parameters: Any) -> torch.optim.Optimizer:
    lr, decay = settings.lr, settings.weight_decay
    return {
        "adam": lambda: torch.optim.Adam(parameters, lr=lr, weight_decay=decay),
        "adamw": lambda: torch.optim.AdamW(parameters, lr=lr, weight_decay=decay),
        "sgd": lambda: torch.optim.SGD(parameters, lr=lr, weight_decay=decay, momentum=settings.momentum),
    }[settings.optimizer]()


def plain_loop(one: Job, beta_at: Any, scale: float) -> tuple[dict[str, np.ndarray], list[list[float]]]:
    """Final weights by name, and (loss, distortion, rate) of every epoch, averaged over its data."""
    network, settings = Plain(one.seed), one.train
    length = settings.length(SIZE)
    epochs, steps = length.epochs, length.steps
    optimizer = torch_optimizer(settings, network.parameters())
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    fleet, _ = assemble([one], (1, 8, 8), train_size=SIZE, device=torch.device("cpu"))
    curve, step = [], 0
    for epoch in range(epochs):
        seen = []
        for x, noise in epoch_batches(fleet, torch.from_numpy(DATA.train), epoch, dynamic=False):
            if step == steps:
                break
            distortion, rate = network.terms(x[0].flatten(1).double(), noise[0].double())
            losses = scale * (distortion + beta_at(step / steps) * rate)
            optimizer.zero_grad()
            losses.mean().backward()
            if settings.clip is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimizer.step()
            if settings.lr_decay == "cosine":
                decay.step()
            seen.append(torch.stack([losses, distortion, rate]).detach())
            step += 1
        curve.append(torch.cat(seen, dim=1).mean(1).tolist())
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return {name: value.T if value.ndim == 2 else value for name, value in weights.items()}, curve


CASES: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam with weight decay": {"weight_decay": 0.1},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.5},
    "sgd": {"optimizer": "sgd", "lr": 1e-3},
    "sgd with momentum and weight decay": {
        "optimizer": "sgd",
        "lr": 1e-3,
        "momentum": 0.9,
        "weight_decay": 0.1,
    },
    "clipped sgd": {"optimizer": "sgd", "lr": 0.1, "clip": 0.5},
    "clipped adam": {"clip": 1e-3},
    "a clip too wide to bind": {"optimizer": "sgd", "lr": 1e-3, "clip": 8.0},
    "cosine decay": {"lr_decay": "cosine", "lr": 1e-2},
    "two epochs and a half": {"steps": 10},
    "a single step": {"steps": 1},
}


@pytest.mark.parametrize("case", CASES)
def test_a_fleet_steps_as_a_plain_torch_loop(case: str) -> None:
    length = {"batch_size": BATCH, **CASES[case]}
    length = length if "steps" in length else {"epochs": 3, **length}
    jobs = [job(0.5, seed=0, length=length), job(4.0, seed=1, length=length)]
    for one, result in zip(jobs, train(jobs, DATA, Setting()), strict=True):
        beta = one.beta
        weights, curve = plain_loop(one, lambda _, beta=beta: beta, 1.0)
        _agree(result, weights, curve)


@pytest.mark.parametrize("start", [0.0, 0.25])
def test_a_schedule_multiplies_the_weight_step_by_step(start: float) -> None:
    one = job(
        4.0,
        schedule={"kind": "linear", "start": start, "warmup": 0.5},
        length={"batch_size": BATCH, "epochs": 3},
    )
    weights, curve = plain_loop(one, lambda t: 4.0 * (start + (1 - start) * min(1, t / 0.5)), 1.0)
    _agree(train([one], DATA, Setting())[0], weights, curve)


@pytest.mark.parametrize(
    ("reduction", "a", "c"),
    [("mean", 1 / 64, 1 / 4), ("mean_recon", 1 / 64, 1), ("mean_kl", 1, 1 / 4), ("sum", 1, 1)],
)
def test_a_raw_weight_is_applied_as_the_script_writes_it(reduction: str, a: float, c: float) -> None:
    one = job(
        None, weight=0.7, reduction=reduction, length={"batch_size": BATCH, "optimizer": "sgd", "lr": 1e-3}
    )
    weights, curve = plain_loop(one, lambda _: 0.7 * c / a, a)  # a recon + w c KL = a (recon + (w c / a) KL)
    _agree(train([one], DATA, Setting())[0], weights, curve)


def test_steps_end_a_training_in_the_middle_of_an_epoch() -> None:
    result = train([job(length={"batch_size": BATCH, "steps": 10})], DATA, Setting())[0]
    assert [row["step"] for row in result.curve] == [4, 8, 10]
    assert result.row["epochs"] == 3
    assert result.provenance["steps"] == 10


def test_weight_decay_pulls_every_weight_towards_zero_where_nothing_else_pulls() -> None:
    """Decoupled: (1 - lr * decay)^steps of the initial weight, for an input whose gradient is 0 throughout."""
    dead = Data(*(split * (np.arange(64) != 5).reshape(1, 8, 8).astype(np.float32) for split in GREY))
    length = {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.5, "epochs": 3, "batch_size": BATCH}
    result = train([job(length=length)], dead, Setting())[0]
    initial = streams.network(job().model, 0, ((1, 8, 8), 4, 1)).state_dict()["encoder.0.weight"][5]
    expected = initial.double().numpy() * (1 - 1e-2 * 0.5) ** 12
    np.testing.assert_allclose(result.weights["encoder.0.weight"][5], expected, rtol=12 * 1.2e-7)


def test_the_softplus_of_the_witness_is_that_of_the_mathematics() -> None:
    """The witness uses torch's cross-entropy; the package writes x l - softplus(l). They are one function."""
    logits, x = torch.linspace(-30, 30, 61).double(), torch.linspace(0, 1, 61).double()
    theirs = binary_cross_entropy_with_logits(logits, x, reduction="none")
    torch.testing.assert_close(softplus(logits) - x * logits, theirs, rtol=0, atol=3e-9)  # e^-20 above 20


def _agree(result: Any, weights: dict[str, np.ndarray], curve: list[list[float]]) -> None:
    """The witness is float64, so the differences are the fleet's own rounding.

    A gradient is a float32 sum of up to 64 products four layers deep: 4 * 64 * 6e-8 = 1.5e-5 relative. SGD takes
    over that share of a step. Adam divides by the root of the gradient's square, so a weight whose gradient is a
    hundredth of the others' may be off by 1.5e-3 of a step: 1.5e-5 for one step of the largest lr, 0.01.
    """
    for name, expected in weights.items():
        np.testing.assert_allclose(result.weights[name], expected, rtol=0, atol=1.5e-5)
    names = ("train_loss", "train_distortion_nats", "train_rate_nats")
    found = [[row[name] for name in names] for row in result.curve]
    np.testing.assert_allclose(found, curve, rtol=1.5e-5)
