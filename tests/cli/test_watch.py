"""`klsweep report --watch`, on sweeps that grow while it looks."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer

from klsweep.cli import watch as watching
from klsweep.cli.watch import line, watch, watched
from klsweep.errors import StoreError
from klsweep.reporting import build, plots
from klsweep.result import Status
from klsweep.store import Measure, Store

SOON = 0.01


@pytest.fixture
def plain(monkeypatch):
    """Reports without plots, which are drawn in `tests/reporting`."""
    monkeypatch.setattr(plots, "draw", lambda *_arguments, **_settings: ())


@pytest.fixture
def growing(write_spec, finished, tmp_path):
    """A sweep of four jobs with results for two, and the function that does one job more."""
    path = write_spec()
    store = finished(path, tmp_path, leave=2)
    whole = finished(path, tmp_path / "whole")

    def grow():
        missing = min({folder.name for folder in (whole.path / "jobs").iterdir()} - present(store))
        (whole.path / "jobs" / missing).rename(store.path / "jobs" / missing)

    return store, grow


def present(store):
    return {record.job_id for record in store.refreshed().records()}


def test_the_page_loads_itself_anew_until_the_sweep_is_complete(growing, plain):
    store, grow = growing
    anew = []

    def tell(refresh):
        anew.append(f'id="live" data-seconds="{watching.RELOAD}"' in refresh.report.page.read_text())
        if refresh.done < refresh.jobs:
            grow()

    watch(store.path, every=SOON, tell=tell)
    assert anew == [True, True, False]


def test_a_page_that_nobody_writes_again_is_loaded_once(growing, plain):
    store, _ = growing
    assert 'id="live"' not in build(store.refreshed()).page.read_text()


def test_a_watch_makes_the_report_again_for_each_result_and_ends_with_the_last(growing, plain):
    store, grow = growing
    heard = []

    def tell(refresh):
        heard.append(
            (refresh.done, refresh.jobs, len((store.report_dir / "runs.csv").read_text().splitlines()))
        )
        if refresh.done < refresh.jobs:
            grow()

    (report,) = watch(store.path, every=SOON, tell=tell)
    assert heard == [(2, 4, 3), (3, 4, 4), (4, 4, 5)]
    assert len(report.runs) == 4
    assert report.notes == ()


def test_nothing_is_made_again_while_nothing_changes(growing, plain):
    store, _ = growing
    looks, heard = [], []

    def rest(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(store.path, every=SOON, tell=heard.append, rest=rest)
    assert len(heard) == 1
    assert looks[0] >= heard[0].seconds, "a report that takes long is made less often"
    assert looks[1:] == [SOON, SOON]


def test_a_later_metric_is_news_too(growing):
    store, _ = growing
    before = store.mark()
    store.add_measures(
        min(present(store)), {"probe": Measure({"kind": "probe"}, {"probe_knn_accuracy": 0.5})}
    )
    assert store.mark() != before
    assert store.refreshed().mark() == store.mark()


def test_a_watch_does_not_end_while_a_command_uses_the_sweep(write_spec, finished, tmp_path, plain):
    store = finished(write_spec(), tmp_path)
    looks = []

    def rest(seconds):
        looks.append(seconds)
        raise KeyboardInterrupt

    with store.work.held(), pytest.raises(KeyboardInterrupt):
        watch(store.path, every=SOON, tell=lambda _refresh: None, rest=rest)
    assert len(looks) == 1
    watch(store.path, every=SOON, tell=lambda _refresh: None, rest=rest)
    assert len(looks) == 1, "complete, and free"


def test_what_is_half_written_is_left_out_and_comes_when_it_is_whole(growing, plain):
    store, grow = growing
    victim = store.path / "jobs" / min(present(store)) / "result.json"
    content = victim.read_bytes()
    victim.write_bytes(content[:100])
    (store.path / "jobs" / "0123456789ab.tmp-1-2").mkdir()
    heard = []

    def tell(refresh):
        heard.append(refresh.done)
        if len(heard) == 1:
            victim.write_bytes(content)
        elif refresh.done < refresh.jobs:
            grow()

    watch(store.path, every=SOON, tell=tell)
    assert heard == [1, 2, 3, 4]


def test_a_result_that_is_set_aside_while_it_is_read_costs_a_look_and_not_the_watch(
    growing, plain, monkeypatch
):
    store, grow = growing
    calls, heard = [], []

    def unlucky(asked, **settings):
        calls.append(asked)
        if len(calls) == 1:
            grow()
            raise StoreError("a file is not where it was")
        return build(asked, **settings)

    def tell(refresh):
        heard.append(refresh.done)
        if refresh.done < refresh.jobs:
            grow()

    monkeypatch.setattr("klsweep.reporting.build", unlucky)
    watch(store.path, every=SOON, tell=tell)
    assert heard == [3, 4]


def test_a_place_that_cannot_be_written_ends_the_watch(growing, plain, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the report"):
        watch(growing[0].path, out=tmp_path / "file", every=SOON, tell=lambda _refresh: None)


def test_a_refresh_is_one_line(growing, plain):
    store, grow = growing
    lines = []

    def tell(refresh):
        lines.append(line(refresh))
        if refresh.done < refresh.jobs:
            grow()

    watch(store.path, every=SOON, tell=tell)
    assert all("\n" not in each and f"tiny: {n} of 4 jobs" in each for n, each in enumerate(lines, start=2))


# ---- the command


def spawn(tmp_path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "klsweep", *map(str, arguments)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # where the tests run in the background of a shell, Ctrl-C is ignored, which a child would inherit
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_ctrl_c_ends_a_watch_with_130_and_no_word(growing, tmp_path):
    store, _ = growing
    command = spawn(tmp_path, "report", store.path, "--watch", "--every", "60")
    assert "2 of 4 jobs" in command.stdout.readline()
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert (command.returncode, out, err) == (130, "", "")
    assert (store.report_dir / "index.html").exists()


def test_ctrl_c_that_python_drops_ends_the_watch_at_its_next_rest(growing, tmp_path, monkeypatch):
    class Gone:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)  # where the interrupt is raised, and dropped

    dropped = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: dropped.append(raised.exc_type))
    monkeypatch.setattr("klsweep.cli.watch.say", lambda _line: Gone() and None)
    with pytest.raises(typer.Exit) as ended:
        watched(growing[0].path, out=None, goals=(), style="screen", every=60, quiet=False, open_=False)
    signal.signal(signal.SIGINT, before)
    assert ended.value.exit_code == 130
    assert dropped == [KeyboardInterrupt]


def test_a_path_without_a_sweep_is_told_and_not_waited_for(klsweep, tmp_path):
    code, out, err = klsweep("report", tmp_path, "--watch")
    assert (code, out) == (2, "")
    assert "holds no sweep" in err


@pytest.mark.slow
def test_a_watch_follows_a_run_in_another_process_to_its_end(write_spec, tmp_path):
    path = write_spec()
    (tmp_path / "results" / "tiny" / "jobs").mkdir(parents=True)
    watcher = spawn(tmp_path, "report", "results/tiny", "--watch", "--every", "0.2", "--json")
    time.sleep(0.5)
    run = spawn(tmp_path, "run", path, "--device", "cpu", "--workers", "1", "--quiet")
    said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    out, err = watcher.communicate(timeout=120)
    assert (watcher.returncode, err) == (0, "")
    (report,) = json.loads(out)
    assert (report["jobs"], report["notes"]) == (4, [])
    store = Store(tmp_path / "results" / "tiny")
    assert {record.status for record in store.records()} == {Status.OK}
