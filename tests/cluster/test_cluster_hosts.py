"""What a worker of an engine does with an order, called as an engine would call it; and what it says to the run."""

import threading
import time
from dataclasses import replace

import fake_works
import pytest

from klsweep import spec
from klsweep.errors import ClusterError, DeviceError, KlsweepError
from klsweep.result import Status
from klsweep.running import backends
from klsweep.running.cluster import host, words
from klsweep.running.cluster.words import Ear, Mouth
from klsweep.running.events import DoneElsewhere, EpochDone, FleetEnded, FleetStarted, JobDone, Said
from klsweep.running.plan import fleets_of, whole_plan
from klsweep.running.provenance import code_fingerprint
from klsweep.running.runner import Options, run
from klsweep.running.task import Task
from klsweep.store import Store, Talk

SPEC = """\
version: 1
name: fake
fixed:
  dataset: {kind: digits, binarize: threshold}
  model: {kind: mlp, hidden: [8]}
  latent_dim: 2
  train: {epochs: 3, batch_size: 128}
  beta_norm: 0.1
grid:
  seed: [0, 1]
"""


class Scene:
    """A run that lives, as files tell it, and one order of its two jobs."""

    def __init__(self, results, work) -> None:
        self.sweep = spec.read_text(SPEC)
        self.store = Store.open(results, "fake")
        self.member = self.store.work.member("two jobs")
        (fleet,) = fleets_of(self.sweep, "cpu")
        self.task = Task(fleet, fleet.id, self.store.path, None, "cpu", 1)
        self.talk = self.store.work.talk(self.member.me.token)
        self.place = host.Place(self.store.path, self.member.me.token, "two jobs", code_fingerprint())
        self.facts = {job.id: self.sweep.facts_of(job) for job in self.sweep.jobs}
        self.order = host.Order("order", self.place, self.task, work, self.facts)

    def __enter__(self) -> "Scene":
        self.member.__enter__()
        with self.member.admitted():
            pass
        self.opened = self.talk.opened()
        self.opened.__enter__()
        return self

    def __exit__(self, *_) -> None:
        self.opened.__exit__(None, None, None)
        self.member.__exit__(None, None, None)

    def question(self, **changed) -> host.Question:
        job = self.sweep.jobs[0]
        asked = host.Question(self.place, None, {job.dataset: self.sweep.facts_of(job)}, (job.model,))
        return replace(asked, **changed)

    def host(self) -> host.Outcome:
        return host.host(host.packed(self.order), "cpu")


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr("klsweep.running.child.PRELOADED", ("klsweep.running.child",))
    return lambda work=fake_works.obedient: Scene(tmp_path / "results", work)


def test_an_order_that_is_given_out_twice_is_trained_once(scene):
    with scene() as here:
        assert here.host() == host.Outcome(host.DONE)
        events = list(Ear(here.talk, "order").hear())
        assert [type(each) for each in events] == [FleetStarted, EpochDone, JobDone, JobDone, FleetEnded]
        here.talk.forget("order")
        assert here.host() == host.Outcome(host.DONE)
        assert list(Ear(here.talk, "order").hear()) == [DoneElsewhere(jobs=2, model_epochs=6)]
        assert len((here.store.path.parent / "trained.txt").read_text().splitlines()) == 1
        assert {record.status for record in here.store.records()} == {Status.OK}


def test_an_order_that_another_worker_trains_is_left_to_it(scene):
    with scene() as here:
        assert here.member.take(here.task.planned, here.task.fleet.job_ids)
        assert here.host() == host.Outcome(host.LEFT)
        assert not here.store.refreshed().records()


