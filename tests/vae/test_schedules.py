"""A schedule goes from its start to 1 as its source says, step by step, and says when it would never get there."""

import math
from itertools import pairwise, product
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from klsweep.vae.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Length,
    Linear,
    Monotonic,
    PerEpoch,
    Schedule,
    Sigmoid,
)

SCHEDULE: TypeAdapter[Schedule] = TypeAdapter(Schedule)
TEN = Length(steps=10, steps_per_epoch=5)


def path(schedule: Schedule, length: Length) -> list[float]:
    return [schedule.at(step, length) for step in range(length.steps)]


@pytest.mark.parametrize(
    ("schedule", "length", "expected"),
    [
        (Constant(), TEN, [1] * 10),
        (Linear(), TEN, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]),
        (Linear(start=0.5), TEN, [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1]),
        (Linear(start=1.0), TEN, [1] * 10),
        (Linear(warmup=1.0), TEN, [t / 10 for t in range(10)]),
        (Linear(warmup=4, by="step"), TEN, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]),
        (Linear(warmup=1, by="epoch"), TEN, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]),
        (Linear(warmup=0.25), Length(1, 1), [0]),
        (
            Cosine(warmup=4, by="step"),
            TEN,
            [0, 0.5 - 0.5 * math.sqrt(0.5), 0.5, 0.5 + 0.5 * math.sqrt(0.5)] + [1] * 6,
        ),
        (PerEpoch(epochs=2), Length(8, 2), [0, 0, 0.5, 0.5, 1, 1, 1, 1]),
        (PerEpoch(epochs=200), Length(202, 1), [min(1, t / 200) for t in range(202)]),
        # Fu et al. 2019: 4 cycles of 5 steps, half of each climbing: tau = 0, .2, .4 then 1
        (Cyclical(), Length(20, 5), [0, 0.4, 0.8, 1, 1] * 4),
        # cycles of 2.5 steps: tau = 0, .4, .8, then .2, .6
        (Cyclical(), TEN, [0, 0.8, 1, 0.4, 1, 0, 0.8, 1, 0.4, 1]),
        (Cyclical(cycles=1, ratio=0.5), TEN, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]),
        (Monotonic(ratio=0.5), TEN, [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]),
        (Monotonic(), Length(8, 8), [0, 0.5, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_every_schedule_takes_the_steps_of_its_source(
    schedule: Schedule, length: Length, expected: list[float]
) -> None:
    assert path(schedule, length) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("steps", "cycles"), [(9, 4), (1001, 100), (70, 6), (35, 4), (550, 12), (10, 3)])
def test_there_are_as_many_cycles_as_asked_for_whether_or_not_the_length_divides(
    steps: int, cycles: int
) -> None:
    s = path(Cyclical(cycles=cycles), Length(steps, 10))
    falls = sum(after < before for before, after in pairwise(s))
    assert falls == cycles - 1


def test_a_training_ends_at_1_or_says_that_it_does_not() -> None:
    outcomes = set()
    for steps, cycles, tenths in product(range(1, 40), range(1, 8), range(1, 11)):
        schedule, length = Cyclical(cycles=cycles, ratio=tenths / 10), Length(steps, 10)
        ends = cycles <= steps and path(schedule, length)[-1] == 1
        assert (schedule.unreached(length) == "") == ends, (steps, cycles, tenths)
        outcomes.add(ends)
    assert outcomes == {True, False}


def test_the_ramps_of_a_cycle_are_those_of_the_official_code() -> None:
    length = Length(100, 100)
    for step in range(50):
        v = step / 100 / 0.5
        sigmoid = Cyclical(cycles=1, shape="sigmoid").at(step, length)
        assert sigmoid == pytest.approx(1 / (1 + math.exp(-(12 * v - 6))), rel=1e-15)
        assert Cyclical(cycles=1, shape="cosine").at(step, length) == pytest.approx(
            0.5 - 0.5 * math.cos(math.pi * v), abs=1e-15
        )
    assert Cyclical(cycles=1, shape="sigmoid").at(0, length) == pytest.approx(0.002472623156634774)


def test_the_sigmoid_is_bowmans_curve_with_k_per_step() -> None:
    # the common k = 0.0025, x0 = 2500 over 10,000 steps
    schedule, length = Sigmoid(midpoint=2500, by="step", steepness=25), Length(10_000, 100)
    for step in (0, 1, 2500, 4000, 9999):
        bowman = 1 / (1 + math.exp(-0.0025 * (step - 2500)))
        assert schedule.at(step, length) == pytest.approx(bowman, rel=1e-13)
    assert Sigmoid(steepness=1e6).at(0, length) == 0  # no overflow


ALL: list[Schedule] = [
    Constant(),
    Linear(start=0.3, warmup=0.77),
    Sigmoid(),
    Cosine(start=0.2),
    Cyclical(cycles=3, ratio=0.7, shape="cosine"),
    Monotonic(shape="sigmoid"),
    PerEpoch(start=0.1, epochs=3),
]


@pytest.mark.parametrize("schedule", ALL)
@pytest.mark.parametrize("length", [Length(1000, 100), Length(997, 13), Length(61, 7)])
def test_no_schedule_leaves_0_to_1(schedule: Schedule, length: Length) -> None:
    steps = path(schedule, length)
    assert min(steps) >= 0
    assert max(steps) <= 1
    assert schedule.unreached(length) == ""
    assert max(steps) >= 0.99
    if not isinstance(schedule, Cyclical):
        assert steps == sorted(steps)


@pytest.mark.parametrize(
    ("schedule", "length", "words"),
    [
        (Linear(warmup=11, by="step"), TEN, "warmup takes 11 steps and the training has 10"),
        (Linear(warmup=400, by="epoch"), TEN, "warmup takes 2000 steps and the training has 10"),
        (Cosine(warmup=3, by="epoch"), TEN, "warmup takes 15 steps"),
        (Sigmoid(midpoint=0.9), TEN, "s is only 0.924 when the training ends"),
        (Cyclical(cycles=2, ratio=1.0), Length(7, 7), "a cycle of 3.5 steps is over before the share 1"),
        (Cyclical(cycles=4), Length(4, 4), "a cycle of 1 steps is over"),
        (Monotonic(), Length(1, 1), "a cycle of 1 steps is over"),
        (PerEpoch(epochs=2), TEN, "s is 1 from epoch 3 on, and the training has 2"),
    ],
)
def test_a_schedule_that_would_not_come_to_1_says_so(schedule: Schedule, length: Length, words: str) -> None:
    assert words in schedule.unreached(length)


@pytest.mark.parametrize(
    "schedule", [Linear(warmup=10, by="step"), Linear(warmup=2, by="epoch"), PerEpoch(epochs=1)]
)
def test_a_schedule_that_ends_with_the_training_is_allowed(schedule: Schedule) -> None:
    assert schedule.unreached(TEN) == ""


@pytest.mark.parametrize(
    ("schedule", "label"),
    [
        (Constant(), "constant"),
        (Linear(), "linear"),
        (Linear(start=0.1, warmup=0.25), "linear(start=0.1, warmup=0.25)"),
        (Linear(warmup=500, by="step"), "linear(warmup=500, by=step)"),
        (Cyclical(cycles=8), "cyclical(cycles=8)"),
    ],
)
def test_a_label_names_what_is_not_the_default(schedule: Schedule, label: str) -> None:
    assert schedule.label == label


def test_a_bare_name_is_the_schedule_with_its_defaults() -> None:
    for kind in ("constant", "linear", "sigmoid", "cosine", "cyclical", "monotonic", "per_epoch"):
        assert SCHEDULE.validate_python(kind) == SCHEDULE.validate_python({"kind": kind})


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "linear", "warmup": 0.0},
        {"kind": "linear", "warmup": -0.5},
        {"kind": "linear", "warmup": 1.01},  # would end below beta, and nobody would be told
        {"kind": "linear", "warmup": float("nan")},
        {"kind": "linear", "warmup": "0.5"},
        {"kind": "linear", "start": 1.5},
        {"kind": "linear", "start": -0.1},
        {"kind": "linear", "epochs": 10},
        {"kind": "linear", "by": "hour"},
        {"kind": "sigmoid", "midpoint": 1.5},
        {"kind": "sigmoid", "steepness": 0},
        {"kind": "cyclical", "cycles": 0},
        {"kind": "cyclical", "cycles": 2.5},
        {"kind": "cyclical", "ratio": 1.5},
        {"kind": "cyclical", "shape": "square"},
        {"kind": "per_epoch", "epochs": 0},
        {"kind": "constant", "warmup": 0.5},
        "sigmoidal",
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        SCHEDULE.validate_python(given)
