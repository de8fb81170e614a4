import os
import sys
import threading
import time

import pytest

from klsweep.reporting import shares

NAMES = [f"n{place}" for place in range(7)]

forks = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


def who():
    """Which process it is; long enough for others to come to their turn."""
    time.sleep(0.05)
    return os.getpid()


MAKERS = dict.fromkeys(NAMES, who)


@forks
def test_shares_are_made_by_several_processes_and_come_in_order(monkeypatch):
    monkeypatch.setattr(shares, "_may_fork", lambda: True)
    monkeypatch.setattr(shares, "_cores", lambda: 3)
    found = shares.made(MAKERS)
    assert list(found) == NAMES
    assert len(set(found.values())) == 3
    assert os.getpid() in found.values()


@forks
def test_the_share_of_a_process_that_died_is_made_here(monkeypatch):
    monkeypatch.setattr(shares, "_may_fork", lambda: True)
    monkeypatch.setattr(shares, "_cores", lambda: 2)
    here = os.getpid()

    def work():
        time.sleep(0.05)
        if os.getpid() != here:
            os._exit(9)
        return "made"

    assert shares.made(dict.fromkeys(NAMES, work)) == dict.fromkeys(NAMES, "made")


@forks
def test_what_cannot_be_made_is_an_error_here(monkeypatch, capfd):
    monkeypatch.setattr(shares, "_may_fork", lambda: True)
    monkeypatch.setattr(shares, "_cores", lambda: 2)
    here = os.getpid()

    def work():
        time.sleep(0.05)
        if os.getpid() != here:
            raise ValueError("in the other process")
        return "made"

    assert shares.made(dict.fromkeys(NAMES, work)) == dict.fromkeys(NAMES, "made")
    with pytest.raises(ZeroDivisionError):
        shares.made({"a": lambda: 1 / 0, "b": lambda: 1})


def test_beside_another_thread_nothing_is_forked():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert set(shares.made(MAKERS).values()) == {os.getpid()}
    finally:
        done.set()
        thread.join()


def test_no_more_processes_than_cores(monkeypatch):
    monkeypatch.setattr(shares, "_cores", lambda: 1)
    assert set(shares.made(MAKERS).values()) == {os.getpid()}
