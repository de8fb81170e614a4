"""Models of sentences train, stop, go on and are measured as all others; what is kept is what they say."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import same_bits

from klsweep.data import Data, Grammar
from klsweep.data.grammar import entropy_nats
from klsweep.errors import Interrupted
from klsweep.metrics.perplexity import Perplexity
from klsweep.result import Result, Sentences, Status
from klsweep.spec.job import Job, Train
from klsweep.tokens import PAD, sentence
from klsweep.train import Setting, TrainedModel, measured, train
from klsweep.train.assembly import assemble
from klsweep.train.batches import WINDOW, epoch_batches
from klsweep.train.sentences import STEPS
from klsweep.vae.likelihoods import Tokens
from klsweep.vae.models import Gru, Lstm, Unigram

CPU = torch.device("cpu")
SMALL = Lstm(hidden=12, embedding=8)
MODELS = [
    SMALL,
    Gru(hidden=12, embedding=8, word_dropout=0.3, dropout=0.2),
    Lstm(hidden=12, embedding=8, plain=True, word_dropout=0.1),
    Unigram(),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
PART = Grammar(size=300)


@cache
def data() -> Data:
    return PART.load()


def job(
    model: Lstm | Gru | Unigram = SMALL,
    *,
    length: dict[str, Any] | None = None,
    part: Grammar = PART,
    **given: Any,
) -> Job:
    settings = {"epochs": 2, "batch_size": 32, "lr": 1e-2, **(length or {})}
    likelihood = Tokens(vocabulary=part.facts().vocabulary)
    return Job(
        dataset=part,
        model=model,
        likelihood=likelihood,
        train=Train(**settings),
        **{"latent_dim": 3, "beta": 1.0, **given},
    )


def trained(one: Job, setting: Setting | None = None) -> Result:
    return train([one], data(), setting or Setting())[0]


@every_model
def test_a_stopped_training_ends_with_the_bits_of_an_unbroken_one(
    model: Lstm | Gru | Unigram, tmp_path: Path
) -> None:
    one = job(model, length={"epochs": 3})
    with pytest.raises(Interrupted):
        trained(one, Setting(directory=tmp_path, stopping=lambda: True))
    epochs: list[int] = []
    continued = trained(one, Setting(directory=tmp_path, on_epoch=lambda epoch, _: epochs.append(epoch)))
    assert epochs == [2, 3]
    assert same_bits(continued, trained(one))


@every_model
def test_the_numbers_are_measured_again_from_the_weights_and_have_no_error(
    model: Lstm | Gru | Unigram,
) -> None:
    one = job(model)
    result = trained(one)
    assert result.status is Status.OK
    again = TrainedModel.restored(one, result.weights, (10,), CPU)
    x = torch.from_numpy(data().test)
    mean, logvar = again.encode(x)
    rate = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
    # 3 latents' terms of size 1 in float32, summed by another formula
    assert result.row["rate_nats"] == pytest.approx(float(rate), rel=1e-5, abs=1e-6)
    assert (result.row["rate_nats"] == 0) == (model.label == "unigram" or "plain" in model.label)
    assert [result.row[name] for name in ("recon_sse", "recon_mse", "recon_bce")] == [None] * 3
    seen = measured(result, one, data(), metrics=(Perplexity(),), device=CPU)
    assert "unmeasured" not in seen.provenance
    tokens = float((x != PAD).sum()) / len(x)
    assert seen.row["nll_per_token_nats"] == pytest.approx(-result.row["elbo_nats"] / tokens, rel=1e-5)


def test_jobs_of_one_seed_begin_with_the_same_words_and_drop_the_same() -> None:
    """Common random numbers: two weights that do not act in the first step leave the same model after it."""
    model = Lstm(hidden=12, embedding=8, plain=True, word_dropout=0.5)
    one, other = (trained(job(model, beta=beta, length={"steps": 3, "epochs": None})) for beta in (0.0, 9.0))
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    apart = trained(job(model, seed=1, length={"steps": 3, "epochs": None}))
    assert not np.array_equal(
        one.weights["module.teller.output.bias"], apart.weights["module.teller.output.bias"]
    )


def test_no_model_beats_the_entropy_of_the_grammar_and_a_language_model_comes_near() -> None:
    part = Grammar(size=1500)
    one = job(Lstm(hidden=24, embedding=12, plain=True), length={"epochs": 10, "lr": 2e-2}, part=part)
    found = -float(train([one], part.load(), Setting())[0].row["elbo_nats"])
    # the spread of -ln p over sentences is below 2 nats (kinds of words left out or not): 4 standard errors of 300
    slack = 4 * 2 / np.sqrt(300)
    assert found > entropy_nats() - slack
    assert found < entropy_nats() + 2


def test_a_trained_unigram_comes_to_the_closed_form() -> None:
    """The best unigram has each token's share of the training tokens; its loss on them is their entropy."""
    one = job(Unigram(), length={"epochs": 60, "batch_size": 240, "lr": 0.3, "lr_decay": "cosine"})
    result = trained(one)
    counts = np.bincount(data().train[data().train != PAD].astype(int)).astype(float)
    share = counts[counts > 0] / counts.sum()
    best = -(share * np.log(share)).sum() * counts.sum() / len(data().train)
    last = result.curve[-1]["train_distortion_nats"]
    assert isinstance(last, float)
    assert best - 1e-3 < last < best + 0.05  # 60 steps of Adam on a convex loss, of 33 nats