@pytest.mark.parametrize("how", ["stop", "at once", "gone"])
def test_a_worker_stops_when_the_run_wants_it_or_is_no_more(scene, how):
    with scene(fake_works.until_stopped) as here:
        found = []
        hosting = threading.Thread(target=lambda: found.append(here.host()))
        hosting.start()
        ear = Ear(here.talk, "order")
        deadline = time.monotonic() + 60
        while not any(isinstance(each, EpochDone) for each in ear.hear()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if how == "gone":
            here.member.__exit__(None, None, None)
        else:
            here.talk.stop({"stop": 1, "at once": 2}[how])
        hosting.join(timeout=10)
        assert found == [host.Outcome(host.STOPPED)]
        assert list(here.task.folder.path.glob("checkpoint")) or how != "stop"
        assert not list(here.store.work.path.glob("*.fleet"))


def test_a_worker_that_sees_another_directory_or_has_other_code_takes_no_part(scene, tmp_path):
    with scene() as here:
        problems, sign = host.look(host.packed(here.question()))
        assert problems == ()
        assert here.talk.shows(sign)
        elsewhere = replace(here.place, store=tmp_path / "elsewhere" / "fake")
        other = replace(here.place, code="0123456789ab")
        (problem,), _ = host.look(host.packed(here.question(place=elsewhere)))
        assert problem == f"{tmp_path}/elsewhere/fake is not there the directory of this run"
        (problem,), _ = host.look(host.packed(here.question(place=other)))
        assert problem == f"it has code {code_fingerprint()} of klsweep, and the run 0123456789ab"
        here.order = replace(here.order, place=elsewhere)
        outcome = here.host()
        assert (outcome.kind, "is not there the directory of this run" in outcome.text) == (
            host.REFUSED,
            True,
        )


def test_a_worker_with_other_data_or_without_the_users_module_takes_no_part(scene):
    with scene() as here:
        ((dataset, facts),) = here.question().facts.items()
        (problem,), _ = host.look(
            host.packed(here.question(facts={dataset: replace(facts, sizes=(1, 1, 1))}))
        )
        assert problem == "its data set digits is another"
    import pickle

    (problem,), sign = host.look(pickle.dumps(((), b"cno_such_module\nModel\n.")))
    assert (
        "cannot import what the spec names (ModuleNotFoundError: No module named 'no_such_module')" in problem
    )
    assert sign == ""


@pytest.mark.parametrize(
    "event",
    [
        FleetStarted("f", 2),
        EpochDone("f", 1, 3),
        JobDone("j", Status.FAILED, "why: ü\n"),
        FleetEnded("f", finished=True),
        DoneElsewhere(2, 6),
        Said("a sentence"),
    ],
)
def test_an_event_comes_out_as_it_went_in(event):
    assert words.read(words.written(event)) == event


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "[]", "{}", '["Exit", {}]', '["Said", {}]', "[[], {}]", "[" * 100_000, '["Said", 3]'],
)
def test_what_is_no_event_is_none(line):
    assert words.read(line) is None


def test_of_many_epochs_the_first_and_the_last_are_said(tmp_path):
    talk = Talk(tmp_path / "x.run")
    with talk.opened():
        mouth, ear = Mouth(talk, "order"), Ear(talk, "order")
        for event in (FleetStarted("f", 1), *(EpochDone("f", epoch, 1000) for epoch in range(1, 1001))):
            mouth(event)
        epochs = [each.epoch for each in ear.hear() if isinstance(each, EpochDone)]
        assert (epochs[0], epochs[-1]) == (1, 1000)
        assert len(epochs) < 1000
        assert list(ear.end()) == [FleetEnded("f", finished=False)], "it never said how it ended"


def test_a_line_that_is_being_written_waits(tmp_path):
    talk = Talk(tmp_path / "x.run")
    with talk.opened():
        (talk.path / "order.said").write_text("one\ntw")
        lines, since = talk.heard("order", 0)
        assert (lines, talk.heard("order", since)) == (["one"], ([], since))
        talk.say("order", ["o"])
        assert talk.heard("order", since) == (["two"], since + 4)
        assert talk.stopping() == 0
        for how in (1, 2):
            talk.stop(how)
            assert talk.stopping() == how
    assert talk.stopping() == 2, "the run is over"


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_engine_that_is_not_installed_is_told_with_what_to_install(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    options = Options(results=tmp_path / "results", device="cpu", backend=engine)
    with pytest.raises(ClusterError, match=rf"is not installed: pip install 'klsweep\[{engine}\]'"):
        run(spec.read_text(SPEC), options)
    assert not (tmp_path / "results").exists()


def test_what_goes_with_a_cluster_alone_is_told(tmp_path):
    sweep = spec.read_text(SPEC)
    options = Options(results=tmp_path / "results", address="tcp://127.0.0.1:1")
    with pytest.raises(ClusterError, match="an address goes with --backend dask or ray"):
        run(sweep, options)
    with pytest.raises(DeviceError, match="allowed with --address: auto, cpu, cuda"):
        run(sweep, replace(options, backend="dask", device="cuda:0,cuda:1"))
    with pytest.raises(KlsweepError, match="allowed: local, dask, ray, inline"):
        backends.name("spark")
    assert not (tmp_path / "results").exists()


def test_a_cluster_keeps_the_fleets_that_were_planned_unless_it_has_more_slots(tmp_path):
    sweep = spec.read_text(SPEC.replace("[0, 1]", "{range: [0, 8]}"))
    store = Store.open(tmp_path, "fake")

    def planned(slots):
        fleets = whole_plan(sweep, store, device="cpu", keep=False, slots=slots)
        store.work.write_plan({fleet.id: fleet.job_ids for fleet in fleets})
        return len(fleets)

    assert [planned(slots) for slots in (2, 1, 4, 3, 2)] == [2, 2, 4, 4, 4]
