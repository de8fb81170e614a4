"""The mass function of sentences: a categorical distribution over the vocabulary at every place up to the end."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from klsweep.tokens import EOS, FIRST, PAD, SPECIAL
from klsweep.vae.likelihoods.likelihood import NOTHING, Own, Support, Unscaled
from klsweep.vae.precision import in_float32

if TYPE_CHECKING:
    from torch import Tensor


class Tokens(Unscaled):
    """Each place up to the end of a sentence is one token by a softmax; `params` are logits [..., vocabulary - 2].

    There is none for <pad> and <bos>, which are never drawn, so the masses of all sentences that fit sum to 1: those
    that end before the last place, and at the last place any token. `params` may stop short of the data where the
    rest is padding.
    """

    kind: Literal["tokens"] = "tokens"
    source: ClassVar[str] = (
        "Bengio et al. 2003, eq. 1: a categorical over words; as a VAE's decoder Bowman et al. 2015"
    )

    vocabulary: Annotated[int, Field(gt=len(SPECIAL))] = Field(
        description="tokens of the data set, special ones among them"
    )

    support: ClassVar[Support] = "tokens"
    demands: ClassVar[str] = "tokens of a vocabulary of that size, as text gives them"

    @property
    def tokens(self) -> int:
        """All of the vocabulary."""
        return self.vocabulary

    @property
    def params_per_value(self) -> int:  # type: ignore[override]
        """One logit for each token that can be drawn."""
        return self.vocabulary - FIRST

    @in_float32
    def log_prob(self, x: "Tensor", params: "Tensor", own: Own = NOTHING) -> "Tensor":  # noqa: ARG002
        """sum_t l_{t, x_t} - ln sum_k e^{l_tk} over the places t that are no padding. [batch] nats."""
        token = x[:, : params.shape[1]].long()
        drawn = (token - FIRST).clamp(min=0).unsqueeze(-1)
        log_mass = params.log_softmax(-1).gather(-1, drawn).squeeze(-1)
        return log_mass.where(token != PAD, log_mass * 0).sum(1)

    @in_float32
    def mean(self, params: "Tensor") -> "Tensor":
        """The likeliest token at each place, padding after the end: names have no mean. [batch, length]."""
        token = params.argmax(-1) + FIRST
        ended = (token == EOS).cumsum(1) - (token == EOS).long()  # ends before this place
        return token.where(ended == 0, token * 0 + PAD).to(params.dtype)

    def is_mass(self, x: "Tensor") -> bool:  # noqa: ARG002
        """True: data are tokens."""
        return True

    @in_float32
    def cross_entropy(self, x: "Tensor", params: "Tensor") -> "Tensor | None":  # noqa: ARG002
        """None: tokens are not coins."""
        return None