def test_sentences_of_a_batch_are_of_like_lengths_and_come_once_an_epoch() -> None:
    lengths = torch.from_numpy(data().lengths)
    x = torch.arange(len(lengths)).float().unsqueeze(1)  # each datum its own number
    one = job(length={"batch_size": 4})
    fleet, _ = assemble([one], (10,), train_size=len(x), device=CPU)

    def batches(epoch: int, given: torch.Tensor | None) -> list[torch.Tensor]:
        return [
            seen[0, :, 0].long() for seen, _ in epoch_batches(fleet, x, epoch, dynamic=False, lengths=given)
        ]

    alike, apart = batches(0, lengths), batches(0, None)
    assert torch.cat(alike).sort().values.tolist() == list(range(len(x)))
    assert [len(each) for each in alike] == [len(each) for each in apart]
    padded = [sum(int(lengths[each].max()) * len(each) for each in found) for found in (alike, apart)]
    assert padded[0] < padded[1]
    assert len(x) > WINDOW * 4  # more than one window
    assert [each.tolist() for each in batches(0, lengths)] == [each.tolist() for each in alike]
    assert [each.tolist() for each in batches(1, lengths)] != [each.tolist() for each in alike]
    first = [int(lengths[each].max()) for each in alike[:WINDOW]]
    assert first != sorted(first)  # the batches of a window are shuffled


def test_kept_sentences_are_what_the_model_says() -> None:
    one, random = job(beta=0.01), np.random.default_rng(0)
    done = trained(one)
    # numbers of size 1 instead of those of two epochs, so that what it says depends on the code
    weights = {name: random.normal(size=each.shape).astype(np.float32) for name, each in done.weights.items()}
    result = measured(replace(done, weights=weights), one, data(), metrics=(), device=CPU)
    model = TrainedModel.restored(one, result.weights, (10,), CPU)
    x = torch.from_numpy(data().test[:8])
    said = [sentence(row.astype(int), data().words) for row in model.expected(model.encode(x)[0]).numpy()]
    originals = [sentence(row.astype(int), data().words) for row in data().test[:8]]
    assert result.arrays[Sentences.ORIGINALS].tolist() == originals
    assert result.arrays[Sentences.RECONSTRUCTIONS].tolist() == said
    assert len(set(said)) > 1
    ways = result.arrays[Sentences.INTERPOLATIONS]
    assert ways.shape == (2, STEPS)
    assert ways[:, 0].tolist() == said[0:4:2]
    assert ways[:, -1].tolist() == said[1:4:2]
    other = job(beta=5.0)
    swapped = measured(replace(trained(other), weights=result.weights), other, data(), metrics=(), device=CPU)
    assert (
        swapped.arrays[Sentences.SAMPLES].tolist() == result.arrays[Sentences.SAMPLES].tolist()
    )  # the same z
    assert all(array.dtype.kind == "U" for name, array in result.arrays.items() if name in set(Sentences))


def test_a_model_that_diverges_says_so() -> None:
    result = trained(job(length={"lr": 1e30, "epochs": 1}))
    assert result.status is Status.DIVERGED
