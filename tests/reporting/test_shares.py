import os
import sys
import threading

import pytest

from klsweep.reporting.plots import shares

NAMES = [f"n{place}" for place in range(7)]

forks = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")


def who(name):
    return name, os.getpid()


@forks
def test_shares_are_made_by_several_processes_and_come_in_order(monkeypatch):
    monkeypatch.setattr(shares, "_may_fork", lambda: True)
    monkeypatch.setattr(shares, "_cores", lambda: 3)
    found = shares.made(who, NAMES)
    assert [name for name, _ in found] == NAMES
    assert len({process for _, process in found}) == 3
    assert os.getpid() in {process for _, process in found}


@forks
def test_the_share_of_a_process_that_died_is_made_here(monkeypatch):
    monkeypatch.setattr(shares, "_may_fork", lambda: True)
    monkeypatch.setattr(shares, "_cores", lambda: 2)
    here = os.getpid()

    def work(name):
        if os.getpid() != here:
            os._exit(9)
        return name

    assert shares.made(work, NAMES) == NAMES


def test_beside_another_thread_nothing_is_forked():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert {process for _, process in shares.made(who, NAMES)} == {os.getpid()}
    finally:
        done.set()
        thread.join()


def test_no_more_processes_than_cores(monkeypatch):
    monkeypatch.setattr(shares, "_cores", lambda: 1)
    assert {process for _, process in shares.made(who, NAMES)} == {os.getpid()}
