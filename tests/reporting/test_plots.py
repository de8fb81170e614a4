import re

import numpy as np
import pytest
from drawings import drawn, of_cases, texts
from made_up import CONSTANT, LINEAR, SIGMA2, Case, closed_form, grid

from klsweep.reporting import plots
from klsweep.reporting.plots import grids, layout
from klsweep.result import Status

BETAS = (0.01, 0.1, 1.0)


def test_a_line_goes_through_the_means_and_its_band_through_the_intervals(tmp_path):
    material = of_cases(tmp_path, grid(beta_norm=BETAS, seed=range(3)))
    summary, axes = material.summary, drawn(material, "rate").axes[0]
    np.testing.assert_allclose(
        axes.lines[0].get_xydata(), summary[["beta_norm", "rate_nats"]].to_numpy(float)
    )
    low, high = axes.collections[0].get_datalim(axes.transData).intervaly
    assert low == pytest.approx((summary["rate_nats"] - summary["rate_nats_ci95"]).min())
    assert high == pytest.approx((summary["rate_nats"] + summary["rate_nats_ci95"]).max())


def test_the_second_axis_is_beta(tmp_path):
    axes = drawn(of_cases(tmp_path, grid(beta_norm=BETAS)), "reconstruction").axes[0]
    ticks = {text.get_text(): text.xy[0] for text in axes.texts if text.get_gid() == layout.SECOND}
    # beta = beta_norm * N / M with N = 64 and M = 4
    assert ticks == {"1": pytest.approx(1 / 16), "10": pytest.approx(10 / 16)}
    assert any(text.get_gid() == layout.SECOND_NAME and "beta" in text.get_text() for text in axes.texts)


def test_there_is_no_second_axis_where_one_beta_norm_is_several_betas(tmp_path):
    axes = drawn(of_cases(tmp_path, grid(beta_norm=BETAS, latent_dim=[2, 4])), "rate").axes[0]
    assert not [text for text in axes.texts if text.get_gid() == layout.SECOND]


def test_a_weight_of_zero_has_a_place_of_its_own_and_a_break(tmp_path):
    axes = drawn(of_cases(tmp_path, grid(beta_norm=(0.0, *BETAS))), "rate").axes[0]
    labels = {text.get_text(): x for text, x in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)}
    assert 0 < labels["0"] < min(BETAS)
    assert min(axes.lines[0].get_xdata()) == min(BETAS)  # no line across the break


def test_active_units_run_from_0_to_all(tmp_path):
    axes = drawn(of_cases(tmp_path, grid(beta_norm=BETAS, latent_dim=[8])), "active_units").axes[0]
    low, high = axes.get_ylim()
    assert -1 < low <= 0
    assert 8 <= high < 9


def test_no_panel_has_more_than_six_lines_and_every_line_has_a_panel(tmp_path):
    reductions = ("sum", "mean", "mean_recon", "mean_kl")
    cases = grid(beta_norm=[0.1], latent_dim=[2, 4, 8], reduction=reductions, schedule=[CONSTANT, LINEAR])
    found = grids.grid(of_cases(tmp_path, cases).summary)
    assert max(len(panel.lines) for panel in found.panels) <= 6
    assert sum(len(panel.lines) for panel in found.panels) == 24
    assert len({(panel.row, panel.column) for panel in found.panels}) == len(found.panels)


def test_distortions_of_different_data_or_likelihoods_share_no_panel(tmp_path):
    cases = grid(beta_norm=BETAS, dataset=["a", "b"], likelihood=["bernoulli", "mse"])
    material = of_cases(tmp_path, cases)
    for panel in grids.grid(material.summary).panels:
        assert len(panel.points[["dataset", "likelihood"]].drop_duplicates()) == 1
    assert any("without a density's constant" in text for text in texts(drawn(material, "reconstruction")))


def test_what_is_left_out_is_said_in_the_figure(tmp_path):
    cases = [*grid(beta_norm=BETAS), Case(seed=1, status=Status.DIVERGED)]
    foot = " ".join(texts(drawn(of_cases(tmp_path, cases), "rate")))
    assert "1 diverged" in foot
    assert "n = 1 seed" in foot
    assert "dataset digits" in foot


@pytest.mark.parametrize("name", plots.FIGURES)
def test_every_axis_names_its_unit(tmp_path, name):
    cases = grid(beta_norm=BETAS, latent_dim=[2, 4], reduction=["sum", "mean"], schedule=[CONSTANT, LINEAR])
    figure = drawn(of_cases(tmp_path, cases, spectra=True), name)
    labels = {axes.get_xlabel() for axes in figure.axes} | {axes.get_ylabel() for axes in figure.axes}
    without_unit = {"", "latent size M", "epoch", "rank of the latent", "active units / M"}
    assert labels - without_unit
    units = {"nats per datum", "latents", "no unit", "share", "seconds per job"}
    for label in labels - without_unit:
        assert re.search(r"[ \n]\((.*)\)$", label)[1] in units, label


def test_the_heatmap_shows_the_active_units_of_the_closed_form(tmp_path):
    material = of_cases(tmp_path, grid(beta_norm=BETAS, latent_dim=[2]))
    wanted = [closed_form(beta * 32 * SIGMA2, 2, 64)[2] for beta in BETAS]
    assert material.summary["active_units"].tolist() == wanted
    assert [text.get_text() for text in drawn(material, "active_units_heatmap").axes[0].texts] == [
        f"{count}" for count in wanted
    ]
