"""Where the aggregated posterior leaves the prior empty: codes that samples are made from and no datum uses."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from klsweep.metrics.aggregate import LOG_2PI, log_density
from klsweep.metrics.draws import prior, rows
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart

COLUMNS = (
    "log_aggregate_at_prior_nats",
    "log_aggregate_at_posterior_nats",
    "kl_prior_aggregate_nats",
    "prior_hole_share",
)


class Holes(MetricPart):
    """ln q(z) of the aggregated posterior at draws of the prior and at draws of itself.

    q(z) is the mixture of the posteriors of held-out data. At a draw of one posterior that component is left out:
    it would vouch for its own draws however far the datum lies from all others.
    """

    source: ClassVar[str] = (
        "the aggregated posterior: Hoffman & Johnson 2016; prior draws of low posterior density: Rosca et al. 2018; "
        "E_p[ln p(z) - ln q(z)] is KL(p(z) || q(z)) by definition, here over draws of p"
    )
    bias: ClassVar[str] = (
        "few components leave gaps that more data would fill: ln q(z) is too low on average, so the KL is too large "
        "for the posterior of all data, by some (e^(2 rate) - 1) / (2 size) nats where codes are Gaussian; a small KL "
        "can come out below 0 by chance; where the rate is far above ln(size) no other datum is near a posterior's own "
        "draws either, so the percentile is low and the share misses holes that the KL shows"
    )
    cost: ClassVar[str] = (
        "2 size^2 densities of every latent: a quarter of a second at the default size and 32 latents, on one core"
    )

    kind: Literal["holes"] = "holes"
    size: Annotated[int, Field(ge=2)] = Field(
        default=2000, description="draws of the prior, and held-out data that make up q(z), each, at most"
    )
    percentile: Annotated[float, Field(gt=0, lt=100)] = Field(
        default=1.0,
        description="a draw of the prior is in a hole below this percentile of ln q at posterior draws",
    )

    def measure(self, evidence: Evidence) -> Values:
        """Means of ln q(z), KL(p || q), and the share of the prior in holes; without holes it is the percentile."""
        import torch

        held_out = evidence.held_out
        chosen = rows(len(held_out), self.size, evidence.generator("holes components")).to(
            held_out.mean.device
        )
        if len(chosen) < 2:
            return dict.fromkeys(COLUMNS)
        mean, logvar = held_out.mean[chosen].double(), held_out.logvar[chosen].double()
        z = prior(evidence, self.size, "holes prior").double()
        at_prior = log_density(z, mean, logvar)
        at_posterior = log_density(
            evidence.z[chosen].double(), mean, logvar, without=torch.arange(len(chosen), device=chosen.device)
        )
        floor = float(np.percentile(at_posterior.cpu().numpy(), self.percentile))
        log_prior = -0.5 * (z.square() + LOG_2PI).sum(1)
        found = (
            at_prior.mean(),
            at_posterior.mean(),
            (log_prior - at_prior).mean(),
            (at_prior < floor).double().mean(),
        )
        return {name: float(value) for name, value in zip(COLUMNS, found, strict=True)}
