"""The importance-weighted bound: an estimate of ln p(x) that tightens with samples, and says when it has not."""

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.metrics.draws import rows
from klsweep.metrics.evidence import CHUNK, Evidence, Values, known
from klsweep.metrics.metric import MetricPart

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class IwBound(MetricPart):
    """Importance-weighted lower bound on ln p(x), with the posterior as proposal and its effective sample size."""

    source: ClassVar[str] = "Burda et al. 2016, eq. 8; effective samples as in Kong, Liu & Wong 1994"
    bias: ClassVar[str] = (
        "below ln p(x) on average, by less with more samples, and never below the ELBO on average; a posterior "
        "narrower than the model's own, as small KL weights give, leaves few effective samples and a loose bound of "
        "large variance. It bounds ln p(x) of the model at beta = 1, whatever the training weight, and only where "
        "the likelihood is a normalised density"
    )
    cost: ClassVar[str] = "data * samples decodings, 512 at a time: 20,000 by default"

    kind: Literal["iw_bound"] = "iw_bound"
    samples: Annotated[int, Field(gt=0)] = Field(default=100, description="samples z ~ q(z|x) for each datum")
    data: Annotated[int, Field(gt=0)] = Field(default=200, description="held-out data to estimate, at most")

    def measure(self, evidence: Evidence) -> Values:
        """`iw_bound_nats`, the mean over `iw_data` data of ln 1/K sum_k w_k with K = `iw_samples`, to be maximised.

        `iw_elbo_nats` is the bound at K = 1 for the same data and samples, E ln w, so the two differ by the samples'
        work alone. `iw_bound_se_nats` is the standard error of choosing these data. The effective samples of a datum,
        (sum w)^2 / sum w^2, lie between 1 (one weight outweighs all) and K (all weights alike): mean and least.
        """
        import torch

        held_out = evidence.held_out
        chosen = rows(len(held_out), self.data, evidence.generator("iw_bound held-out")).to(held_out.x.device)
        noise = evidence.generator("iw_bound samples")
        found: list[Tensor] = []
        for some in torch.split(chosen, max(1, CHUNK // self.samples)):
            log_w = self._log_weights(evidence, some, noise)
            total = log_w.logsumexp(1)
            effective = (2 * total - (2 * log_w).logsumexp(1)).exp()
            found.append(torch.stack([total - math.log(self.samples), log_w.mean(1), effective]))
        bound, elbo, effective = torch.cat(found, dim=1)
        error = float(bound.std()) / math.sqrt(len(bound)) if len(bound) > 1 else math.nan
        return {
            "iw_bound_nats": known(float(bound.mean())),
            "iw_bound_se_nats": known(error),
            "iw_elbo_nats": known(float(elbo.mean())),
            "iw_mean_effective_samples": known(float(effective.mean())),
            "iw_min_effective_samples": known(float(effective.min())),
            "iw_samples": self.samples,
            "iw_data": len(bound),
        }

    def _log_weights(self, evidence: Evidence, some: "Tensor", noise: "torch.Generator") -> "Tensor":
        """ln w = ln p(x|z) + ln p(z) - ln q(z|x) at `samples` z ~ q(z|x) of each datum in `some`. [datum, sample].

        float64, but for the decoder. With z = mean + sigma eps, ln p(z) - ln q(z|x) = (eps^2 + ln sigma^2 - z^2) / 2
        summed over latents: the constants cancel.
        """
        import torch

        held_out = evidence.held_out
        mean, logvar = held_out.mean[some].double()[:, None], held_out.logvar[some].double()[:, None]
        parts = []
        for low in range(0, self.samples, CHUNK):
            draws = min(CHUNK, self.samples - low)
            shape = (len(some), draws, evidence.latent_dim)
            eps = torch.randn(shape, generator=noise, dtype=torch.float64).to(mean.device)
            z = mean + (0.5 * logvar).exp() * eps
            x = held_out.x[some].repeat_interleave(draws, dim=0)
            log_px = evidence.model.log_prob(x, z.flatten(0, 1).to(held_out.mean.dtype))
            log_ratio = 0.5 * (eps.square() + logvar - z.square()).sum(2)
            parts.append(log_px.double().view(shape[:2]) + log_ratio)
        return torch.cat(parts, dim=1)
