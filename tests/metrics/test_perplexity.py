"""Perplexity is what it is called of a model whose words are all equally likely, and of no other data a number."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from closed_models import evidence_of, normal
from torch import Tensor

from klsweep.metrics.perplexity import COLUMNS, Perplexity
from klsweep.metrics.reconstruction import Reconstruction
from klsweep.metrics.samples import Samples
from klsweep.tokens import EOS, PAD

WORDS = 50
LENGTHS = torch.tensor([1, 4, 2, 7] * 300)  # more than are decoded at once


@dataclass(frozen=True)
class Uniform:
    """p(x|z): every token has the chance 1 / `WORDS`."""

    def expected(self, z: Tensor) -> Tensor:
        return torch.zeros(len(z), 7)

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        return -(x != PAD).sum(1).double() * math.log(WORDS)


def sentences() -> Tensor:
    return torch.where(torch.arange(7) < LENGTHS[:, None], EOS, PAD).float()


def seen(rate: float):
    """Evidence whose posteriors N(m, 1) have each the rate m^2 / 2."""
    mean = torch.full((len(LENGTHS), 1), math.sqrt(2 * rate), dtype=torch.float64)
    return replace(evidence_of(mean, 1.0, x=sentences(), model=Uniform()), tokens=True)


def test_equally_likely_words_have_their_number_for_perplexity():
    found = Perplexity().measure(seen(0.0))
    assert found["perplexity"] == pytest.approx(WORDS, rel=1e-12)
    assert found["recon_perplexity"] == pytest.approx(WORDS, rel=1e-12)
    assert found["tokens_per_datum"] == pytest.approx(3.5)


def test_the_rate_counts_for_the_bound_and_not_for_the_reconstruction():
    found = Perplexity().measure(seen(0.7))
    assert found["nll_per_token_nats"] == pytest.approx(math.log(WORDS) + 0.7 / 3.5, rel=1e-12)
    assert found["perplexity"] == pytest.approx(WORDS * math.exp(0.2), rel=1e-12)
    assert found["distortion_per_token_nats"] == pytest.approx(math.log(WORDS), rel=1e-12)


def test_what_is_no_text_has_none_and_a_boundless_one_is_unknown():
    assert Perplexity().measure(evidence_of(normal(5, 2), 1.0)) == dict.fromkeys(COLUMNS)
    found = Perplexity().measure(seen(1e4))
    assert found["perplexity"] is None
    assert found["nll_per_token_nats"] == pytest.approx(math.log(WORDS) + 1e4 / 3.5, rel=1e-12)


def test_tokens_have_no_distance_and_no_error():
    assert set(Samples().measure(seen(0.1)).values()) == {None}
    found = Reconstruction().measure(replace(seen(0.1), discrete=True))
    assert [found[name] for name in ("recon_mse_at_mean", "psnr_db", "psnr_at_mean_db")] == [None] * 3
    assert found["distortion_at_mean_nats"] == pytest.approx(3.5 * math.log(WORDS), rel=1e-12)
