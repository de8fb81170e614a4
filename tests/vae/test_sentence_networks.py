"""A mass function of sentences sums to 1 whatever the network, padding counts nothing, and no word sees the future."""

import itertools
import math

import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from klsweep.tokens import BOS, EOS, FIRST, PAD, UNK
from klsweep.vae.adapted import Adapted
from klsweep.vae.likelihoods import Tokens
from klsweep.vae.models import Gru, Lstm, Unigram

VOCABULARY, LENGTH, LATENT = 6, 3, 2  # <eos>, <unk> and two words can be drawn
LARGE, LONG = 30, 9
MODELS = [
    Lstm(hidden=8, embedding=5),
    Gru(hidden=8, embedding=5),
    Lstm(hidden=8, embedding=5, plain=True),
    Unigram(),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)


def built(
    model: Lstm | Gru | Unigram, *, vocabulary: int = LARGE, length: int = LONG, seed: int = 0
) -> Adapted:
    """The network of a model with parameters of size 1, so that what it says depends on all it sees."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = model.build((length,), LATENT, vocabulary - FIRST)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
    assert isinstance(network, Adapted)
    return network.double()


def sentences(count: int = LONG, *, vocabulary: int = LARGE, length: int = LONG, seed: int = 0) -> Tensor:
    """Tokens [count, length] of sentences of every number of words that fits, float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(UNK, vocabulary, (count, length), generator=generator)
    for row in range(count):
        end = row % length
        x[row, end], x[row, end + 1 :] = EOS, PAD
    return x.double()


