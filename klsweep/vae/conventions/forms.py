"""The loss of a script as written: which terms, how reduced, with which constants in front."""

import math
from dataclasses import dataclass
from enum import StrEnum

from klsweep.vae.weights import Reduction, Scales, scales


class Term(StrEnum):
    """What the reconstruction term is, before it is reduced and multiplied."""

    SSE = "squared error"
    GAUSSIAN = "gaussian"  # -log p in full, of a Gaussian whose variance is learned or stands beside it
    OTHER = "other"  # -log p in full, of a likelihood without a variance: Bernoulli, negative binomial, ...


class OverBatch(StrEnum):
    """How a term is reduced over the batch; it matters only where the two terms differ."""

    MEAN = "mean"
    SUM = "sum"


class Hidden(StrEnum):
    """A factor of the KL that depends on the sizes and stands in no setting."""

    NONE = "none"
    PER_DIMENSION = "1/N"
    BALANCING = "(2 * side / M)^2"


@dataclass(frozen=True)
class Sizes:
    """Shape of one datum, channels first; number of latents M; data in a batch where it matters."""

    shape: tuple[int, ...]
    latent_dim: int
    batch: int | None = None

    @property
    def input_dim(self) -> int:
        """N, the data dimensions of one datum."""
        return math.prod(self.shape)

    @property
    def side(self) -> int:
        """Height of an image."""
        return self.shape[-2]


@dataclass(frozen=True, kw_only=True)
class Form:
    """`recon_factor * recon + w * kl_factor * hidden * KL`, each term reduced as said."""

    term: Term = Term.SSE
    reduction: Reduction = Reduction.SUM
    recon_factor: float = 1.0
    kl_factor: float = 1.0
    hidden: Hidden = Hidden.NONE
    recon_batch: OverBatch = OverBatch.MEAN
    kl_batch: OverBatch = OverBatch.MEAN
    data_scale: float = 1.0
    """The data are multiplied by this before their squared error is taken: 255 for values of 0 to 255."""

    @property
    def needs_batch(self) -> bool:
        """Whether the weight of KL depends on the batch size."""
        return self.recon_batch is not self.kl_batch

    @property
    def needs_image(self) -> bool:
        """Whether the weight of KL depends on the height of an image."""
        return self.hidden is Hidden.BALANCING

    def scales(self, sizes: Sizes) -> Scales:
        """(a, c) of the loss per datum, without the factor that batch sums of both terms share."""
        over = scales(self.reduction, input_dim=sizes.input_dim, latent_dim=sizes.latent_dim)
        recon_sum, kl_sum = self._over_batch(sizes)
        return Scales(
            recon=self.recon_factor * self.data_scale**2 * over.recon * recon_sum,
            kl=self.kl_factor * self._hidden(sizes) * over.kl * kl_sum,
        )

    def beta(self, weight: float, sizes: Sizes) -> float:
        """Weight of KL against the bare reconstruction term, summed: w c / a."""
        factors = self.scales(sizes)
        return weight * factors.kl / factors.recon

    def weight(self, beta: float, sizes: Sizes) -> float:
        """The raw weight w of a `beta` against the bare reconstruction term: beta a / c."""
        factors = self.scales(sizes)
        return beta * factors.recon / factors.kl

    def _over_batch(self, sizes: Sizes) -> tuple[float, float]:
        if not self.needs_batch:
            return 1.0, 1.0
        assert sizes.batch is not None
        batch = float(sizes.batch)
        return (batch, 1.0) if self.recon_batch is OverBatch.SUM else (1.0, batch)

    def _hidden(self, sizes: Sizes) -> float:
        match self.hidden:
            case Hidden.NONE:
                return 1.0
            case Hidden.PER_DIMENSION:
                return 1 / sizes.input_dim
            case Hidden.BALANCING:
                return (2 * sizes.side / sizes.latent_dim) ** 2
