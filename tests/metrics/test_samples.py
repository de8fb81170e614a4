"""Two samples compared: by closed forms, by plain loops, and by what must be so of equal and of far distributions."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor
from worlds import Decoder, encoded, evidence, normal

from klsweep.metrics.evidence import Encoded, Values
from klsweep.metrics.neighbours import mmd_squared, precision_recall_density_coverage
from klsweep.metrics.samples import Samples
from klsweep.result import COLUMNS

SHARES = ("sample_precision", "sample_recall", "sample_density", "sample_coverage")
Points = NDArray[np.float64]


def tables(real: Points, fake: Points) -> tuple[Points, Points, Points]:
    """Squared distances within and between two samples, one difference at a time."""

    def between(a: Points, b: Points) -> Points:
        return np.asarray(((a[:, None] - b[None]) ** 2).sum(-1))

    return between(real, real), between(fake, fake), between(real, fake)


def by_definition(real: Points, fake: Points, k: int) -> tuple[float, float, float, float]:
    """The four shares in plain loops over points, balls closed."""

    def radius(points: Points, i: int) -> float:
        return sorted(math.dist(points[i], other) for j, other in enumerate(points) if j != i)[k - 1]

    real_radii, fake_radii = ([radius(points, i) for i in range(len(points))] for points in (real, fake))
    inside = [[math.dist(x, y) <= r for y in fake] for x, r in zip(real, real_radii, strict=True)]
    precision = np.mean([any(row[j] for row in inside) for j in range(len(fake))])
    recall = np.mean([any(math.dist(x, y) <= r for y, r in zip(fake, fake_radii, strict=True)) for x in real])
    density = sum(map(sum, inside)) / (k * len(fake))
    coverage = np.mean([any(row) for row in inside])
    return float(precision), float(recall), float(density), float(coverage)


def coverage_of_equals(n: int, m: int, k: int) -> float:
    """E[coverage] of n real and m fake draws of one density: a ball is empty if the k nearest of n + m - 1 are real."""
    return 1 - math.prod((n - i) / (n + m - i) for i in range(1, k + 1))


def model(shift: float = 0.0, scale: float = 1.0) -> Decoder:
    return Decoder(lambda z: scale * z + shift)


def held(x: Tensor, latents: int | None = None) -> Encoded:
    return encoded(x if latents is None else torch.zeros(len(x), latents), x=x)


def measured(x: Tensor, decoder: Decoder, *, seed: int = 0, **settings: Any) -> Values:
    return Samples(**settings).measure(evidence(held(x), model=decoder, seed=seed))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_shares_are_their_definitions_in_loops(k: int) -> None:
    real = normal(40, 2, purpose="real").double().numpy()
    fake = 0.5 * normal(30, 2, purpose="fake").double().numpy() + 0.4
    assert precision_recall_density_coverage(*tables(real, fake), k=k) == pytest.approx(
        by_definition(real, fake, k)
    )


def test_points_on_a_line_by_hand() -> None:
    """Real 0, 1, 3 and k = 1: balls of radius 1, 1, 2. Fake 0.5, 6, 7: radius 5.5, 1, 1."""
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [6.0], [7.0]])
    found = precision_recall_density_coverage(*tables(real, fake), k=1)
    # 0.5 is in the balls of 0 and of 1, not of 3 (2.5 away); 0, 1 and 3 are in the ball of 0.5
    assert found == pytest.approx((1 / 3, 1, 2 / 3, 2 / 3))


def test_data_of_few_values_lie_in_their_own_balls_though_their_radius_is_zero() -> None:
    """Open balls would be empty where k + 1 points coincide, and score data against themselves 0."""
    data = normal(8, 300).repeat(10, 1)
    found = Samples(size=80).measure(evidence(held(data, 1), model=Decoder(lambda z: data[: len(z)])))
    assert [found[name] for name in ("sample_precision", "sample_recall", "sample_coverage")] == [1, 1, 1]
    assert found["sample_density"] == pytest.approx(10 / 5)  # each is in the balls of its 10 equals, k = 5


def test_rounding_does_not_part_what_is_equal() -> None:
    real = tables(*[normal(8, 3).repeat(10, 1).double().numpy()] * 2)[0]
    cross = (
        real + 4 * np.finfo(float).eps * real.max()
    )  # what |a|^2 + |b|^2 - 2ab is off by in the other table
    assert precision_recall_density_coverage(real, real, cross, k=5) == (1, 1, 2, 1)


def test_where_all_points_are_one_they_are_in_their_own_balls() -> None:
    nothing = np.zeros((9, 9))
    assert precision_recall_density_coverage(nothing, nothing, nothing, k=2) == (1, 1, 9 / 2, 1)


def test_one_distribution_has_the_density_and_coverage_of_theory() -> None:
    """E[density] = 1 and E[coverage] (Naeem et al. 2020, lemma 2), whatever the distribution; means of 40 seeds."""
    n, k, seeds = 100, 3, 40
    runs = [
        measured(normal(n, 2, seed=seed).exp(), Decoder(lambda z: z.exp()), seed=seed, size=n, neighbours=k)
        for seed in range(seeds)
    ]
    for name, expected in (("sample_density", 1.0), ("sample_coverage", coverage_of_equals(n, n, k))):
        values = [run[name] for run in runs]
        error = np.std(values, ddof=1) / math.sqrt(seeds)
        assert np.mean(values) == pytest.approx(expected, abs=4 * error)
        assert (
            error < 0.02
        )  # so that 4 of them would show a k off by one: coverage 0.75 or 0.94 in place of 0.88


def test_the_squared_mmd_of_one_distribution_is_zero_on_average_and_below_it_at_times() -> None:
    values = [
        measured(normal(60, 2, seed=seed), model(), seed=seed, size=60)["sample_mmd_squared"]
        for seed in range(60)
    ]
    error = np.std(values, ddof=1) / math.sqrt(60)
    assert np.mean(values) == pytest.approx(0, abs=4 * error)
    assert min(values) < 0
    # keeping the diagonals, k(x, x) = 1, would add about 2 (1 - E k) / n
    assert 4 * error < 0.5 * 2 * 0.5 / 60


def test_the_squared_mmd_of_two_gaussians_by_its_closed_form() -> None:
    """E k(x, y) = (s2 / (s2 + v + w))^(d/2) exp(-|shift|^2 / (2 (s2 + v + w))) for N(0, v I) and N(shift, w I)."""
    d, s2, v, w, shift, n, repeats = 3, 2.0, 1.0, 0.25, 0.5, 200, 30

    def kernel(a: float, b: float, apart: float) -> float:
        return (s2 / (s2 + a + b)) ** (d / 2) * math.exp(-(apart**2) * d / (2 * (s2 + a + b)))

    values = []
    for seed in range(repeats):
        real = math.sqrt(v) * normal(n, d, purpose="real", seed=seed).double().numpy()
        fake = math.sqrt(w) * normal(n, d, purpose="fake", seed=seed).double().numpy() + shift
        values.append(mmd_squared(*tables(real, fake), bandwidth_squared=s2))
    expected = kernel(v, v, 0) + kernel(w, w, 0) - 2 * kernel(v, w, shift)
    error = np.std(values, ddof=1) / math.sqrt(repeats)
    assert np.mean(values) == pytest.approx(expected, abs=4 * error)
    assert error < 0.05 * expected


def test_the_farther_the_samples_the_larger_the_mmd() -> None:
    """Its sign is that of a distance: a weight on it of the wrong sign has been shipped as a penalty."""
    x = normal(300, 4)
    found = [measured(x, model(shift))["sample_mmd_squared"] for shift in (0.0, 0.3, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[-1] > 0.5


def test_the_kernel_is_that_of_the_data_whatever_the_model_draws() -> None:
    """A model that scatters would widen a bandwidth taken from both, and so look better."""
    x = normal(400, 2)
    real = x.double().numpy()
    z = torch.randn(400, 2, generator=evidence(held(x)).generator("samples prior"))
    fake = (50 * z).double().numpy()
    apart = tables(real, fake)
    median = np.median(np.sqrt(apart[0][np.triu_indices(400, 1)]))
    expected = mmd_squared(*apart, bandwidth_squared=median**2)
    # the codes are float32 and then equal; the distances differ by rounding of |a|^2 + |b|^2 - 2ab, some 1e-15 of 1e4
    assert measured(x, model(scale=50.0))["sample_mmd_squared"] == pytest.approx(expected, rel=1e-9)


def test_samples_far_from_all_data_score_nothing() -> None:
    found = measured(normal(200, 3), model(shift=100.0))
    assert [found[name] for name in SHARES] == [0, 0, 0, 0]
    # no sample is near a datum: E k = 0 between, so the rest is the two means within, which are equal here
    assert found["sample_mmd_squared"] > 0.5


def test_one_good_sample_again_and_again_is_precise_and_covers_nothing() -> None:
    """Deceptive: precision is perfect and density fair for a model that draws the mode and only the mode."""
    found = measured(normal(500, 2), model(scale=1e-3))
    assert found["sample_precision"] == 1
    assert found["sample_density"] > 0.5
    assert found["sample_recall"] < 0.02
    assert found["sample_coverage"] < 0.1
    assert found["sample_mmd_squared"] > 0.1


def test_in_many_dimensions_the_mean_of_the_data_passes_for_all_of_them_but_for_recall_and_mmd() -> None:
    """Deceptive, as the bias says: data are sqrt(N) from their mean and sqrt(2 N) from each other."""
    n = 200
    found = measured(normal(n, 500), model(scale=1e-3))
    assert found["sample_precision"] == found["sample_coverage"] == 1
    assert found["sample_density"] == pytest.approx(n / 5)
    assert found["sample_recall"] == 0
    # d^2 is 2 N between data, 0 between samples, N across, up to some sqrt(8 N); s^2 is 2 N: e^-1/2 + 1 - 2 e^-1/4
    limit = math.exp(-0.5) + 1 - 2 * math.exp(-0.25)
    assert found["sample_mmd_squared"] == pytest.approx(limit, abs=0.01)


def test_one_outlier_among_the_data_fools_precision_and_not_density() -> None:
    """Naeem et al. 2020: its ball reaches over everything, so samples from nowhere are inside."""
    data = torch.cat([0.1 * normal(200, 2), torch.tensor([[30.0, 30.0]])])
    found = measured(data, model(shift=10.0))
    assert found["sample_precision"] == 1
    assert found["sample_density"] < 0.3
    assert found["sample_coverage"] == pytest.approx(1 / 201)


def test_principal_components_are_those_of_the_training_data() -> None:
    """In the plane of the training data the samples are right; what they add across it is not looked at."""
    scale = torch.tensor([3.0, 1.0, 1e-3])
    training, x = scale * normal(400, 3, purpose="training"), scale * normal(300, 3)
    decoder = Decoder(lambda z: z * torch.tensor([3.0, 1.0, 0.0]) + torch.tensor([0.0, 0.0, 9.0]))

    def found(components: int | None) -> Values:
        given = evidence(held(x), model=decoder, training=held(training))
        return Samples(size=300, components=components).measure(given)

    assert found(None)["sample_precision"] == 0
    assert found(2)["sample_precision"] > 0.9
    assert found(3)["sample_precision"] == 0

    z = torch.randn(300, 3, generator=evidence(held(x)).generator("samples prior"))
    plane = PCA(2, svd_solver="full").fit(training.double().numpy())
    witness = by_definition(
        *(plane.transform(points.double().numpy()) for points in (x, decoder.expected(z))), 5
    )
    assert [found(2)[name] for name in SHARES] == pytest.approx(witness)


def test_pictures_are_compared_pixel_by_pixel() -> None:
    x = normal(50, 6)
    flat = measured(x, model())
    shaped = Samples().measure(
        evidence(encoded(x, x=x.reshape(50, 1, 2, 3)), model=Decoder(lambda z: z.reshape(-1, 1, 2, 3)))
    )
    assert shaped == flat


def test_as_many_as_asked_are_compared_and_always_the_same() -> None:
    """Every datum is its own mode, so coverage counts those looked at: 1 of 20, not of a whole batch."""
    x = 1000.0 * torch.arange(60.0)[:, None]
    asked: list[int] = []

    def decode(z: Tensor) -> Tensor:
        asked.append(len(z))
        return 0.0 * z

    found = [measured(x, Decoder(decode), size=size) for size in (20, 20, 60, 5000)]
    assert asked == [20, 20, 60, 60]
    assert found[0] == found[1]
    assert found[2] == found[3]


def test_many_samples_are_decoded_in_pieces() -> None:
    asked: list[int] = []

    def decode(z: Tensor) -> Tensor:
        asked.append(len(z))
        return z

    measured(normal(1100, 1), Decoder(decode), size=1100)
    assert sum(asked) == 1100
    assert max(asked) <= 512


@pytest.mark.parametrize(("n", "unknown"), [(1, {"sample_mmd_squared", *SHARES}), (5, {*SHARES}), (6, set())])
def test_too_few_data_for_a_neighbour_are_said_to_be(n: int, unknown: set[str]) -> None:
    found = measured(normal(n, 2), model())
    assert {name for name, value in found.items() if value is None} == unknown


def test_data_that_do_not_vary_have_no_bandwidth_and_warn_nobody() -> None:
    x = torch.ones(20, 3)
    given = evidence(held(x), training=held(x))
    assert Samples().measure(given)["sample_mmd_squared"] is None
    assert Samples(components=2).measure(given)["sample_mmd_squared"] is None


def test_no_column_is_one_of_every_run() -> None:
    assert not {*measured(normal(20, 2), model())} & set(COLUMNS)
