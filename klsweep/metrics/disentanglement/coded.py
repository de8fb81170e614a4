"""What the scores compare: the code of each datum and the known factors behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from klsweep.metrics.draws import rows
from klsweep.metrics.evidence import Encoded, Evidence

if TYPE_CHECKING:
    from torch import Tensor

COLLAPSED = 0.01
"""A latent whose means vary by at most this share of its mean posterior variance has collapsed.

Where the posterior variance is the same for all data, such a latent carries at most ln(1.01) / 2 = 0.005 nats, as a
Gaussian channel with this signal-to-noise ratio. At posterior variance 1, the prior's, this is the threshold of
Burda et al. 2016 for active units; unlike theirs it does not depend on the scale of the latent.
"""


@dataclass(frozen=True)
class Coded:
    """Codes [n, latent], float64, and the class of each factor [n, factor], counted from 0, of one split."""

    codes: NDArray[np.float64]
    factors: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def columns(self) -> list[NDArray[np.intp]]:
        """The classes [n] of each factor."""
        return list(self.factors.T)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Which latents are not the same for all data. [latent]."""
        varies: NDArray[np.bool_] = (self.codes != self.codes[:1]).any(axis=0)
        return varies

    def drawn(self, size: int, evidence: Evidence, purpose: str) -> "Coded":
        """`size` of the data, or all where there are no more."""
        chosen = rows(len(self), size, evidence.generator(purpose)).numpy()
        return Coded(self.codes[chosen], self.factors[chosen])


def held_out(evidence: Evidence) -> Coded | None:
    """Posterior means and factors of the held-out split; None where no factor is known that varies there."""
    coded = _coded(evidence.held_out)
    return coded[0] if coded else None


def both(evidence: Evidence) -> tuple[Coded, Coded] | None:
    """The training split, to fit on, and the held-out split, to score; None where no known factor varies in both.

    Latents that have collapsed in either are constant in both.
    """
    if evidence.held_out.factors is None:
        return None  # before the training split is encoded for nothing
    coded = _coded(evidence.training(), evidence.held_out)
    return (coded[0], coded[1]) if coded else None


def generator_of(evidence: Evidence, purpose: str) -> np.random.Generator:
    """NumPy's generator, seeded by one draw from that of this purpose."""
    import torch

    return np.random.default_rng(int(torch.randint(2**62, (), generator=evidence.generator(purpose))))


def _coded(*splits: Encoded) -> list[Coded] | None:
    tables = [split.factors for split in splits if split.factors is not None]
    if len(tables) < len(splits):
        return None
    classes = _classes(tables)
    varies = np.all([(table != table[:1]).any(axis=0) for table in classes], axis=0)
    if not varies.any():
        return None
    collapsed = np.any([_collapsed(split) for split in splits], axis=0)
    return [
        Coded(np.where(collapsed, 0.0, _numbers(split.mean)), table[:, varies])
        for split, table in zip(splits, classes, strict=True)
    ]


def _classes(tables: list[NDArray[Any]]) -> list[NDArray[np.intp]]:
    """Each factor's values counted from 0 in rising order, the same value by the same number in every table."""
    columns = np.concatenate(tables).T
    together = np.stack([np.unique(column, return_inverse=True)[1] for column in columns], axis=1)
    return np.split(together, np.cumsum([len(table) for table in tables])[:-1])


def _collapsed(split: Encoded) -> NDArray[np.bool_]:
    collapsed: NDArray[np.bool_] = _numbers(split.mean).var(axis=0) <= COLLAPSED * np.exp(
        _numbers(split.logvar)
    ).mean(axis=0)
    return collapsed


def _numbers(tensor: "Tensor") -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = tensor.cpu().double().numpy()
    return numbers
