"""The algebra of axes, against itertools and closed forms."""

import itertools
import math
import random

import pytest

from klsweep.errors import SpecError
from klsweep.spec import read_text
from klsweep.spec.axes import points

BASE = "fixed: {dataset: digits}\n"
NAMES = ("beta", "latent_dim", "seed", "train.batch_size")


def values_of(job, name):
    for step in name.split("."):
        job = getattr(job, step)
    return job


@pytest.mark.parametrize("number", range(20))
def test_a_grid_is_the_product_of_its_axes_first_key_slowest(number):
    rng = random.Random(number)
    names = rng.sample(NAMES, rng.randint(1, 4))
    axes = {name: rng.sample(range(1, 50), rng.randint(1, 4)) for name in names}
    fixed = "" if "beta" in axes else "fixed: {dataset: digits, beta: 1}\n"
    sweep = read_text((fixed or BASE) + f"grid: {axes}".replace("'", ""))
    assert [tuple(values_of(job, name) for name in axes) for job in sweep.jobs] == list(
        itertools.product(*axes.values())
    )


def test_a_zip_is_one_dimension_faster_than_the_grid():
    sweep = read_text(
        BASE + "grid: {seed: [0, 1]}\nzip: {pair: {beta: [1, 2, 3], latent_dim: {range: [4, 7]}}}"
    )
    pairs = list(zip([1, 2, 3], [4, 5, 6], strict=True))
    assert [(job.seed, job.beta, job.latent_dim) for job in sweep.jobs] == [
        (seed, beta, latent) for seed, (beta, latent) in itertools.product([0, 1], pairs)
    ]


@pytest.mark.parametrize("ends", [(0, 7, 2), (5, -3, -2), (3, 4, 1), (0, 9, 3), (-2, 2, 1)])
def test_a_range_of_whole_numbers_is_pythons(ends):
    assert points("range", ends) == list(range(*ends))


def test_a_range_without_step_counts_by_one():
    assert points("range", [2, 5]) == [2, 3, 4]


@pytest.mark.parametrize(("stop", "step"), [(0.3, 0.1), (0.7, 0.1), (1.1, 0.1), (2.0, 0.25), (1e-3, 1e-4)])
def test_a_range_never_contains_its_stop_whatever_the_rounding(stop, step):
    count = round(stop / step)
    assert points("range", [0, stop, step]) == pytest.approx([i * step for i in range(count)])


@pytest.mark.parametrize(("a", "b", "n"), [(0.001, 10, 9), (2, 128, 7), (10, 0.1, 3), (3.5, 3.6, 4)])
def test_a_logspace_has_its_ends_and_equal_ratios(a, b, n):
    made = points("logspace", [a, b, n])
    assert (made[0], made[-1], len(made)) == (a, b, n)
    ratios = [math.log(y / x) for x, y in itertools.pairwise(made)]
    assert ratios == pytest.approx([math.log(b / a) / (n - 1)] * (n - 1), rel=1e-9)  # 12 digits kept


def test_a_linspace_has_its_ends_and_equal_steps():
    assert points("linspace", [0, 1, 5]) == [0, 0.25, 0.5, 0.75, 1]
    assert points("linspace", [0.1, 0.7, 7]) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert points("linspace", [4, 9, 1]) == [4]


def test_whole_ends_give_whole_numbers_where_all_values_are_whole():
    assert points("logspace", [2, 128, 7]) == [2, 4, 8, 16, 32, 64, 128]
    assert all(isinstance(value, int) for value in points("logspace", [2, 128, 7]))
    sweep = read_text("fixed: {dataset: digits, beta: 1}\ngrid: {latent_dim: {logspace: [2, 32, 5]}}")
    assert [job.latent_dim for job in sweep.jobs] == [2, 4, 8, 16, 32]


@pytest.mark.parametrize("form", ["[0.1, 1, 10]", "{values: [0.1, 1, 10]}", "{logspace: [0.1, 10, 3]}"])
def test_all_forms_of_an_axis_make_the_same_jobs(form):
    ids = [job.id for job in read_text(BASE + f"grid: {{beta: {form}}}").jobs]
    assert ids == [job.id for job in read_text(BASE + "grid: {beta: [0.1, 1.0, 10.0]}").jobs]


def test_an_axis_too_long_is_a_slip_of_the_pen():
    with pytest.raises(SpecError, match="more than 100000 values"):
        read_text(BASE + "grid: {beta: {range: [0, 1, 1e-9]}}")


def test_a_product_too_large_is_refused_before_it_is_made():
    axes = "beta: {linspace: [1, 2, 9999]}, seed: {range: [0, 9999]}"
    with pytest.raises(SpecError, match="jobs: allowed: 100,000"):
        read_text(BASE + f"grid: {{{axes}}}")
