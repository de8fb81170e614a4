"""How many latents are used: three definitions from the literature, each at thresholds that its columns name."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart

Thresholds = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(strict=False)]


class ActiveUnits(MetricPart):
    """Latents in use by the variance of their means, by their posterior variance, and (epsilon, delta)-collapsed ones.

    Every run has `active_units` and `active_units_kl`, both at 0.01; these put the same question at other thresholds.
    """

    source: ClassVar[str] = (
        "Burda et al. 2016 (variance of the means); Asperti & Trentin 2020 (posterior variance 0.8); "
        "Lucas et al. 2019 (epsilon, delta)"
    )
    bias: ClassVar[str] = (
        "none for the held-out data themselves: every datum is counted, the variance is over them all (ddof 0), and "
        "nothing is sampled; a latent near a threshold changes sides from one held-out set to another"
    )
    cost: ClassVar[str] = "some passes over the posteriors: milliseconds at 10,000 data"

    kind: Literal["active_units"] = "active_units"
    variances: Thresholds = Field(
        default=(0.001, 0.1),
        description="a latent is active if its mean varies by more, Var_x(E_q[z]) > threshold",
    )
    sigma2: Annotated[float, Field(gt=0)] = Field(
        default=0.8, description="a latent is active if its mean posterior variance is at most this"
    )
    epsilons: Thresholds = Field(
        default=(0.01, 0.1), description="a datum leaves a latent unused if KL_k(x) < epsilon nats"
    )
    delta: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.01, description="a latent has collapsed if all data but this share leave it unused"
    )

    def measure(self, evidence: Evidence) -> Values:
        """Counts of latents: `active_units_var_*`, `active_units_sigma2_*` and `collapsed_units_eps_*_delta_*`."""
        held_out = evidence.held_out
        rates, sigma2 = held_out.rate_per_latent, held_out.logvar.double().exp().mean(0)
        spread = held_out.mean.double().var(0, correction=0)
        counts: Values = {}
        for least in self.variances:
            counts[f"active_units_var_{_text(least)}"] = int((spread > least).sum())
        counts[f"active_units_sigma2_{_text(self.sigma2)}"] = int((sigma2 <= self.sigma2).sum())
        for epsilon in self.epsilons:
            using = (rates >= epsilon).sum(0).double() / len(
                rates
            )  # the share of the data that use each latent
            name = f"collapsed_units_eps_{_text(epsilon)}_delta_{_text(self.delta)}"
            counts[name] = int(
                (using <= self.delta).sum()
            )  # 57 of 100 is 0.57 to the bit; 43 is not 1 - 0.57
        return counts


def _text(threshold: float) -> str:
    """The shortest decimal that is this number, without an exponent: `0.00001`."""
    return f"{Decimal(repr(threshold)).normalize():f}"