def codes(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def every_sentence(vocabulary: int, length: int) -> Tensor:
    """All that fit: those that end before the last place, padded, and at the last place any token."""
    words = range(UNK, vocabulary)
    found: list[tuple[int, ...]] = []
    for end in range(length):
        found += [(*said, EOS, *[PAD] * (length - end - 1)) for said in itertools.product(words, repeat=end)]
    found += list(itertools.product(words, repeat=length))
    return torch.tensor(found, dtype=torch.float64)


@every_model
def test_the_masses_of_all_sentences_sum_to_one(model: Lstm | Gru | Unigram) -> None:
    network = built(model, vocabulary=VOCABULARY, length=LENGTH)
    x = every_sentence(VOCABULARY, LENGTH)
    assert len(x) == sum(3**end for end in range(LENGTH)) + 3**LENGTH
    with torch.no_grad():
        for z in codes(5):
            params = network.decode_given(z.expand(len(x), -1), x)
            total = Tokens(vocabulary=VOCABULARY).log_prob(x, params).exp().sum()
            assert float(total) == pytest.approx(1, rel=1e-12)  # 40 terms of 3 factors, float64


def test_the_mass_is_torchs_cross_entropy_and_scipys_softmax() -> None:
    x = sentences()
    params = torch.randn(
        *x.shape, LARGE - FIRST, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    ours = Tokens(vocabulary=LARGE).log_prob(x, params)
    target = torch.where(x == PAD, -100, x.long() - FIRST)
    theirs = cross_entropy(params.flatten(0, 1), target.flatten(), reduction="none", ignore_index=-100)
    torch.testing.assert_close(ours, -theirs.view(x.shape).sum(1), rtol=1e-12, atol=0)
    logs = log_softmax(params.numpy(), axis=-1)
    by_hand = [
        sum(logs[row, place, int(token) - FIRST] for place, token in enumerate(said) if token != PAD)
        for row, said in enumerate(x)
    ]
    torch.testing.assert_close(ours, torch.tensor(by_hand, dtype=torch.float64), rtol=1e-12, atol=0)


@every_model
def test_padding_contributes_nothing_to_the_bit(model: Lstm | Gru | Unigram) -> None:
    """Whether a sentence is alone or beside longer ones, in arrays of its own length or of ten more."""
    x, likelihood = sentences(), Tokens(vocabulary=LARGE)
    longer = torch.cat([x, x.new_zeros(len(x), 10)], dim=1)
    network, z = built(model), codes(len(x))
    with torch.no_grad():
        for given in (x, longer):
            params, mean = network.decode_given(z, given), network.encode(given)[0]
            for row, alone in enumerate(given.split(1)):
                # products of other sizes may round otherwise: 30 float64 terms, a few layers
                said = likelihood.log_prob(alone, network.decode_given(z[row : row + 1], alone))
                torch.testing.assert_close(
                    said, likelihood.log_prob(given, params)[row : row + 1], rtol=1e-12, atol=0
                )
                torch.testing.assert_close(
                    network.encode(alone)[0], mean[row : row + 1], rtol=1e-11, atol=1e-13
                )
        params = network.decode_given(z, x)
        here, there = (
            likelihood.log_prob(x, params),
            likelihood.log_prob(longer, network.decode_given(z, longer)),
        )
        assert torch.equal(here, there)
        assert all(torch.equal(a, b) for a, b in zip(network.encode(x), network.encode(longer), strict=True))
        garbage = torch.where((x == PAD).unsqueeze(-1), torch.full_like(params, 1e30), params)
        assert torch.equal(likelihood.log_prob(x, garbage), here)


def test_padding_gives_no_gradient() -> None:
    x, network = sentences(), built(MODELS[0])
    params = network.decode_given(codes(len(x)), x)
    params.retain_grad()
    Tokens(vocabulary=LARGE).log_prob(x, params).sum().backward()
    assert params.grad is not None
    assert not params.grad[x == PAD].any()
    assert params.grad[x != PAD].any()
    assert not network.module.teller.embedding.weight.grad[PAD].any()  # type: ignore[union-attr,index]


@every_model
def test_no_word_is_told_by_itself_or_what_comes_after(model: Lstm | Gru | Unigram) -> None:
    x, z, network = sentences(1), codes(1), built(model)
    x[:] = torch.arange(UNK, UNK + LONG)
    with torch.no_grad():
        before = network.decode_given(z, x)
        for place in range(LONG):
            other = x.clone()
            other[0, place] = LARGE - 1
            after = network.decode_given(z, other)
            assert torch.equal(before[0, : place + 1], after[0, : place + 1])
            if place + 1 < LONG and not isinstance(model, Unigram):
                assert not torch.equal(before[0, place + 1], after[0, place + 1])


@every_model
def test_what_it_says_by_itself_is_what_it_would_say_given_that(model: Lstm | Gru | Unigram) -> None:
    network, z, likelihood = built(model), codes(6), Tokens(vocabulary=LARGE)
    with torch.no_grad():
        free = network.decode(z)
        said = likelihood.mean(free)
        assert said.shape == (6, LONG)
        given = network.decode_given(z, said)
    places = said[:, : given.shape[1]] != PAD
    torch.testing.assert_close(free[:, : given.shape[1]][places], given[places], rtol=1e-11, atol=1e-12)
    assert torch.equal((given.argmax(-1) + FIRST)[places], said[:, : given.shape[1]][places].long())


def test_after_the_end_there_is_padding() -> None:
    params = torch.full((1, 4, 3), 0.0)
    for place, token in enumerate((UNK, EOS, UNK, EOS)):
        params[0, place, token - FIRST] = 1.0
    assert Tokens(vocabulary=5).mean(params).tolist() == [[UNK, EOS, PAD, PAD]]


def test_the_bound_without_a_code_is_the_loss_of_a_plain_language_model() -> None:
    """Against a step by step language model of torch's cells and cross-entropy, written here."""
    x, network = sentences(), built(MODELS[2])
    teller = network.module.teller
    cell = torch.nn.LSTMCell(5, 8).double()
    cell.load_state_dict(
        {name.removesuffix("_l0"): value for name, value in teller.cell.state_dict().items()}
    )  # type: ignore[union-attr]
    nll = torch.zeros(len(x), dtype=torch.float64)
    state, token = None, torch.full((len(x),), BOS)
    with torch.no_grad():
        for place in range(LONG):
            state = cell(teller.embedding(token), state)  # type: ignore[operator,union-attr]
            logits = teller.output(state[0])  # type: ignore[operator,union-attr]
            token = x[:, place].long()
            target = torch.where(token == PAD, -100, token - FIRST)
            nll += cross_entropy(logits, target, reduction="none", ignore_index=-100)
        mean, logvar = network.encode(x)
        assert not mean.any()
        assert not logvar.any()
        bound = -Tokens(vocabulary=LARGE).log_prob(x, network.decode_given(codes(len(x)), x))
    torch.testing.assert_close(bound, nll, rtol=1e-12, atol=0)


def test_a_unigram_at_the_shares_of_its_tokens_has_their_entropy() -> None:
    x, network = sentences(40), built(MODELS[3])
    counts = torch.bincount(x[x != PAD].long(), minlength=LARGE)[FIRST:].double()
    network.module.logits.data = (counts / counts.sum()).log()  # type: ignore[union-attr]
    with torch.no_grad():
        nll = -Tokens(vocabulary=LARGE).log_prob(x, network.decode_given(codes(len(x)), x)).sum()
    share = counts[counts > 0] / counts.sum()
    assert float(nll / counts.sum()) == pytest.approx(-float((share * share.log()).sum()), rel=1e-12)


@pytest.mark.parametrize("kind", [Lstm, Gru])
def test_the_code_and_every_word_before_are_heard(kind: type[Lstm | Gru]) -> None:
    x, network = sentences(), built(kind(hidden=8, embedding=5))
    with torch.no_grad():
        one, other = (network.decode_given(codes(len(x), seed), x) for seed in (1, 2))
        assert not torch.equal(one[:, 0], other[:, 0])
        mean, _ = network.encode(x)
        assert len(mean.unique(dim=0)) == len(x)


def test_word_dropout_makes_that_share_of_the_words_unknown_in_training_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = built(Lstm(hidden=4, embedding=3, word_dropout=0.3))
    heard: list[Tensor] = []
    teller = network.module.teller
    monkeypatch.setattr(
        teller, "step", lambda z, before, memory: (heard.append(before), step(z, before, memory))[1]
    )
    step = type(teller).step.__get__(teller)  # type: ignore[attr-defined]
    x = torch.full((2000, LONG), 7.0, dtype=torch.float64)
    network.decode_given(codes(len(x)), x)
    with torch.no_grad():
        network.decode_given(codes(len(x)), x)
    trained, measured = heard
    assert (trained[:, 0] == BOS).all()
    share = (trained[:, 1:] == UNK).double().mean()
    assert ((trained[:, 1:] == UNK) | (trained[:, 1:] == 7)).all()
    assert float(share) == pytest.approx(
        0.3, abs=4 * math.sqrt(0.3 * 0.7 / (2000 * (LONG - 1)))
    )  # 4 standard errors
    assert (measured[:, 1:] == 7).all()


def test_draws_are_others_in_every_pass_and_the_same_again_from_the_same_state() -> None:
    model = Gru(hidden=4, embedding=3, word_dropout=0.5, dropout=0.2)
    x = sentences(50)
    one, again = (built(model).decode_given(codes(50), x) for _ in range(2))
    assert torch.equal(one, again)
    network = built(model)
    first, second = network.decode_given(codes(50), x), network.decode_given(codes(50), x)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
def test_data_that_are_no_sentences_are_refused(model: Lstm | Gru | Unigram) -> None:
    assert model.misfit((9,), 2, 5) == ""
    assert f"{model.kind} needs sentences" in model.misfit((1, 8, 8), 2, 5)
