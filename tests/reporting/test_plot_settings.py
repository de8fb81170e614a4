"""Figures that compare settings: reductions, cost, and the frontier of the heat map."""

import math

import numpy as np
import pytest
from drawings import drawn, of_cases, texts
from made_up import SIGMA2, Case, grid, spectrum

from klsweep.reporting import plots
from klsweep.reporting.plots import heatmaps
from klsweep.result import Status

RAW = (0.001, 0.01, 0.1, 1.0)
REDUCTIONS = ("sum", "mean", "mean_recon", "mean_kl")


def by_reduction(figure, axes):
    """Lines of an axes by the label that the key gives their colour."""
    (key,) = figure.legends
    names = {
        handle.get_color(): text.get_text()
        for handle, text in zip(key.get_lines(), key.get_texts(), strict=True)
    }
    return {names[line.get_color()]: line for line in axes.lines if line.get_color() in names}


def test_reductions_stand_at_the_raw_weight_on_the_left_and_at_what_it_comes_to_on_the_right(tmp_path):
    figure = drawn(
        of_cases(tmp_path, grid(beta_norm=RAW, unit=["weight"], reduction=REDUCTIONS)), "reductions"
    )
    left, right = (
        next(axes for axes in figure.axes if text in axes.get_title()) for text in ("script", "acts")
    )
    # N = 64, M = 4: beta_norm of a raw weight of 1
    factors = {"sum": 4 / 64, "mean": 1.0, "mean_recon": 4.0, "mean_kl": 1 / 64}
    for reduction, line in by_reduction(figure, left).items():
        np.testing.assert_allclose(line.get_xdata(), RAW)
        np.testing.assert_allclose(
            by_reduction(figure, right)[reduction].get_xdata(), np.multiply(RAW, factors[reduction])
        )
    assert set(by_reduction(figure, left)) == set(REDUCTIONS)


def test_one_reduction_is_compared_with_nothing(tmp_path):
    assert plots.FIGURES["reductions"](of_cases(tmp_path, grid(beta_norm=RAW))) is None
    apart = [Case(reduction="sum"), Case(reduction="mean", latent_dim=2)]
    assert plots.FIGURES["reductions"](of_cases(tmp_path / "apart", apart)) is None


def test_cost_is_the_mean_time_of_a_job_with_its_range(tmp_path):
    seconds = {2: [1.0, 2.0, 6.0], 8: [10.0, 10.0, 40.0]}
    cases = [
        Case(latent_dim=size, seed=seed, further={"train_seconds": each[seed]})
        for size, each in seconds.items()
        for seed in range(3)
    ]
    figure = drawn(of_cases(tmp_path, cases), "cost")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "latent_dim 8 (n\u00a0=\u00a03)",
        "latent_dim 2 (n\u00a0=\u00a03)",
    ]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [20, 3])
    np.testing.assert_allclose(
        [segment[:, 0] for segment in axes.collections[0].get_segments()], [[10, 40], [1, 6]]
    )
    assert any("All 6 jobs together: 69 seconds" in text for text in texts(figure))


def test_jobs_without_a_time_have_no_cost(tmp_path):
    assert plots.FIGURES["cost"](of_cases(tmp_path, [Case(status=Status.FAILED)])) is None


@pytest.mark.parametrize("unit", ["beta_norm", "beta"])
def test_the_frontier_is_where_the_closed_form_has_no_unit_left(tmp_path, unit):
    """The linear VAE has none where theta = beta sigma^2 is above the first eigenvalue."""
    betas = np.geomspace(0.1, 400, 12)
    sizes = [2, 4, 8]
    weights = {size: betas * (size / 64 if unit == "beta_norm" else 1) for size in sizes}
    cases = [
        Case(beta_norm=float(weight), latent_dim=size, unit=unit, seed=seed)
        for size in sizes
        for weight in weights[size]
        for seed in range(3)
    ]
    material = of_cases(tmp_path, cases, judged=True)
    axes = drawn(material, "active_units_heatmap").axes[0]
    gone = next(line for line in axes.lines if line.get_linestyle() == "-")
    columns = np.unique(material.summary["beta"].round(9))
    assert len(columns) == len(betas)
    last = sum(beta * SIGMA2 < spectrum(64)[0] for beta in columns) - 1
    np.testing.assert_allclose(gone.get_xdata(), last + 0.5)
    np.testing.assert_allclose(gone.get_ydata(), [-0.5, 0.5, 0.5, 1.5, 1.5, 2.5])


def test_a_frontier_that_no_weight_reaches_is_not_drawn(tmp_path):
    cases = grid(beta_norm=[0.001, 0.002, 0.004], latent_dim=[4], seed=range(3))
    axes = drawn(of_cases(tmp_path, cases, judged=True), "active_units_heatmap").axes[0]
    assert not [line for line in axes.lines if line.get_linestyle() == "-"]


def test_many_cells_are_read_by_colour_alone(tmp_path):
    cases = grid(beta_norm=[0.001 * k for k in range(1, 41)], latent_dim=range(2, 10))
    figure = drawn(of_cases(tmp_path, cases), "active_units_heatmap")
    assert len(cases) > heatmaps.ANNOTATED
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticklabels()) <= heatmaps.TICKS
    assert math.isclose(figure.axes[0].images[0].get_clim()[1], 1)
