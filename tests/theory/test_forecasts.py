"""What is foreseen of a spec: each setting's theta, and what cannot be foreseen, said."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from klsweep import api
from klsweep.data import Data, Gaussian
from klsweep.errors import SpecError
from klsweep.spec import Job
from klsweep.theory import entropy
from klsweep.theory.collapse import collapse
from klsweep.theory.forecast import COLUMNS, Forecast, of_data
from klsweep.theory.linear import optimum
from klsweep.theory.settled import Settled, Unknown, settled
from klsweep.theory.spectrum import Spectrum
from klsweep.theory.standard import bare_kinds

VALUES = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
DATA = Gaussian(spectrum=VALUES, size=400, test=0.5, valid=0.0)

SPEC = """\
version: 1
name: ahead
fixed:
  dataset: {kind: gaussian, spectrum: [8, 4, 2, 1, 0.5, 0.25], size: 400, test: 0.5, valid: 0}
  latent_dim: 3
  train: {epochs: 1}
"""

Ahead = Callable[..., Forecast]


@pytest.fixture
def ahead(write_spec: Callable[..., Path]) -> Ahead:
    """The forecast of `SPEC` with further lines."""
    return lambda more, *overrides: api.forecast(write_spec(SPEC + more, "ahead.yaml"), overrides)


@pytest.fixture(scope="module")
def spectrum() -> Spectrum:
    return of_data(DATA.load(), axes=1)


def job(**settings: object) -> Job:
    given = {
        "dataset": DATA,
        "latent_dim": 3,
        "beta": 1.0,
        "likelihood": {"kind": "gaussian", "variance": 1.0},
    }
    return Job.model_validate({**given, **settings})


def foreseen(spectrum: Spectrum, **settings: object) -> Settled:
    found = settled(job(**settings), spectrum)
    assert isinstance(found, Settled), found
    return found


# ---- rows


def test_a_row_for_each_setting_that_matters_and_none_for_what_does_not(ahead: Ahead) -> None:
    found = ahead(
        "grid: {model: [linear, mlp], schedule: [constant, linear], seed: [0, 1], beta: [0.5, 3.0]}\n",
        "likelihood=mse",
    )
    assert [row["beta"] for row in found.rows] == [0.5, 3.0]
    assert all(tuple(row) == COLUMNS for row in found.rows)
    notes = " ".join(found.notes)
    assert "for mlp: no network wide enough to hold the linear map needs a higher rate" in notes
    assert "but a trained one may have one" in notes


def test_the_numbers_of_a_row_are_those_of_the_theory_by_hand(ahead: Ahead) -> None:
    """Exact data: both splits have the eigenvalues themselves, but for float32. theta = 3 * 0.5."""
    (row,) = ahead("grid: {beta: [3.0]}\n", "likelihood={kind: gaussian, variance: 0.5}").rows
    rate, sse = sum(math.log(value / 1.5) for value in VALUES[:3]) / 2, 3 * 1.5 + sum(VALUES[3:])
    assert (row["theta"], row["sigma2"], row["settled_beta"]) == pytest.approx((1.5, 0.5, 3.0))
    for prefix in ("", "train_"):
        assert row[f"{prefix}rate_nats"] == pytest.approx(rate, rel=1e-5)
        assert row[f"{prefix}recon_sse"] == pytest.approx(sse, rel=1e-5)
        distortion = -6 * stats.norm(0, math.sqrt(0.5)).logpdf(0) + sse / (2 * 0.5)
        assert row[f"{prefix}distortion_nats"] == pytest.approx(distortion, rel=1e-5)
        assert row[f"{prefix}active_units"] == 3
    assert row["elbo_nats"] == pytest.approx(-(distortion + rate), rel=1e-5)
    assert row["recon_mse"] == pytest.approx(sse / 6, rel=1e-5)


def test_the_squared_error_as_it_stands_is_half_a_variance_without_its_constant(ahead: Ahead) -> None:
    mse, half = (
        ahead("grid: {beta: [3.0]}\n", f"likelihood={kind}").rows[0]
        for kind in ("mse", "{kind: gaussian, variance: 0.5}")
    )
    for name in ("theta", "rate_nats", "recon_sse", "active_units", "collapse_weight_mean"):
        assert mse[name] == half[name]
    assert mse["distortion_nats"] == pytest.approx(mse["recon_sse"])


def test_reductions_turn_one_raw_weight_into_four_forecasts(ahead: Ahead) -> None:
    rows = ahead(
        "grid: {weight: [1.0], reduction: [sum, mean, mean_recon, mean_kl]}\n", "likelihood=mse"
    ).rows
    assert [row["theta"] for row in rows] == pytest.approx([0.5, 6 / (2 * 3), 3.0, 1 / (2 * 3)])
    # the weight at which all collapses does not depend on the reduction that the row has
    assert len({row["collapse_weight_mean"] for row in rows}) == 1


@pytest.mark.parametrize("reduction", ["sum", "mean", "mean_recon", "mean_kl"])
def test_at_the_collapse_weight_of_its_reduction_a_job_uses_nothing_and_just_below_it_something(
    spectrum: Spectrum, reduction: str
) -> None:
    for likelihood in (
        "mse",
        {"kind": "gaussian", "variance": 2.0},
        {"kind": "gaussian", "variance": "learned"},
    ):
        asked = job(likelihood=likelihood)
        limit = collapse("x", spectrum, sigma2=asked.likelihood.sigma2, latent_dim=3)
        assert limit is not None
        used = []
        for factor in (1 - 1e-9, 1 + 1e-9):
            weight = factor * limit.weights[asked.reduction.__class__(reduction)]
            found = foreseen(spectrum, likelihood=likelihood, beta=None, weight=weight, reduction=reduction)
            used.append(int(optimum(spectrum, found.theta, latent_dim=3).used))
        assert used == [1, 0]


def test_what_has_no_closed_form_says_so_and_a_bernoulli_gets_its_floor() -> None:
    overrides = ["dataset.limit=100", "beta_norm=0.1", "latent_dim=2"]
    kinds = ("laplace", "categorical", "continuous_bernoulli", "{kind: gaussian, variance: learned_per_dim}")
    for kind in kinds:
        (row,) = api.forecast("digits", [*overrides, f"likelihood={kind}"]).rows
        assert "no closed form applies to likelihood" in str(row["note"])
        assert row["theta"] is row["rate_nats"] is row["entropy_floor_nats"] is None
    (row,) = api.forecast("digits", [*overrides, "likelihood=bernoulli"]).rows
    assert "bernoulli" in str(row["note"])
    assert 0 < row["train_entropy_floor_nats"] < row["train_collapsed_nats"] < 64 * math.log(2)


def test_coins_drawn_anew_have_no_entropy_floor_and_collapse_to_that_of_their_mean_probability() -> None:
    asked = ["dataset.limit=100", "beta_norm=0.1", "latent_dim=2", "likelihood=bernoulli"]
    rows = {
        how: api.forecast("digits", [*asked, f"dataset.binarize={how}"]).rows[0]
        for how in ("none", "static", "dynamic")
    }
    floors = [(row["entropy_floor_nats"], row["train_entropy_floor_nats"]) for row in rows.values()]
    assert min(floors[0]) > 0
    assert floors[1:] == [(0, 0), (0, 0)]
    # a constant coin is trained on the expected share of ones, which is the mean grey value
    assert rows["dynamic"]["train_collapsed_nats"] == rows["none"]["train_collapsed_nats"]


def test_a_beta_of_zero_has_no_finite_rate_and_says_nothing_false(ahead: Ahead) -> None:
    (row,) = ahead("grid: {beta: [0.0]}\n", "likelihood=mse").rows
    assert (row["rate_nats"], row["elbo_nats"], row["theta"]) == (None, None, 0.0)
    assert row["train_recon_sse"] == pytest.approx(1.75, rel=1e-5)


# ---- where objectives settle


def test_a_rate_that_is_held_settles_at_the_water_level_of_that_rate(spectrum: Spectrum) -> None:
    for objective in ({"kind": "target_rate", "nats": 2.0}, {"kind": "capacity", "nats": 2.0}):
        found = foreseen(spectrum, objective=objective, beta=100.0)
        assert optimum(spectrum, found.theta, latent_dim=3).train.rate_nats == pytest.approx(2.0)
        fitted = foreseen(
            spectrum, objective=objective, likelihood={"kind": "gaussian", "variance": "learned"}, beta=100.0
        )
        sse = optimum(spectrum, fitted.theta, latent_dim=3).train.recon_sse
        assert (fitted.theta, fitted.sigma2) == pytest.approx((found.theta, float(sse) / 6))


def test_a_weight_too_small_to_hold_the_rate_is_the_beta_it_settles_at(spectrum: Spectrum) -> None:
    free = foreseen(spectrum, objective={"kind": "target_rate", "nats": 2.0}, beta=100.0)
    for kind in ("target_rate", "capacity"):
        found = foreseen(spectrum, objective={"kind": kind, "nats": 2.0}, beta=free.beta / 2)
        assert found == foreseen(spectrum, beta=free.beta / 2)


def test_an_error_that_is_held_settles_at_its_water_level_or_is_out_of_reach(spectrum: Spectrum) -> None:
    found = foreseen(spectrum, objective={"kind": "geco", "sse": 5.0})
    assert optimum(spectrum, found.theta, latent_dim=3).train.recon_sse == pytest.approx(5.0)
    never = settled(job(objective={"kind": "geco", "sse": 1.0}), spectrum)
    assert isinstance(never, Unknown)
    assert "3 latents leave a squared error above 1.75" in never.reason


@pytest.mark.parametrize("kind", ["free_bits", "balanced", "beta_tc", "info_mmd", "dip"])
def test_other_objectives_have_no_closed_form(spectrum: Spectrum, kind: str) -> None:
    found = settled(job(objective={"kind": kind}), spectrum)
    assert isinstance(found, Unknown)
    assert f"no closed form applies to objective {kind}" in found.reason


# ---- Bernoulli


def test_the_entropy_floor_is_the_sum_of_coin_entropies_by_scipy() -> None:
    x = np.random.default_rng(0).random((7, 1, 2, 3)).astype(np.float32)
    x[0] = [[[0, 1, 0.5], [0, 1, 1]]]
    by_scipy = sum(float(stats.bernoulli(p).entropy()) for p in x.astype(np.float64).ravel()) / 7
    assert entropy.entropy_floor_nats(x) == pytest.approx(by_scipy, rel=1e-12)
    assert entropy.entropy_floor_nats((x > 0.5).astype(np.float32)) == 0
    means = x.reshape(7, -1).mean(0, dtype=np.float64)
    assert entropy.collapsed_nats(x) == pytest.approx(sum(float(stats.bernoulli(p).entropy()) for p in means))


# ---- a data set by its kind


def test_a_data_set_alone_is_a_grid_of_weights_that_overrides_change() -> None:
    found = api.forecast("digits", ["dataset.limit=200", "latent_dim=2,4", "beta_norm=0.01"])
    assert [(row["latent_dim"], row["beta_norm"]) for row in found.rows] == [(2, 0.01), (4, 0.01)]
    assert set(found.spectra) == {"digits(limit=200)"}
    assert {(each.sigma2, each.latent_dim) for each in found.collapses} == {
        (sigma2, size) for sigma2 in (0.5, 1.0, None) for size in (2, 4)
    }


def test_a_name_that_is_no_data_set_is_told_which_ones_there_are(tmp_path: Path) -> None:
    assert {"digits", "mnist", "fashion_mnist"} <= set(bare_kinds())
    assert not {"npz", "csv", "gaussian"} & set(bare_kinds())
    for name, words in (("mnits", "is neither a spec nor a data set"), ("npz", "needs settings")):
        with pytest.raises(SpecError, match=words) as caught:
            api.forecast(name)
        assert all(kind in str(caught.value) for kind in bare_kinds())


def test_labels_and_validation_data_do_not_enter(spectrum: Spectrum) -> None:
    data = DATA.load()
    other = Data(data.train, data.train + 100, data.test)
    assert of_data(other, axes=1).total == spectrum.total
