"""Shapes are those of dSprites, pixel by pixel; factors stay with their pictures; only what is used is drawn."""

import os
import tracemalloc
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from pydantic import TypeAdapter, ValidationError

from klsweep.data import Data, Dataset, Facts, Shapes, shapes
from klsweep.data.silhouettes import CHUNK, COUNTS, FACTORS, HALF_SIDE, HEART_RADII, SEMI_AXES, SHAPES, draw
from klsweep.errors import DataError

ANY = TypeAdapter(Dataset)
FRAMES = Path(os.environ.get("KLSWEEP_DATA", "")) / "dsprites" / "dsprites_readme_gif_320frames.npz"
FEW = {"scales": 2, "orientations": 3, "positions": 2}  # 3 shapes in 72 pictures


def random_classes(count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([random.integers(0, values, count) for values in COUNTS], 1)


def outline(shape: str) -> np.ndarray:
    """The corners of a shape [n, 2] at scale 1, upright; 1,000 of them lie within 7e-5 pixels of the ellipse."""
    if shape == "square":
        return HALF_SIDE * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    if shape == "ellipse":
        around = np.linspace(0, 2 * np.pi, 1000)
        return np.array(SEMI_AXES) * np.stack([np.cos(around), np.sin(around)], 1)
    angle = np.radians(np.linspace(-90, 90, len(HEART_RADII)))
    right = np.array(HEART_RADII)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def by_matplotlib(classes: np.ndarray, side: int) -> np.ndarray:
    """The picture of one row of classes, by an outline that is turned, scaled and moved on the whole canvas."""
    _, shape, scale, turn, x, y = classes
    angle, size = 2 * np.pi * turn / 39, 0.5 + scale / 10
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = size * outline(SHAPES[shape]) @ rotation.T + (16 + 32 * x / 31, 16 + 32 * y / 31)
    centres = (np.arange(side) + 0.5) * 64 / side
    points = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
    return Outline(corners).contains_points(points).reshape(side, side)


@pytest.mark.skipif(not FRAMES.is_file(), reason=f"needs {FRAMES.name} in KLSWEEP_DATA")
def test_320_published_frames_are_drawn_but_for_16_pixels_of_hearts() -> None:
    with np.load(FRAMES, allow_pickle=False) as frames:
        classes, published = frames["latents_classes"], frames["images"]
    wrong = (draw(classes)[:, 0] != published).sum((1, 2))
    by_shape = [int(wrong[classes[:, 1] == shape].sum()) for shape in range(3)]
    assert by_shape == [0, 0, 16]
    assert wrong.max() == 2
    assert published.size == 1_310_720  # what the README says they are out of


@pytest.mark.parametrize("side", [64, 32])
def test_pictures_are_those_of_the_outlines(side: int) -> None:
    at_the_rim = list(product([0], range(3), [5], [0, 5], [0, 31], [0, 31]))
    classes = np.concatenate([at_the_rim, random_classes(24)])
    for row, picture in zip(classes, draw(classes, side), strict=True):
        assert np.array_equal(picture[0], by_matplotlib(row, side)), row


def test_a_full_turn_draws_the_first_orientation_and_no_other_turn_does() -> None:
    hearts = np.array([[0, 2, 5, turn, 16, 16] for turn in range(40)])
    pictures = draw(hearts)
    assert np.array_equal(pictures[0], pictures[39])
    assert len(np.unique(pictures[:39].reshape(39, -1), axis=0)) == 39


def test_a_picture_does_not_depend_on_those_drawn_with_it() -> None:
    classes = random_classes(CHUNK + 7)
    together = draw(classes, 32)
    assert together.dtype == np.float32
    for row in (0, CHUNK - 1, CHUNK, CHUNK + 6):
        assert np.array_equal(together[row], draw(classes[row : row + 1], 32)[0])


def test_drawing_many_takes_little_more_memory_than_the_pictures() -> None:
    classes = random_classes(8 * CHUNK)
    draw(classes[:1])
    tracemalloc.start()
    pictures = draw(classes, 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrays = 12 * 8 * CHUNK * 14**2  # of float64, over the window of a picture of 32x32
    assert peak < pictures.nbytes + arrays


def test_factors_stay_with_their_pictures() -> None:
    for options in ({}, {"limit": 60}, {"valid": 0.3, "test": 0.5, "split_seed": 5}):
        data = Shapes(size=200, side=32, **options).load()
        assert data.factors is not None
        assert data.factor_names == FACTORS
        for split, images in data.splits._asdict().items():
            assert data.factors[split].dtype == np.int64
            assert np.array_equal(images, draw(data.factors[split], 32)), split


def test_binarising_leaves_factors_and_pictures_alone() -> None:
    plain, drawn = (Shapes(size=50, side=32, binarize=how).load() for how in ("none", "dynamic"))
    assert np.array_equal(plain.test, drawn.test)
    assert drawn.factors is not None
    assert np.array_equal(drawn.train, draw(drawn.factors["train"], 32))


def all_factors(data: Data) -> list[tuple[int, ...]]:
    assert data.factors is not None
    return sorted(tuple(row) for split in data.factors.values() for row in split.tolist())


def test_all_pictures_come_once_where_there_are_no_more_than_asked_for() -> None:
    data = Shapes(size=1000, side=32, **FEW).load()
    assert all_factors(data) == list(product([0], range(3), [0, 5], [0, 13, 26], [0, 31], [0, 31]))
    assert [len(split) for split in data.splits] == [52, 6, 14]


def test_a_part_of_the_shapes_keeps_its_classes() -> None:
    part = Shapes(shapes=["heart", "square"], scales=1, orientations=1, positions=2, side=32)
    assert part.shapes == ("square", "heart")
    assert part == Shapes(shapes=["square", "heart"], scales=1, orientations=1, positions=2, side=32)
    assert all_factors(part.load()) == list(product([0], [0, 2], [3], [0], [0, 31], [0, 31]))


def test_kept_values_are_different_and_evenly_spread() -> None:
    for total in (6, 32):
        for count in range(2, total + 1):
            kept = shapes.evenly(count, total)
            assert (kept[0], kept[-1], len(kept)) == (0, total - 1, count)
            assert np.ptp(np.diff(kept)) <= 1
    for count in range(1, 40):
        kept = shapes.around(count)
        assert len(kept) == count
        assert np.ptp(np.diff([*kept, 39])) <= 1, "the way from the last to a full turn is one of the steps"
    assert shapes.around(40).tolist() == list(range(40))


def test_only_the_sample_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def counted(classes: np.ndarray, side: int) -> np.ndarray:
        drawn.append(len(classes))
        return draw(classes, side)

    monkeypatch.setattr(shapes, "draw", counted)
    part = Shapes(size=120, limit=50, side=32)
    assert part.facts().sizes == (45, 5, 24)
    assert part.values().distinct(2).tolist() == [0, 1]
    assert sum(drawn) == 0
    part.load()
    assert sum(drawn) == 45 + 5 + 24


def test_the_sample_is_that_of_its_seed_and_holds_no_picture_twice() -> None:
    one, again, other = (Shapes(size=3000, side=32, split_seed=seed).load() for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.splits, again.splits, strict=True))
    assert all_factors(one) == all_factors(again) != all_factors(other)
    assert len(set(all_factors(one))) == 3000


def test_the_sample_is_uniform() -> None:
    rows = np.array(all_factors(Shapes(size=3000, side=32).load()))
    for column, values in enumerate(COUNTS):
        counts = np.bincount(rows[:, column], minlength=values)
        share = 1 / values
        # binomial, which is wider than a draw without repetition; 5 deviations, for 114 counts are looked at
        assert np.abs(counts - 3000 * share).max() <= 5 * np.sqrt(3000 * share * (1 - share))


@pytest.mark.parametrize("options", [{}, {"side": 32, "limit": 100}, {"valid": 0.0, "test": 0.5, **FEW}])
def test_facts_are_those_of_the_loaded_shapes(options: dict[str, float]) -> None:
    part = Shapes(**{"size": 500, **options})
    data = part.load()
    assert part.facts() == Facts(data.train.shape[1:], tuple(map(len, data.splits)), unit_interval=True)
    assert set(np.unique(data.train)) == {0.0, 1.0}
    assert part.locate(None, download=True) == (part, ())
    assert ANY.validate_python(part.model_dump(mode="json")) == part


def test_one_picture_cannot_be_split() -> None:
    part = Shapes(shapes=["heart"], scales=1, orientations=1, positions=1)
    with pytest.raises(DataError, match=r"no training data .*give more data"):
        part.facts()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shapes": ["cube"]}, "'square', 'ellipse' or 'heart'"),
        ({"shapes": []}, "the list is empty; name at least one of square, ellipse, heart"),
        ({"shapes": ["heart", "heart"]}, "heart is given twice; name each shape once"),
        ({"scales": 7}, "less than or equal to 6"),
        ({"orientations": 0}, "greater than or equal to 1"),
        ({"positions": 33}, "less than or equal to 32"),
        ({"side": 48}, "64 or 32"),
        ({"size": 1}, "greater than 1"),
    ],
)
def test_impossible_shapes_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ANY.validate_python({"kind": "shapes", **settings})
