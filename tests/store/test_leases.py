"""Who works on a sweep: one at a time for each fleet, whoever dies or stands still, whatever the clocks say."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from klsweep.errors import StoreError
from klsweep.store import signs
from klsweep.store.leases import ALONE, Member
from klsweep.store.signs import Watch, Worker

HOLD = """
import sys, time
from pathlib import Path
from klsweep.store import Store
with Store(Path(sys.argv[1])).work.member(sys.argv[2]) as me:
    with me.admitted():
        me.take("f", ["a", "b"])
    print(me.me.token, flush=True)
    time.sleep(60)
"""

NONSENSE = b'{"token": "x", "host": "", "process": "1e99", "started": "", "realm": "", "runs": ""}'

JOIN = """
import sys, time
from pathlib import Path
from klsweep.store import Store
store = Store(Path(sys.argv[1]))
while not (store.path / "go").exists():
    time.sleep(0.001)
with store.work.member("same") as me:
    with me.admitted():
        pass
    print(*(fleet for fleet in range(50) if me.take(str(fleet), [])), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def elsewhere(store):
    """Another process at work on the sweep, with a fleet of its own."""
    command = [sys.executable, "-c", HOLD, store.path, "same"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def quick(monkeypatch):
    """Beats of 20 ms, and dead after 12 of them, as in earnest."""
    monkeypatch.setattr(signs, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(signs, "DEAD_SECONDS", 0.24)


def stranger(store, **facts) -> Worker:
    """A runner on another machine, which nobody touches any more, with fleet f."""
    far = Worker("far", "faraway", 1, "7", "another boot of another machine", "same")
    far = replace(far, **facts)
    (store.work.path / f"{far.token}.runner").write_text(json.dumps(asdict(far)))
    (store.work.path / "f.fleet").write_text(json.dumps({"token": far.token, "jobs": ["a", "b"]}))
    return far


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_fleet_is_one_runners_until_it_leaves_it(store):
    with store.work.member("same") as one, store.work.member("same") as other:
        with one.admitted() as others:
            assert others == ()
        with other.admitted() as others:
            assert [each.token for each in others] == [one.me.token]
        assert one.take("f", ["a"])
        assert not other.take("f", ["a"])
        assert not other.is_free("f")
        other.drop("f")
        assert one.holds("f")
        one.drop("f")
        assert other.take("f", ["a"])
    assert not list(store.work.path.iterdir()), "nothing is left of those who have gone"


def test_many_that_begin_at_once_share_the_fleets_and_no_fleet_is_two_runners(store):
    runners = [
        subprocess.Popen(
            [sys.executable, "-c", JOIN, store.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    time.sleep(0.3)
    (store.path / "go").touch()
    taken = [runner.stdout.readline().split() for runner in runners]
    for runner in runners:
        runner.communicate()
        assert runner.returncode == 0
    assert sorted(int(fleet) for each in taken for fleet in each) == list(range(50))


def test_what_a_killed_process_of_this_machine_held_is_free_at_once(store, elsewhere):
    with store.work.member("same") as me:
        with me.admitted() as others:
            assert [each.process for each in others] == [elsewhere.pid]
        assert not me.take("f", [])
        elsewhere.kill()
        elsewhere.wait()
        began = time.monotonic()
        me.free_the_dead()
        assert me.take("f", [])
        assert time.monotonic() - began < 2


def test_a_zombie_is_dead(store, elsewhere):
    elsewhere.kill()
    os.waitid(os.P_PID, elsewhere.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
    with store.work.member("same") as me, me.admitted() as others:
        assert others == ()


def test_a_process_that_has_the_number_of_a_dead_one_is_not_taken_for_it(store):
    with store.work.member("same") as me:
        stranger(store, process=os.getppid(), started="1", realm=me.me.realm)
        me.free_the_dead()
        assert me.take("f", [])


def test_a_runner_on_another_machine_is_dead_when_it_has_stood_still_for_long(store, quick):
    far = stranger(store)
    with store.work.member("same") as me:
        began = time.monotonic()
        while not me.take("f", []):
            me.free_the_dead()
            time.sleep(0.01)
        assert time.monotonic() - began >= signs.DEAD_SECONDS
    assert not (store.work.path / f"{far.token}.runner").exists()


def test_a_runner_on_another_machine_that_beats_keeps_its_fleet_whatever_its_clock_says(store, quick):
    path = store.work.path / f"{stranger(store).token}.runner"
    over = threading.Event()

    def beat():
        moment = 1.0
        while not over.wait(0.01):
            os.utime(path, (moment, moment))  # 1970, and at times backwards
            moment += 5.0 if moment < 50 else -49.0

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with store.work.member("same") as me:
            until = time.monotonic() + 3 * signs.DEAD_SECONDS
            while time.monotonic() < until:
                me.free_the_dead()
                assert not me.take("f", [])
                time.sleep(0.01)
    finally:
        over.set()
        beating.join()


def test_wall_clocks_that_jump_change_nothing(store, quick, monkeypatch):
    stranger(store)
    with store.work.member("same") as me:
        me.free_the_dead()
        monkeypatch.setattr(time, "time", lambda: 4e9)
        me.free_the_dead()
        assert not me.take("f", [])


def test_who_did_not_look_for_an_hour_has_not_seen_a_runner_stand_still(store, monkeypatch):
    path = store.work.path / f"{stranger(store).token}.runner"
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch = Watch()
    watch.look(path)
    clock[0] += 3600.0
    assert watch.look(path).still <= signs.BEAT_SECONDS
    for _ in range(100):
        clock[0] += 1.0
        still = watch.look(path).still
    assert still >= signs.DEAD_SECONDS


def test_who_was_taken_for_dead_sees_it_and_goes_on(store, quick):
    """It stood still; another took its fleet; it comes back, leaves that fleet and may take others."""
    with store.work.member("same") as me:
        with me.admitted():
            pass
        assert me.take("f", [])
        (store.work.path / f"{me.me.token}.runner").unlink()
        (store.work.path / "f.fleet").unlink()
        with store.work.member("same") as other:
            with other.admitted():
                pass
            assert other.take("f", [])
            assert not me.holds("f")
            eventually((store.work.path / f"{me.me.token}.runner").exists)
            me.drop("f")
            assert other.holds("f")
            assert me.take("g", [])
            other.free_the_dead()
            assert me.holds("g")


def test_a_run_of_another_spec_is_refused_while_one_lives_and_not_after_it_was_killed(store, elsewhere):
    with (
        store.work.member("another") as me,
        pytest.raises(StoreError, match=f"another spec is using this sweep .process {elsewhere.pid} on"),
        me.admitted(),
    ):
        pass
    elsewhere.kill()
    elsewhere.wait()
    with store.work.member("another") as me, me.admitted() as others:
        assert others == ()


def test_a_run_of_another_spec_waits_to_see_whether_a_runner_far_away_lives(store, quick):
    stranger(store, runs="another")
    said = []
    with store.work.member("same") as me, me.admitted(said.append) as others:
        assert others == ()
    assert len(said) == 1
    assert "process 1 on faraway" in said[0]


def test_who_wants_to_be_alone_is_refused_while_others_run_and_refuses_those_who_come(store, elsewhere):
    with pytest.raises(StoreError, match="another klsweep command is using this sweep"), store.work.held():
        pass
    assert store.work.is_held()
    elsewhere.kill()
    elsewhere.wait()
    assert not store.work.is_held()
    with store.work.held():
        assert store.work.is_held()
        with (
            store.work.member("same") as me,
            pytest.raises(
                StoreError, match=r"another klsweep command.*choose another place with --results DIR"
            ),
            me.admitted(),
        ):
            pass
    assert not store.work.is_held()


@pytest.mark.parametrize("runs", ["same", ALONE])
def test_the_lock_of_a_killed_process_is_taken_away(store, runs):
    dead = subprocess.run([sys.executable, "-c", ""], check=True)
    assert dead.returncode == 0
    with store.work.member("same") as me:
        gone = replace(me.me, token="gone", process=2**22 - 1, started="1", runs=runs)
        (store.work.path / "lock").write_text(json.dumps(asdict(gone)))
        with me.admitted():
            assert json.loads((store.work.path / "lock").read_text())["token"] == me.me.token


def test_the_lock_is_held_by_one_at_a_time(store):
    inside, clashes = [], []

    def enter():
        with store.work.member("same") as me:
            for _ in range(5):
                with me.admitted():
                    clashes.extend(inside)
                    inside.append(me)
                    time.sleep(0.002)
                    inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_who_wants_to_take_away_a_dead_lock_and_finds_a_living_one_puts_it_back(store):
    with (
        Member(store.work.path, "same") as me,
        Member(store.work.path, "same") as quicker,
        quicker.admitted(),
    ):
        me._take_away(store.work.path / "lock", "the dead one's")
        assert json.loads((store.work.path / "lock").read_text())["token"] == quicker.me.token
    assert not list(store.work.path.iterdir())


def test_jobs_are_under_way_while_their_fleet_trains_in_a_run_that_lives(store, elsewhere):
    assert store.work.jobs_under_way() == {"a", "b"}
    elsewhere.kill()
    elsewhere.wait()
    assert store.work.jobs_under_way() == set()


def test_jobs_of_a_runner_far_away_are_under_way_while_it_beats(store):
    path = store.work.path / f"{stranger(store).token}.runner"
    assert store.work.jobs_under_way() == {"a", "b"}
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    assert store.work.jobs_under_way() == set()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"token": "x"}', b"\xff", NONSENSE])
def test_files_that_say_nothing_are_nobodys_and_go_when_they_stand_still(store, quick, content):
    for name in ("x.runner", "f.fleet", "lock"):
        (store.work.path / name).write_bytes(content)
    with store.work.member("same") as me:
        with me.admitted():
            pass
        eventually(lambda: me.free_the_dead() or not (store.work.path / "x.runner").exists())
        assert me.take("f", [])
    assert not list(store.work.path.iterdir())


def test_asking_whether_it_is_held_refuses_nobody(store):
    """A shell loop around `klsweep status` must not keep a run from starting."""
    question = "import sys; from pathlib import Path; from klsweep.store import Store\n" + (
        "store = Store(Path(sys.argv[1])); print(flush=True)\nwhile True: store.work.is_held()"
    )
    with subprocess.Popen([sys.executable, "-c", question, store.path], stdout=subprocess.PIPE) as asking:
        asking.stdout.readline()
        try:
            for _ in range(20):
                with store.work.held():
                    pass
        finally:
            asking.kill()
