import numpy as np
import pytest
from drawings import drawn, of_cases, rates, texts
from made_up import CONSTANT, LINEAR, Case, grid
from matplotlib.collections import LineCollection

from klsweep.reporting.plots import curves, scheduled, spectra
from klsweep.reporting.plots.material import Material, spread
from klsweep.result import Status

BETAS = (0.01, 0.1, 1.0)
CYCLICAL = {"kind": "cyclical", "cycles": 2, "ratio": 0.5, "shape": "linear"}


def lines(axes):
    """The points of every curve in an axes, epochs first."""
    return [
        np.array(segment)
        for collection in axes.collections
        if isinstance(collection, LineCollection)
        for segment in collection.get_segments()
    ]


def test_learning_curves_are_those_of_the_store(tmp_path):
    material = of_cases(tmp_path, grid(beta_norm=BETAS, epochs=[5]))
    distortion, rate, units = drawn(material, "learning_curves").axes[:3]
    for axes, name in (
        (distortion, "valid_distortion_nats"),
        (rate, "valid_rate_nats"),
        (units, "valid_active_units"),
    ):
        wanted = [
            [(row["epoch"], row[name]) for row in material.curve(job_id)]
            for job_id in material.runs["job_id"]
        ]
        found = lines(axes)[-3:]  # those of validation are drawn last
        np.testing.assert_allclose(found, wanted)


def test_without_active_units_in_the_curves_there_is_no_row_for_them(tmp_path):
    material = of_cases(tmp_path, grid(beta_norm=BETAS))

    def old(job_id):
        return [{**row, "valid_active_units": None} for row in material.curve(job_id)]

    earlier = Material(material.runs, material.summary, curve=old, jobs=material.jobs)
    assert not any("active units" in text for text in texts(drawn(earlier, "learning_curves")))


def test_curves_are_read_only_where_they_are_drawn(tmp_path):
    cases = grid(beta_norm=[0.01 * k for k in range(1, 31)], latent_dim=[2, 4, 8, 16, 32], epochs=[1])
    material = of_cases(tmp_path, cases)
    read = []
    few = Material(
        material.runs, material.summary, curve=lambda job_id: read.append(job_id) or material.curve(job_id)
    )
    assert curves.learning_curves(few) is not None
    assert 0 < len(read) <= 48


def test_a_schedule_is_drawn_at_every_step_above_what_it_gave(tmp_path):
    """Two cycles in 40 steps, with the climb over half of each: s(t) = (t mod 20) / 10, at most 1."""
    material = of_cases(tmp_path, grid(beta_norm=BETAS, schedule=[CONSTANT, CYCLICAL], epochs=[4]))
    figure = drawn(material, "schedules")
    titles = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert {title.replace("\n", " ") for title in titles} == {
        "constant",
        "cyclical(cycles=2, ratio=0.5, shape=linear)",
    }
    cyclical = next(axes for title, axes in titles.items() if "cyclical" in title)
    s, edges, _ = cyclical.patches[0].get_data()
    np.testing.assert_allclose(s, [min(1, (t % 20) / 10) for t in range(40)], atol=1e-12)
    np.testing.assert_allclose(edges, np.arange(41) / 10)


def test_schedules_are_compared_where_all_else_is_alike(tmp_path):
    cases = [*grid(beta_norm=BETAS, schedule=[CONSTANT, LINEAR], latent_dim=[8]), Case(latent_dim=2)]
    material = of_cases(tmp_path, cases)
    figure = drawn(material, "schedules")
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["constant", "linear"]
    said = " ".join(texts(figure))
    assert "latent_dim 8" in said
    assert "No room for 1 more setting" in said


@pytest.mark.parametrize("cases", [grid(beta_norm=BETAS), [Case(status=Status.FAILED)], []])
def test_there_is_no_figure_of_schedules_where_there_is_none(tmp_path, cases):
    assert scheduled.schedules(of_cases(tmp_path, cases)) is None


def test_a_spectrum_is_the_rates_in_order_of_size(tmp_path):
    cases = grid(beta_norm=BETAS, latent_dim=[8])
    axes = drawn(of_cases(tmp_path, cases, spectra=True), "latent_spectrum").axes[0]
    threshold, *found = axes.lines
    assert threshold.get_ydata()[0] == 0.01
    for line, case in zip(found, cases, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), range(1, 9))
        np.testing.assert_allclose(line.get_ydata(), np.maximum(sorted(rates(case), reverse=True), 1e-4))


def test_results_without_rates_have_no_spectrum(tmp_path):
    assert spectra.latent_spectrum(of_cases(tmp_path, grid(beta_norm=BETAS))) is None


def test_a_spread_has_both_ends_and_no_more_than_it_may():
    assert spread(3, 12) == [0, 1, 2]
    assert spread(100, 3) == [0, 50, 99]
    assert spread(0, 3) == []
