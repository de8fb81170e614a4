"""The closed form under the plots is that of the data that were kept, in the nats of the likelihood trained."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import SIGMA2, Case, closed_form, commit, grid, spectrum
from scipy import optimize

from klsweep.reporting import rows, stats
from klsweep.reporting.closed_forms import NO_FORMS, THEORETICAL, ClosedForms, closed_forms
from klsweep.reporting.plots import canvas
from klsweep.reporting.plots.planes import rate_distortion
from klsweep.reporting.plots.weights import ACTIVE_UNITS, against_weight
from klsweep.theory.spectrum import Spectrum

BETAS = (0.001, 0.01, 0.1, 1.0)
VALUES = spectrum(64)
MOMENTS = VALUES * np.resize([1.5, 0.7, 1.2], 64)
MEANS = np.sqrt(MOMENTS) * np.resize([0.2, 0.998, 0.0], 64)  # the second axis hardly varies in the test split
KEPT = Spectrum(64, 1000, VALUES, float(VALUES.sum()), MOMENTS, MEANS, float(MOMENTS.sum()))
LIKELIHOODS = {
    "gaussian(variance=0.1)": {"kind": "gaussian", "variance": SIGMA2},
    "mse": {"kind": "mse"},
    "gaussian(variance=learned)": {"kind": "gaussian", "variance": "learned"},
    "gaussian(variance=learned_per_dim)": {"kind": "gaussian", "variance": "learned_per_dim"},
    "bernoulli": {"kind": "bernoulli"},
}
FORMS = ClosedForms({"digits": KEPT}, LIKELIHOODS)


def line(likelihood, **asked):
    return FORMS.line("digits", likelihood, **{"latent_dim": 4, "most_nats": 5.0, **asked})


def held_out(theta, latent_dim=4):
    """(SSE, rate, active units) on the test split, by the encoder and decoder of the best model themselves."""
    used = VALUES[:latent_dim][VALUES[:latent_dim] > theta]
    moments, means = MOMENTS[: len(used)], MEANS[: len(used)]
    decoder, variance = np.sqrt(used - theta), theta / used
    encoder = decoder / used
    sse = ((1 - decoder * encoder) ** 2 * moments + decoder**2 * variance).sum() + MOMENTS[len(used) :].sum()
    rate = (encoder**2 * moments + variance - 1 - np.log(variance)).sum() / 2
    active = (encoder**2 * (moments - means**2) > 0.01).sum()  # Burda et al. 2016
    return float(sse), float(rate), int(active)


def level(rate_nats, rate_of):
    """The water level of a rate, by bisection; a rate falls as theta rises."""
    return math.exp(optimize.brentq(lambda log: rate_of(math.exp(log)) - rate_nats, -15, 1, xtol=1e-13))


@pytest.mark.parametrize("likelihood", ["gaussian(variance=0.1)", "mse", "gaussian(variance=learned)"])
def test_a_line_goes_from_rate_0_to_the_rate_asked_for_in_the_nats_of_its_likelihood(likelihood):
    rate, distortion = line(likelihood)
    last = level(5.0, lambda theta: closed_form(theta, 4, 64)[1])  # of the training split
    assert (rate[0], rate[-1]) == (0, pytest.approx(held_out(last)[1]))
    for at in (20, 100, 199):
        theta = level(rate[at], lambda theta: held_out(theta)[1])
        sse, train_sse = held_out(theta)[0], closed_form(theta, 4, 64)[0]
        # the best variance for the error of the training split
        fitted = optimize.minimize_scalar(
            lambda log, sse=train_sse: 32 * log + sse / (2 * math.exp(log)), bracket=(-5, 0)
        ).x
        by_hand = {
            "mse": sse,
            "gaussian(variance=0.1)": 32 * math.log(2 * math.pi * SIGMA2) + sse / (2 * SIGMA2),
            "gaussian(variance=learned)": 32 * (math.log(2 * math.pi) + fitted)
            + sse / (2 * math.exp(fitted)),
        }
        assert distortion[at] == pytest.approx(by_hand[likelihood], rel=1e-6)


def test_there_is_no_line_where_no_closed_form_is_known():
    assert line("bernoulli") is line("gaussian(variance=learned_per_dim)") is line("never seen") is None
    assert FORMS.line("mnist", "mse", latent_dim=4, most_nats=5.0) is None
    assert line("mse", most_nats=0.0) is None
    part = Spectrum(64, 1000, VALUES[:3], KEPT.total, VALUES[:3], np.zeros(3), KEPT.total)
    few = ClosedForms({"digits": part}, LIKELIHOODS)
    assert few.line("digits", "mse", latent_dim=4, most_nats=5.0) is None
    assert few.line("digits", "mse", latent_dim=3, most_nats=5.0) is not None
    flat = Spectrum(64, 9, 0 * VALUES, 0.0, VALUES, np.zeros(64), KEPT.total)
    assert (
        ClosedForms({"digits": flat}, LIKELIHOODS).line("digits", "mse", latent_dim=4, most_nats=5.0) is None
    )


def test_what_a_store_kept_is_found_and_what_it_did_not_keep_is_no_hindrance(tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=BETAS))
    assert closed_forms(store).spectra == {}
    store.write_spectrum("digits", KEPT.arrays())
    store.write_spectrum("of another version", {"values": VALUES})
    found = closed_forms(store)
    assert set(found.spectra) == {"digits"}
    np.testing.assert_array_equal(found.spectra["digits"].values, VALUES)
    assert set(found.likelihoods) == {"gaussian(variance=0.1)"}


def dashed(figure):
    return [each for axes in figure.axes for each in axes.lines if each.get_color() == THEORETICAL["color"]]


def said(figure):
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return " ".join(text.get_text().replace("\n", " ") for text in found)


def test_the_plane_has_a_dashed_line_for_each_latent_size_and_says_what_it_is(tmp_path):
    summary = stats.summary(rows.runs(commit(tmp_path, "s", grid(beta_norm=BETAS, latent_dim=[2, 4]))))
    with canvas.style():
        with_forms, without = rate_distortion(summary, FORMS), rate_distortion(summary, NO_FORMS)
    two, four = dashed(with_forms)
    assert two.get_ydata()[-1] > four.get_ydata()[-1]  # fewer latents, a larger error at the same rate
    text = said(with_forms)
    assert "closed form of the linear VAE" in text
    assert "exact for model linear; no network wide enough to hold that map needs a higher rate" in text
    assert "M = 2" in text
    assert dashed(without) == []
    assert "closed form" not in said(without)


def test_the_active_units_have_a_dashed_step_at_each_eigenvalue(tmp_path):
    summary = stats.summary(rows.runs(commit(tmp_path, "s", grid(beta_norm=BETAS, latent_dim=[4]))))
    with canvas.style():
        figure, without = (against_weight(summary, ACTIVE_UNITS, forms) for forms in (FORMS, NO_FORMS))
    (steps,) = dashed(figure)
    for beta_norm, units in np.asarray(steps.get_xydata())[::40]:
        assert units == held_out(beta_norm * 64 / 4 * SIGMA2)[2]
    assert max(steps.get_ydata()) == 3  # of 4: the second axis is active in the training split alone
    assert "the first eigenvalue" in said(figure)
    assert dashed(without) == []


def test_a_learned_variance_has_no_dashed_step_for_its_theta_belongs_to_the_weight_it_was_learned_at(
    tmp_path,
):
    cases = [Case(beta_norm=BETAS[0], seed=seed, sigma2=0.1 + 0.01 * seed) for seed in range(3)]
    cases = [replace(case, further={"fitted_sigma2": case.sigma2}) for case in cases]
    summary = stats.summary(rows.runs(commit(tmp_path, "s", cases)))
    assert summary["n"].tolist() == [3]
    with canvas.style():
        assert dashed(against_weight(summary, ACTIVE_UNITS, FORMS)) == []
