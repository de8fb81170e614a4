"""An epoch that would take longer than there is time for is given up in its midst, and nothing else changes."""

import math
from pathlib import Path

import pytest
from small import digits, job, same_bits, trained

from klsweep.errors import Interrupted
from klsweep.train import Setting, loop

JOBS = [job(beta, length={"epochs": 3}) for beta in (0.5, 4.0)]


def stop_in_the_midst(folder: Path, grace_seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ask to stop in the second epoch; the epochs that were done by then."""
    monkeypatch.setattr(loop, "ASK_SECONDS", 0.0)
    done: list[int] = []
    setting = Setting(
        directory=folder,
        checkpoint_seconds=0.0,
        checkpoint_share=math.inf,
        on_epoch=lambda epoch, _: done.append(epoch),
        stopping=lambda: done == [1],
        grace_seconds=grace_seconds,
    )
    # The question at the end of the first epoch is not yet the one that counts.
    real = setting.stopping
    asked: list[bool] = []

    def stopping() -> bool:
        asked.append(real())
        return asked.count(True) > 1

    with pytest.raises(Interrupted):
        trained(*JOBS, data=digits(120), setting=Setting(**{**vars(setting), "stopping": stopping}))
    monkeypatch.undo()
    return done


@pytest.mark.parametrize(("grace_seconds", "epochs"), [(-1.0, [1]), (3600.0, [1, 2])])
def test_an_epoch_is_finished_if_there_is_time_and_given_up_if_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grace_seconds: float, epochs: list[int]
) -> None:
    unbroken = trained(*JOBS, data=digits(120))
    assert stop_in_the_midst(tmp_path, grace_seconds, monkeypatch) == epochs
    again: list[int] = []
    setting = Setting(directory=tmp_path, on_epoch=lambda epoch, _: again.append(epoch))
    assert all(map(same_bits, trained(*JOBS, data=digits(120), setting=setting), unbroken))
    assert again[0] == epochs[-1] + 1


def test_asking_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = trained(*JOBS, data=digits(120))
    monkeypatch.setattr(loop, "ASK_SECONDS", 0.0)
    assert all(map(same_bits, trained(*JOBS, data=digits(120)), quiet))
