"""A schedule goes from its start to 1 where it says, and refuses what would never get there."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from klsweep.vae.schedules import Constant, Linear, Schedule

SCHEDULE: TypeAdapter[Schedule] = TypeAdapter(Schedule)


@pytest.mark.parametrize(
    ("schedule", "corners"),
    [
        (Constant(), {0.0: 1, 0.5: 1, 1.0: 1}),
        (Linear(), {0.0: 0, 0.25: 0.5, 0.5: 1, 0.75: 1, 1.0: 1}),
        (Linear(warmup=0.25), {0.0: 0, 0.125: 0.5, 0.25: 1, 1.0: 1}),
        (Linear(warmup=1.0), {0.0: 0, 0.5: 0.5, 1.0: 1}),
        (Linear(start=0.5, warmup=0.5), {0.0: 0.5, 0.25: 0.75, 0.5: 1, 1.0: 1}),
        (Linear(start=1.0), {0.0: 1, 0.25: 1, 1.0: 1}),
        (Linear(warmup=1e-9), {0.0: 0, 1e-9: 1, 1.0: 1}),
    ],
)
def test_every_schedule_passes_through_its_corners(schedule: Schedule, corners: dict[float, float]) -> None:
    assert {progress: schedule.at(progress) for progress in corners} == corners


@pytest.mark.parametrize("schedule", [Constant(), Linear(), Linear(start=0.3, warmup=0.77)])
def test_no_schedule_leaves_0_to_1_or_turns_back(schedule: Schedule) -> None:
    path = [schedule.at(step / 999) for step in range(1000)]
    assert path == sorted(path)
    assert 0 <= path[0] <= path[-1] == 1


@pytest.mark.parametrize(
    ("schedule", "label"),
    [
        (Constant(), "constant"),
        (Linear(), "linear"),
        (Linear(warmup=0.25), "linear(warmup=0.25)"),
        (Linear(start=0.1, warmup=0.25), "linear(start=0.1, warmup=0.25)"),
    ],
)
def test_a_label_names_what_is_not_the_default(schedule: Schedule, label: str) -> None:
    assert schedule.label == label


def test_a_bare_name_is_the_schedule_with_its_defaults() -> None:
    assert SCHEDULE.validate_python("linear") == Linear()


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
        {"kind": "constant", "warmup": 0.5},
        "sigmoidal",
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        SCHEDULE.validate_python(given)
