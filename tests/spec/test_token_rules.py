"""Words are no quantities: what does not go together on text is named at its place, with what to write."""

import pytest

from klsweep.api import forecast
from klsweep.errors import SpecError
from klsweep.spec import read_text

GOOD = "dataset: grammar, model: lstm, likelihood: {kind: tokens, vocabulary: 83}"


def mistakes(fixed: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_text(f"fixed: {{beta: 1, {fixed}}}\n")
    return [str(problem) for problem in caught.value.problems]


def test_sentences_with_a_model_and_a_likelihood_for_them_are_good():
    (job,) = read_text(f"fixed: {{beta: 1, {GOOD}}}\n").jobs
    assert job.likelihood.params_per_value == 81


def test_the_defaults_are_for_quantities_and_both_fixes_are_given():
    model, likelihood = mistakes("dataset: grammar")
    assert "mlp (the default) reads quantities" in model
    assert "allowed: lstm, gru, unigram: write model: lstm" in model
    assert "bernoulli (the default) is of quantities" in likelihood
    fix = "likelihood: {kind: tokens, vocabulary: 83}"
    assert f"write {fix}" in likelihood
    assert read_text(f"fixed: {{beta: 1, dataset: grammar, model: lstm, {fix}}}\n").jobs


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        (
            GOOD.replace("83", "80"),
            ["tokens is of 80 tokens", "the vocabulary of grammar has 83", "vocabulary: 83}"],
        ),
        (GOOD.replace("lstm", "conv"), ["conv reads quantities", "write model: lstm"]),
        ("dataset: digits, model: gru", ["gru reads tokens", "mlp"]),
        (
            "dataset: digits, likelihood: {kind: tokens, vocabulary: 83}",
            ["tokens is of tokens; the data, digits, are quantities", "bernoulli"],
        ),
        (f"{GOOD}, objective: {{kind: geco, sse: 1.0}}", ["geco watches the squared error", "elbo"]),
        (f"{GOOD}, objective: balanced", ["balanced watches the squared error"]),
    ],
)
def test_what_does_not_go_together_is_named_with_the_way_out(fixed: str, words: list[str]):
    (said,) = mistakes(fixed)
    assert [each for each in words if each not in said] == []


def test_theory_foresees_nothing_of_text(tmp_path):
    (tmp_path / "text.yaml").write_text(f"version: 1\nfixed: {{beta: 1, {GOOD}}}\n")
    for asked in ("grammar", tmp_path / "text.yaml"):
        with pytest.raises(SpecError, match=r"grammar: is text.*no covariance.*train it: klsweep run"):
            forecast(asked)
