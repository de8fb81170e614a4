"""Evidence made by hand: codes whose relation to the factors behind them is known."""

import itertools
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from klsweep.metrics import Encoded, Evidence


class Undecoded:
    """A generative half that these scores have no use for."""

    def expected(self, z: Tensor) -> Tensor:
        raise AssertionError("a score of codes and factors decodes nothing")

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        raise AssertionError("a score of codes and factors asks for no density")


def grid(sizes: Sequence[int], repeats: int = 1) -> NDArray[np.int64]:
    """Every combination of factor values equally often, so that the factors are independent exactly. [n, factor]."""
    return np.repeat(list(itertools.product(*map(range, sizes))), repeats, axis=0)


def standardised(factors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each factor as a quantity of mean 0 and variance 1: the ideal code. [n, factor]."""
    return (factors - factors.mean(0)) / factors.std(0)


def encoded(codes: ArrayLike, factors: NDArray[np.int64] | None, logvar: ArrayLike = -8.0) -> Encoded:
    mean = torch.tensor(np.asarray(codes), dtype=torch.float32)
    spread = torch.tensor(np.asarray(logvar), dtype=torch.float32)
    return Encoded(x=mean[:, :1], mean=mean, logvar=spread.expand_as(mean), factors=factors)


def evidence(held_out: Encoded, training: Encoded | None = None, seed: int = 0) -> Evidence:
    """Evidence whose training split is the held-out one unless another is given."""

    def generator(purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(zlib.crc32(purpose.encode()) + seed)

    noise = torch.randn(held_out.mean.shape, generator=generator("z"))
    return Evidence(
        held_out=held_out,
        z=held_out.mean + noise * (held_out.logvar / 2).exp(),
        model=Undecoded(),
        training=lambda: training or held_out,
        generator=generator,
        discrete=True,
    )


def unencoded() -> Encoded:
    """A training split that must not be asked for."""
    raise AssertionError("without factors there is no reason to encode the training split")
