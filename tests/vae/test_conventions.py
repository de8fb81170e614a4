"""The calculator says what published tables say, what the losses themselves say, and loses nothing on the way."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from klsweep.vae.conventions import (
    CONVENTIONS,
    Convention,
    Equivalents,
    Form,
    OverBatch,
    Question,
    Sizes,
    Term,
    equivalents,
)
from klsweep.vae.weights import Reduction

# A conversion is at most 20 products and quotients, each within 1.1e-16: 4.4e-15 there and back.
ROUNDING = 1e-14
BY_NAME = {convention.name: convention for convention in CONVENTIONS}
Array = np.ndarray


def rounded(value: float, *, as_in: str) -> float:
    """`value` to as many significant digits as were published."""
    digits = len(as_in.split("e")[0].replace(".", "").lstrip("0"))
    return float(f"{value:.{digits}g}")


def beta_of(answer: Equivalents, likelihood: str) -> tuple[float, float]:
    """(beta, beta_norm) of one reading."""
    return next((each.beta, each.beta_norm) for each in answer.readings if each.likelihood == likelihood)


@pytest.mark.parametrize(
    ("code", "shape", "latent", "weight", "b", "beta_norm"),
    [
        ("pythae", "1x28x28", 16, None, "1", "0.020"),
        ("disentanglement_lib-l2", "3x64x64", 10, None, "0.5", "0.0004"),
        ("mr-vae", "3x32x32", 256, None, "0.5", "0.042"),
        ("pytorch-vae", "3x64x64", 128, None, "1.536", "0.016"),
        ("pytorch-vae-beta", "3x64x64", 128, None, "15.4", "0.16"),
        ("pytorch-vae-validation", "3x64x64", 128, None, "6144", "64"),
        ("bolts", "3x32x32", 256, None, "0.6", "0.05"),
        ("disent", "3x64x64", 9, None, "2.05", "0.0015"),
        ("disent", "3x64x64", 25, 0.0316, "7.8", "0.016"),
        ("disentangling-vae-gaussian", "1x32x32", 10, None, "0.0078", "7.7e-5"),
    ],
)
def test_a_default_has_the_published_weight_against_half_a_squared_error(
    code: str, shape: str, latent: int, weight: float | None, b: str, beta_norm: str
) -> None:
    answer = equivalents(Question(input=shape, latent=latent, from_=code, weight=weight))
    found, found_norm = beta_of(answer, "gaussian")  # the first Gaussian is that of unit variance
    assert answer.theta == pytest.approx(found, rel=ROUNDING)
    assert rounded(found, as_in=b) == float(b)
    assert rounded(found_norm, as_in=beta_norm) == float(beta_norm)


@pytest.mark.parametrize(("n", "m"), [(784, 10), (12288, 128), (7, 3), (1, 1)])
@pytest.mark.parametrize(
    ("form", "beta_sse", "beta_norm"),  # each a factor and the powers of N, M and B that multiply w
    [
        (Form(reduction=Reduction.SUM), (1, 0, 0, 0), (1, -1, 1, 0)),
        (Form(reduction=Reduction.MEAN_RECON), (1, 1, 0, 0), (1, 0, 1, 0)),
        (Form(reduction=Reduction.MEAN_KL), (1, 0, -1, 0), (1, -1, 0, 0)),
        (Form(reduction=Reduction.MEAN), (1, 1, -1, 0), (1, 0, 0, 0)),
        (Form(recon_factor=0.5), (2, 0, 0, 0), (2, -1, 1, 0)),
        (Form(reduction=Reduction.MEAN_RECON, kl_batch=OverBatch.SUM), (1, 1, 0, 1), (1, 0, 1, 1)),
        (Form(recon_batch=OverBatch.SUM), (1, 0, 0, -1), (1, -1, 1, -1)),
        (Form(recon_factor=1 / 255, data_scale=255.0), (1 / 255, 0, 0, 0), (1 / 255, -1, 1, 0)),
        (Form(data_scale=3.0), (1 / 9, 0, 0, 0), (1 / 9, -1, 1, 0)),
    ],
)
def test_every_way_to_reduce_has_the_beta_of_the_algebra(
    form: Form, beta_sse: tuple[float, ...], beta_norm: tuple[float, ...], n: int, m: int
) -> None:
    def product(factor: float, of_n: float, of_m: float, of_batch: float) -> float:
        return factor * n**of_n * m**of_m * 128**of_batch

    for w in (0.1, 1.0, 4.0):
        answer = equivalents(Question(input=(n,), latent=m, batch=128, weight=w, from_=form))
        want, want_norm = w * product(*beta_sse), w * product(*beta_norm)
        assert beta_of(answer, "mse") == pytest.approx((want, want_norm), rel=ROUNDING)
        assert beta_of(answer, "gaussian")[0] == pytest.approx(want / 2, rel=ROUNDING)
        assert answer.theta == pytest.approx(want / 2, rel=ROUNDING)
        if form.recon_factor == form.data_scale == 1:
            likelihood = replace(form, term=Term.OTHER)
            nll = equivalents(Question(input=(n,), latent=m, batch=128, weight=w, from_=likelihood))
            assert nll.theta is None
            assert beta_of(nll, "any -log p") == pytest.approx((want, want_norm), rel=ROUNDING)


@pytest.mark.parametrize(
    ("code", "shape", "latent", "weight", "likelihood", "beta"),
    [
        ("pytorch-examples", "784", 20, None, "any -log p", "1"),
        ("pytorch-examples-before-296", "784", 20, None, "any -log p", "1"),
        ("keras-before-3383", "784", 2, None, "any -log p", "784"),
        ("keras", "1x28x28", 2, None, "any -log p", "1"),
        ("keras-molecules", "120x35", 292, None, "any -log p", str(1 / 292)),
        ("grammarvae", "15x12", 10, None, "any -log p", "0.1"),
        ("pytorch-vae", "3x64x64", 128, None, "mse", "3.07"),
        ("pytorch-vae", "3x64x64", 128, None, "gaussian", "1.54"),
        ("pytorch-vae-beta", "3x64x64", 128, None, "mse", "30.7"),
        ("sigma-vae-mse", "3x28x28", 20, None, "mse", "301056"),
        ("sigma-vae", "3x28x28", 20, None, "any -log p", "1"),
        ("disentangling-vae-gaussian", "1x64x64", 10, 255.0, "mse", "1"),
        ("disentangling-vae-gaussian", "1x64x64", 10, 510.0, "gaussian", "1"),
        ("1konny", "3x64x64", 10, 4.0, "mse", "4"),
        ("pythae", "1x28x28", 16, 3.0, "mse", "6"),
        ("pythae", "1x28x28", 16, 3.0, "gaussian", "3"),
        ("disentanglement_lib", "3x64x64", 10, 16.0, "any -log p", "16"),
        ("disentanglement_lib-l2", "3x64x64", 10, 16.0, "mse", "16"),
        ("balancing-vae", "3x32x32", 64, None, "any -log p", "1"),
        ("balancing-vae", "3x64x64", 64, None, "any -log p", "4"),
        ("cryodrgn", "1x128x128", 8, None, "mse", "0.125"),
        ("tsgm", "16x4", 5, 4.0, "any -log p", "1"),
        ("world-models-10", "3x64x64", 32, None, "mse", "38"),
        ("vdvae", "3x32x32", 16, None, "any -log p", "1"),
        ("scvi-tools", "2000", 10, None, "any -log p", "1"),
    ],
)
def test_a_code_has_the_published_beta(
    code: str, shape: str, latent: int, weight: float | None, likelihood: str, beta: str
) -> None:
    answer = equivalents(Question(input=shape, latent=latent, from_=code, weight=weight, batch=128))
    assert rounded(beta_of(answer, likelihood)[0], as_in=beta) == pytest.approx(float(beta), rel=ROUNDING)


def test_dividing_by_the_latents_instead_of_the_pixels_would_have_given_the_published_factor() -> None:
    proposal = Form(term=Term.OTHER, reduction=Reduction.MEAN)  # pytorch/examples issue #290
    answer = equivalents(Question(input="784", latent=20, weight=1.0, from_=proposal))
    assert beta_of(answer, "any -log p")[0] == pytest.approx(39.2, rel=ROUNDING)


def test_a_learned_variance_gives_sigma_vae_the_beta_its_paper_prints_for_squared_errors() -> None:
    # Rybkin et al. 2021, table 1: beta = 0.006 of SSE + beta KL is the learned variance 0.003.
    answer = equivalents(Question(input="3x28x28", latent=20, from_="sigma-vae", sigma2=0.003))
    assert answer.theta == pytest.approx(0.003, rel=ROUNDING)
    assert beta_of(answer, "mse")[0] == pytest.approx(0.006, rel=ROUNDING)


def test_the_question_that_began_it_is_answered_alike_by_both_its_answers() -> None:
    """Mean over 4096 pixels, mean over 10 latents: the raw weight is beta_norm, and beta = 4 is 0.00977."""
    answer = equivalents(Question(input="1x64x64", latent=10, beta=4.0))
    assert beta_of(answer, "any -log p")[1] == pytest.approx(0.00977, rel=5e-4)  # three digits were printed
    mean = next(
        each.weight
        for each in answer.raw_weights
        if each.form.reduction is Reduction.MEAN and each.form.term is not Term.SSE
    )
    assert mean == pytest.approx(beta_of(answer, "any -log p")[1], rel=ROUNDING)


LITERAL: dict[str, Callable[[Array, Array, float], float]] = {
    "pythae": lambda r, k, w: (0.5 * r.sum(1) + w * k.sum(1)).mean(),
    "disentanglement_lib": lambda r, k, w: r.sum(1).mean() + w * k.sum(1).mean(),
    "disentangling-vae-gaussian": lambda r, k, w: (255**2 * r).sum() / 255 / len(r) + w * k.mean(0).sum(),
    "pytorch-vae": lambda r, k, w: r.mean() + w * k.sum(1).mean(),
    "pytorch-vae-beta": lambda r, k, w: r.mean() + w * 0.00025 * k.sum(1).mean(),
    "bolts": lambda r, k, w: r.mean() + w * k.mean(),
    "disent": lambda r, k, w: r.mean() + w * k.mean(),
    "1konny": lambda r, k, w: r.sum() / len(r) + w * k.sum(1).mean(),
    "keras-before-3383": lambda r, k, w: (r.mean(1) + w * k.sum(1)).mean(),
    "keras-molecules": lambda r, k, w: (r.shape[1] * r.mean(1) + w * k.mean(1)).mean(),
    "pytorch-examples": lambda r, k, w: r.sum() + w * k.sum(),
    "pytorch-examples-before-296": lambda r, k, w: r.mean() + w * k.sum() / r.size,
    "sigma-vae-gaussian": lambda r, k, w: 0.5 * r.sum() + w * k.sum(),
    "sigma-vae-mse": lambda r, k, w: r.mean() + w * k.sum(),
    "vdvae": lambda r, k, w: (r.sum(1) / r.shape[1] + w * k.sum(1) / r.shape[1]).mean(),
    "autoencodix-mean": lambda r, k, w: r.mean() + w * k.mean(),
    "cryodrgn": lambda r, k, w: r.mean() + w * k.sum(1).mean() / r.shape[1],
    "world-models": lambda r, k, w: (1000 * r.mean(1) + w * k.mean(1)).mean(),
    "balancing-vae": lambda r, k, w: w * (2 * 4 / k.shape[1]) ** 2 * k.sum() / len(k) + r.sum() / len(r),
}
"""The losses as the code reduces them, of elements [batch, N] of the reconstruction and [batch, M] of KL."""


@pytest.mark.parametrize("code", LITERAL)
def test_the_two_factors_are_those_of_the_loss_itself(code: str) -> None:
    rng = np.random.default_rng(5)
    recon, kl, w = rng.random((6, 3 * 4 * 4)), rng.random((6, 5)), 0.37
    loss = LITERAL[code]
    a = loss(recon, 0 * kl, w) / recon.sum(1).mean()
    wc = loss(0 * recon, kl, w) / kl.sum(1).mean()
    assert loss(recon, kl, w) == pytest.approx(a * recon.sum(1).mean() + wc * kl.sum(1).mean(), rel=1e-13)
    found = BY_NAME[code].form.beta(w, Sizes((3, 4, 4), 5, 6))
    assert found == pytest.approx(wc / a, rel=1e-13)  # sums of 288 terms: 288 * 1.1e-16 at most, each


SIZES = [("3x64x64", 10, 128), ("784x1", 20, 64), ("1x7", 3, 5)]


@pytest.mark.parametrize(("shape", "latent", "batch"), SIZES)
@pytest.mark.parametrize(
    "origin", [each for each in CONVENTIONS if not each.ignored], ids=lambda each: each.name
)
def test_a_weight_survives_the_way_to_every_other_code_and_back(
    origin: Convention, shape: str, latent: int, batch: int
) -> None:
    given = math.exp(np.random.default_rng(7).uniform(-9, 9))
    sigma2 = None if origin.form.term is Term.OTHER else 0.37
    there = equivalents(
        Question(
            input=shape,
            latent=latent,
            batch=batch,
            weight=given,
            from_=origin.name,
            sigma2=sigma2,
            to=("all",),
        )
    )
    reached = {each.convention.name: each.weight for each in there.in_code}
    assert reached[origin.name] == pytest.approx(given, rel=ROUNDING)
    for name, weight in reached.items():
        if weight is None:
            assert BY_NAME[name].ignored
            continue
        variance = None if BY_NAME[name].form.term is Term.OTHER else 0.37
        if origin.form.term is Term.SSE and variance is None:
            continue  # a likelihood without a variance has no way back to a squared error
        back = equivalents(
            Question(
                input=shape,
                latent=latent,
                batch=batch,
                weight=weight,
                from_=name,
                sigma2=variance,
                to=(origin.name,),
            )
        )
        assert back.in_code[0].weight == pytest.approx(given, rel=ROUNDING)


@pytest.mark.parametrize("reduction", Reduction)
def test_beta_beta_norm_and_raw_weight_are_three_names_of_one_answer(reduction: Reduction) -> None:
    for beta in np.exp(np.random.default_rng(3).uniform(-20, 20, 50)).tolist():
        first = equivalents(Question(input="3x32x32", latent=64, beta=beta, batch=32))
        norm = beta_of(first, "any -log p")[1]
        raw = next(each.weight for each in first.raw_weights if each.form.reduction is reduction)
        for question in (
            Question(input="3x32x32", latent=64, beta_norm=norm, batch=32),
            Question(input="3x32x32", latent=64, weight=raw, reduction=reduction.value, batch=32),
        ):
            again = equivalents(question)
            assert again.beta == pytest.approx(beta, rel=ROUNDING)
            assert again.theta == pytest.approx(beta / 2, rel=ROUNDING)
            assert [each.weight for each in again.raw_weights] == pytest.approx(
                [each.weight for each in first.raw_weights], rel=ROUNDING
            )


def test_a_beta_is_worth_its_variance() -> None:
    for sigma2 in (0.01, 0.5, 1.0, 3.0):
        answer = equivalents(Question(input="784", latent=10, beta=4.0, sigma2=sigma2))
        assert answer.theta == pytest.approx(4 * sigma2, rel=ROUNDING)
        for reading in answer.readings:
            assert reading.sigma2 is not None
            assert reading.beta * reading.sigma2 == pytest.approx(4 * sigma2, rel=ROUNDING)


def test_no_weight_is_no_weight_anywhere() -> None:
    answer = equivalents(Question(input="784", latent=10, beta=0.0, to=("all",), batch=8))
    assert answer.theta == 0
    assert {each.weight for each in answer.raw_weights} == {0}
    assert {each.weight for each in answer.in_code if not each.convention.ignored} == {0}


def test_a_code_that_ignores_its_weight_is_what_it_is() -> None:
    answer = equivalents(Question(input="16x4", latent=5, beta=4.0, to=("tsgm", "keras")))
    assert [each.weight for each in answer.in_code] == [None, 4.0]


def test_names_do_not_depend_on_case_or_dashes() -> None:
    for name in ("PyTorch-VAE", "pytorch vae", "AntixK", "pytorch_vae_train"):
        answer = equivalents(Question(input="3x64x64", latent=128, from_=name))
        assert answer.theta == pytest.approx(1.536, rel=ROUNDING)


def test_every_convention_has_a_name_of_its_own_and_a_source() -> None:
    names = [name for each in CONVENTIONS for name in (each.name, *each.aliases)]
    assert len({name.lower().replace("-", "").replace("_", "") for name in names}) == len(names)
    for each in CONVENTIONS:
        assert "/" in each.source
        assert each.default is None or each.default > 0
