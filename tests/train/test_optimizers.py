"""Our use of torch's functions against torch's own classes around them, to the bit."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from klsweep.spec.job import Train
from klsweep.train.optimizers import Optimizer

SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {"weight_decay": 0.1},
    "adamw": {"weight_decay": 0.5},
    "sgd": {"weight_decay": 0.1},
    "sgd with momentum": {"optimizer": "sgd", "momentum": 0.9},
}
CLASSES = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {(2, 3, 4): torch.float32, (2, 4): torch.float64, (2, 1): torch.float32}
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape, dtype in shapes.items()]


@pytest.mark.parametrize("case", SETTINGS)
def test_a_step_is_that_of_torchs_class_and_leaves_alone_what_has_no_gradient(case: str) -> None:
    settings = Train(**{"optimizer": case, "lr": 0.1, **SETTINGS[case]})
    ours, theirs = parameters(), [value.requires_grad_() for value in parameters()]
    optimizer = Optimizer(settings, ours, torch.device("cpu"))
    given = {"momentum": settings.momentum} if settings.optimizer == "sgd" else {}
    peer = CLASSES[settings.optimizer](
        theirs, lr=settings.lr, weight_decay=settings.weight_decay, fused=True, **given
    )
    generator = torch.Generator().manual_seed(1)
    for step in range(5):
        gradients = [torch.randn(value.shape, generator=generator, dtype=value.dtype) for value in ours]
        missing = {2: 2, 3: 0}.get(step)
        for index, (value, gradient) in enumerate(zip(theirs, gradients, strict=True)):
            value.grad = None if index == missing else gradient.clone()
        optimizer.set_learning_rate(0.1 / (step + 1))
        peer.param_groups[0]["lr"] = 0.1 / (step + 1)
        optimizer.step([None if index == missing else each for index, each in enumerate(gradients)])
        peer.step()
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True)), step


def test_a_kernel_is_given_parameters_of_one_precision_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a GPU takes no others."""
    kernel, given = torch._fused_adam_, []

    def heard(parameters: list[Tensor], *rest: Any, **named: Any) -> None:
        given.append([parameter.dtype for parameter in parameters])
        kernel(parameters, *rest, **named)

    monkeypatch.setattr(torch, "_fused_adam_", heard)
    ours = parameters()
    Optimizer(Train(), ours, torch.device("cpu")).step([torch.ones_like(value) for value in ours])
    assert given == [[torch.float32, torch.float32], [torch.float64]]


def test_training_loads_neither_torchs_compiler_nor_its_algebra() -> None:
    """They take a second and half a second, of which torch tells nobody, in every process that trains."""
    code = """
import sys
from klsweep.spec.job import Job
from klsweep.train import Setting, train
jobs = [
    Job.model_validate({"dataset": "digits", "latent_dim": 2, "beta": beta, "train": {"steps": 2, "precision": name}})
    for beta in (1.0, 2.0) for name in ("fp32", "bf16")
]
data = jobs[0].dataset.load()
for fleet in (jobs[:1], jobs[1:2], jobs[::2], jobs[1::2]):
    train(fleet, data, Setting())
sys.exit(bool({"torch._dynamo", "sympy"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
