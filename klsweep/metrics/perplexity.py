"""Nats per token and perplexity of sentences, which is how language models are compared."""

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from klsweep.metrics.evidence import CHUNK, Evidence, Values, known
from klsweep.metrics.metric import MetricPart
from klsweep.tokens import PAD

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = (
    "tokens_per_datum",
    "nll_per_token_nats",
    "perplexity",
    "distortion_per_token_nats",
    "recon_perplexity",
)


class Perplexity(MetricPart):
    """The bound on -ln p(x) for each token of held-out sentences, and the perplexity that it bounds."""

    source: ClassVar[str] = (
        "perplexity: exp(sum over sentences of -ln p(x) / tokens in all), as Mikolov et al. 2010; of a VAE with the "
        "negative ELBO in place of -ln p(x), as Bowman et al. 2015, table 2"
    )
    bias: ClassVar[str] = (
        "above the model's own, by the gap of the ELBO; exact for a language model without a code. The end of a "
        "sentence counts as a token; <unk> is one word, so a smaller vocabulary flatters: compare within one"
    )
    cost: ClassVar[str] = "the whole held-out split is decoded once"

    kind: Literal["perplexity"] = "perplexity"

    def measure(self, evidence: Evidence) -> Values:
        """Nats over all sentences divided by tokens over all sentences, padding left out; None where data have none.

        `nll_per_token_nats` is of distortion + rate and `perplexity` its exponential; `distortion_per_token_nats` and
        `recon_perplexity` are the same of the distortion alone, at sampled z: they bound nothing.
        """
        if not evidence.tokens:
            return dict.fromkeys(COLUMNS)
        held_out = evidence.held_out
        tokens = float((held_out.x != PAD).sum())
        distortion = _distortion(evidence) / tokens
        nll = distortion + float(held_out.rate_per_latent.sum()) / tokens
        found = (tokens / len(held_out), nll, _exp(nll), distortion, _exp(distortion))
        return {name: known(value) for name, value in zip(COLUMNS, found, strict=True)}


def _distortion(evidence: Evidence) -> float:
    """-ln p(x|z) at sampled z, summed over the held-out split. Nats."""
    import torch

    parts: list[Tensor] = [
        evidence.model.log_prob(x, z).double()
        for x, z in zip(torch.split(evidence.held_out.x, CHUNK), torch.split(evidence.z, CHUNK), strict=True)
    ]
    return -float(torch.cat(parts).sum())


def _exp(nats: float) -> float:
    """Of a perplexity beyond doubles, infinity."""
    return math.exp(nats) if nats < 700 else math.inf
