"""A training that was stopped and taken up again ends with the bits of one that was not."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import digits, job, same_bits, trained

from klsweep.errors import Interrupted
from klsweep.result import Result
from klsweep.spec.job import Job
from klsweep.store import checkpoint
from klsweep.train import Setting, continuing, loop
from klsweep.vae.models import Conv, Linear

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "adam": ({}, {}),
    "adamw": ({}, {"optimizer": "adamw", "weight_decay": 0.1}),
    "sgd": ({}, {"optimizer": "sgd", "lr": 1e-4}),
    "sgd with momentum": ({}, {"optimizer": "sgd", "lr": 1e-4, "momentum": 0.9, "weight_decay": 0.01}),
    "clip": ({}, {"clip": 5.0}),
    "cosine decay": ({}, {"lr_decay": "cosine"}),
    "a schedule": ({"schedule": "linear"}, {}),
    "steps": ({}, {"steps": 7}),
    "linear": ({"model": Linear(), "likelihood": "gaussian"}, {}),
    "conv": ({"model": Conv(channels=(4,), hidden=16)}, {}),
}


def fleet(case: str) -> list[Job]:
    given, length = CASES[case]
    length = length if "steps" in length else {"epochs": 4, **length}
    return [job(beta, seed=seed, length=length, **given) for beta in (0.5, 4.0) for seed in (0, 1)]


def after(calls: int) -> Callable[[], bool]:
    """A wish to stop, first uttered at the `calls`-th question."""
    asked = iter(range(1, 1000))
    return lambda: next(asked) >= calls


def stopped(jobs: list[Job], folder: Path, *, at: int, **data: Any) -> None:
    with pytest.raises(Interrupted):
        trained(*jobs, data=digits(120, **data), setting=Setting(directory=folder, stopping=after(at)))


def continued(jobs: list[Job], folder: Path, **data: Any) -> tuple[list[Result], int]:
    """The results, and the first epoch that was trained."""
    epochs: list[int] = []
    setting = Setting(directory=folder, on_epoch=lambda epoch, _: epochs.append(epoch))
    return trained(*jobs, data=digits(120, **data), setting=setting), epochs[0]


@pytest.mark.parametrize("case", CASES)
def test_a_training_stopped_twice_ends_with_the_bits_of_an_unbroken_one(case: str, tmp_path: Path) -> None:
    jobs = fleet(case)
    unbroken = trained(*jobs, data=digits(120))
    stopped(jobs, tmp_path, at=1)
    stopped(jobs, tmp_path, at=2)
    results, first = continued(jobs, tmp_path)
    assert first == 4
    assert all(same_bits(one, other) for one, other in zip(results, unbroken, strict=True))


def test_dynamic_data_are_tossed_alike_before_and_after_a_stop(tmp_path: Path) -> None:
    jobs = fleet("adam")
    unbroken = trained(*jobs, data=digits(120, dynamic=True))
    stopped(jobs, tmp_path, at=2, dynamic=True)
    results, first = continued(jobs, tmp_path, dynamic=True)
    assert first == 3
    assert all(same_bits(one, other) for one, other in zip(results, unbroken, strict=True))


def test_a_member_that_diverged_before_the_stop_has_diverged_after_it(tmp_path: Path) -> None:
    length = {"optimizer": "sgd", "lr": 1e-4, "epochs": 4}
    jobs = [job(1.0, length=length), job(1e30, length=length)]
    unbroken = trained(*jobs, data=digits(120))
    stopped(jobs, tmp_path, at=2)
    results, first = continued(jobs, tmp_path)
    assert first == 3
    assert all(same_bits(one, other) for one, other in zip(results, unbroken, strict=True))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:0],
        lambda content: content[:64],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda content: bytes([content[0] ^ 1]) + content[1:],
    ],
)
def test_a_damaged_checkpoint_is_ignored(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    jobs = fleet("adam")
    stopped(jobs, tmp_path, at=2)
    file = tmp_path / checkpoint.NAME
    file.write_bytes(damage(file.read_bytes()))
    results, first = continued(jobs, tmp_path)
    assert first == 1
    assert all(
        same_bits(one, other) for one, other in zip(results, trained(*jobs, data=digits(120)), strict=True)
    )


@pytest.mark.parametrize(
    "others", [fleet("sgd"), fleet("adam")[:3], fleet("adam")[::-1], fleet("conv")], ids=lambda _: ""
)
def test_a_checkpoint_of_another_fleet_is_ignored(others: list[Job], tmp_path: Path) -> None:
    jobs = fleet("adam")
    stopped(others, tmp_path, at=2)
    results, first = continued(jobs, tmp_path)
    assert first == 1
    assert all(
        same_bits(one, other) for one, other in zip(results, trained(*jobs, data=digits(120)), strict=True)
    )


def test_a_checkpoint_of_another_version_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fleet("adam")
    stopped(jobs, tmp_path, at=2)
    monkeypatch.setattr(continuing, "__version__", "0.0.0")
    assert continued(jobs, tmp_path)[1] == 1


def test_nobody_is_told_of_a_stop_before_its_checkpoint_is_written(tmp_path: Path) -> None:
    for at in (1, 2, 3):
        folder = tmp_path / str(at)
        folder.mkdir()
        stopped(fleet("adam"), folder, at=at)
        found = checkpoint.load(folder)
        assert found is not None
        assert found[1]["epoch"] == at


def test_a_wish_to_stop_after_the_last_epoch_comes_too_late(tmp_path: Path) -> None:
    results = trained(
        *fleet("adam"), data=digits(120), setting=Setting(directory=tmp_path, stopping=after(4))
    )
    assert [result.row["status"] for result in results] == ["ok"] * 4


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 3), (1e9, None)])
def test_a_checkpoint_is_kept_as_often_as_asked_and_never_without_a_folder(
    seconds: float, expected: int | None, tmp_path: Path
) -> None:
    jobs = fleet("adam")
    setting = Setting(directory=tmp_path, checkpoint_seconds=seconds, checkpoint_share=math.inf)
    trained(*jobs, data=digits(120), setting=setting)
    found = checkpoint.load(tmp_path)
    assert (found and found[1]["epoch"]) == expected
    trained(*jobs, data=digits(120), setting=Setting(checkpoint_seconds=0.0))  # no folder, no file, no error


def test_checkpoints_take_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes 0.2 s is not followed by another within 20 s."""
    written = []

    def slowly(*_: object) -> None:
        written.append(time.sleep(0.2))

    monkeypatch.setattr(loop, "save", slowly)
    setting = Setting(directory=tmp_path, checkpoint_seconds=0.0)
    trained(*fleet("adam"), data=digits(120), setting=setting)
    assert len(written) == 1
