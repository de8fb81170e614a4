"""TensorBoard, MLflow and W&B: what was exported is read back with the tool itself, offline."""

import json
import shutil
import sqlite3
import struct
import subprocess
import sys

import pytest
from made_up import Case, commit, grid

from klsweep.errors import StoreError
from klsweep.reporting.exports import export
from klsweep.reporting.exports.jobs import jobs, key
from klsweep.result import Status
from klsweep.store import Measure, Store

# The libraries of others are free to warn of their own futures.
pytestmark = pytest.mark.filterwarnings("ignore")

HOSTILE = "=cmd|\"<script>alert(1)</script>' $\\frac{a}{b}$ & 100% #~^_ 😀\r\nnext"
INERT = HOSTILE.replace("\r\n", "  ")
"""Its control characters are spaces; it is shown as text."""

PLACE = "<b>\"'😀 $x$%41 #?&"
"""A directory whose name is a mine in a URI, in HTML, in LaTeX and in a shell."""

CASES = (
    *grid(beta_norm=[0.1, 1.0], seed=[0]),
    Case(dataset=HOSTILE, further={HOSTILE: 1.5}),
    Case(seed=1, status=Status.FAILED),
    Case(seed=2, status=Status.DIVERGED),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return commit(tmp_path_factory.mktemp(PLACE), PLACE, CASES)


def measure_more(store: Store) -> str:
    """Add a metric to a finished job; its id."""
    job_id = next(record.job_id for record in store.records() if record.status is Status.OK)
    store.add_measures(job_id, {"probe": Measure({"kind": "probe"}, {"probe_knn_accuracy": 0.75})})
    return job_id


def changed_and_not(tmp_path, to, seen):
    """What `seen` finds after an export, another, and a third after one job was measured; and that job."""
    results = tmp_path / "results"
    store = commit(results, "s", CASES[:2])
    found = []
    for _ in range(2):
        export(store.refreshed(), to, out=tmp_path)
        found.append(seen())
    job_id = measure_more(store)
    export(store.refreshed(), to, out=tmp_path)
    return (*found, seen(), job_id)


# ---- jobs


def test_a_job_says_all_that_runs_csv_and_its_curve_say(store):
    found = {job.id: job for job in jobs(store)}
    for record in store.records():
        job = found[record.job_id]
        assert job.settings["train.lr"] == record.job["train"]["lr"]
        assert job.settings["beta"] == record.row["beta"]
        measured = {name for name, value in record.row.items() if isinstance(value, float)}
        assert set(job.settings) | set(job.measured) >= {key(name) for name in measured}
        assert [step for step, _ in job.curve] == [line["step"] for line in store.curve(record.job_id)]
    names = [job.name for job in found.values()]
    assert len(set(names)) == len(names)
    assert all(name.isprintable() for name in names)


def test_keys_that_differ_stay_different_and_take_no_foreign_character():
    assert key("train_distortion_nats") == "train_distortion_nats"
    assert key("a<b") != key("a>b")
    assert all(char.isascii() and (char.isalnum() or char in "_-./ ") for char in key(HOSTILE))


# ---- TensorBoard


def accumulated(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return found


def test_tensorboard_reads_every_curve_number_and_setting(store, tmp_path):
    pytest.importorskip("tensorboard", reason="needs klsweep[tensorboard]")
    from tensorboard.plugins.hparams import api_pb2, metadata

    export(store, "tensorboard", out=tmp_path)
    statuses = set()
    for job in jobs(store):
        read = accumulated(tmp_path / PLACE / "tensorboard" / job.id)
        for name in {name for _, values in job.curve for name in values}:
            wanted = [(step, values[name]) for step, values in job.curve]
            kept = [(event.step, event.value) for event in read.Scalars(name)]
            assert kept == [(step, pytest.approx(value, rel=2**-23)) for step, value in wanted], "float32"
        for name, value in job.measured.items():
            assert read.Scalars(name)[-1].value == pytest.approx(value, rel=2**-23)
        about = {tag: read.SummaryMetadata(tag).plugin_data.content for tag in read.Tags()["tensors"]}
        start = metadata.parse_session_start_info_plugin_data(about[metadata.SESSION_START_INFO_TAG])
        kept = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
        assert kept == job.settings
        end = metadata.parse_session_end_info_plugin_data(about[metadata.SESSION_END_INFO_TAG])
        assert (end.status == api_pb2.STATUS_SUCCESS) == (job.status is Status.OK)
        statuses.add(end.status)
    assert len(statuses) == 2


def test_tensorboard_times_are_seconds_of_training(store, tmp_path):
    """A made-up job trains 1.5 s in 30 steps, so an event at step 10 k is 0.5 k s from the start."""
    pytest.importorskip("tensorboard", reason="needs klsweep[tensorboard]")
    export(store, "tensorboard", out=tmp_path)
    job = next(job for job in jobs(store) if job.status is Status.OK)
    events = accumulated(tmp_path / PLACE / "tensorboard" / job.id).Scalars("train_loss")
    assert [(event.step, event.wall_time) for event in events] == [(10, 0.5), (20, 1.0), (30, 1.5)]


def test_tensorboard_files_are_the_same_to_the_byte_and_only_a_changed_job_changes(tmp_path):
    pytest.importorskip("tensorboard", reason="needs klsweep[tensorboard]")
    root = tmp_path / "s" / "tensorboard"

    def seen():
        return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    first, second, third, job_id = changed_and_not(tmp_path, "tensorboard", seen)
    assert first == second
    assert {path.parts[0] for path in first if third[path] != first[path]} == {job_id}
    assert third.keys() == first.keys()


# ---- MLflow


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """An empty MLflow store; making its tables takes seconds, a copy none."""
    for module in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(module, reason="needs klsweep[mlflow]")
    place = tmp_path_factory.mktemp("mlflow")
    export(commit(place, "s", []), "mlflow", out=place)
    return place / "mlflow.db"


def read_runs(path, name):
    """The runs of an experiment by job id, with the client, found by what `mlflow ui` would be given."""
    from urllib.parse import quote

    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{quote(str(path))}")
    experiment = client.get_experiment_by_name(name)
    runs = client.search_runs([experiment.experiment_id])
    assert len({run.data.tags["klsweep.job_id"] for run in runs}) == len(runs), "a job once"
    return client, {run.data.tags["klsweep.job_id"]: run for run in runs}


@pytest.mark.slow
def test_mlflow_reads_every_curve_number_and_setting(mlflow, store, tmp_path):
    shutil.copy(mlflow, tmp_path)
    found = export(store, "mlflow", out=tmp_path)
    assert found.files == (tmp_path / "mlflow.db",)
    client, runs = read_runs(tmp_path / "mlflow.db", PLACE)
    ended = {Status.OK: "FINISHED", Status.FAILED: "FAILED", Status.DIVERGED: "FAILED"}
    assert len(runs) == len(CASES)
    for job in jobs(store):
        run = runs[job.id]
        assert run.data.params == {name: str(value) for name, value in job.settings.items()}
        assert run.info.status == ended[job.status]
        assert run.data.tags.get("klsweep.error", "") == job.error
        assert {name: run.data.metrics[name] for name in job.measured} == job.measured
        for name in {name for _, values in job.curve for name in values}:
            kept = [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)]
            assert kept == [(step, values[name]) for step, values in job.curve]
    assert INERT in {run.data.params["dataset"] for run in runs.values()}


@pytest.mark.slow
def test_mlflow_has_a_job_once_and_replaces_it_when_it_was_measured_again(mlflow, tmp_path):
    shutil.copy(mlflow, tmp_path)

    def seen():
        _, runs = read_runs(tmp_path / "mlflow.db", "s")
        return {job_id: (run.info.run_id, run.data.metrics) for job_id, run in runs.items()}

    first, second, third, job_id = changed_and_not(tmp_path, "mlflow", seen)
    assert first == second
    assert {job for job in first if first[job] != third[job]} == {job_id}
    assert third[job_id][1]["probe_knn_accuracy"] == 0.75
    assert third.keys() == first.keys()


@pytest.mark.slow
def test_two_sweeps_are_two_experiments_of_one_store_and_one_in_the_trash_comes_back(mlflow, tmp_path):
    from mlflow.tracking import MlflowClient

    shutil.copy(mlflow, tmp_path)
    for name in ("a", "b"):
        export(commit(tmp_path / "results", name, [Case()]), "mlflow", out=tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert {each.name for each in client.search_experiments()} >= {"a", "b"}
    client.delete_experiment(client.get_experiment_by_name("a").experiment_id)
    export(Store(tmp_path / "results" / "a"), "mlflow", out=tmp_path)
    assert len(read_runs(tmp_path / "mlflow.db", "a")[1]) == 1


@pytest.mark.slow
def test_a_file_that_is_no_mlflow_store_is_said_at_once(mlflow, store, tmp_path):
    (tmp_path / "mlflow.db").write_text(
        "not a database, but long enough to be looked at as if it were one\n" * 9
    )
    with pytest.raises(StoreError, match=r"MLflow cannot write here .* --out DIR"):
        export(store, "mlflow", out=tmp_path)
    shutil.copy(mlflow, tmp_path / "mlflow.db")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'of another time'")
    with pytest.raises(StoreError, match="MLflow cannot write here"):
        export(store, "mlflow", out=tmp_path)


# ---- Weights & Biases


def wandb_records(folder):
    """The records of an offline run: LevelDB's log format, each a protobuf message that wandb itself defines."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("run-*.wandb")
    data, at, whole = path.read_bytes(), 7, b""
    while at < len(data):
        if (left := 2**15 - at % 2**15) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(whole)
            whole = b""


def offline_run(folder):
    """(run, config, history by step, summary, exit code) of an offline run."""
    by_type = {}
    for record in wandb_records(folder):
        kind = record.WhichOneof("record_type")
        by_type.setdefault(kind, []).append(getattr(record, kind))
    (run,) = by_type["run"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    history = {each.step.num: _items(each.item) for each in by_type.get("history", ())}
    summary = {}
    for each in by_type["summary"]:
        summary |= _items(each.update)
    return run, config, history, summary, by_type["exit"][0].exit_code


def _items(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


@pytest.mark.slow
def test_wandb_keeps_every_curve_number_and_setting_in_offline_runs(store, tmp_path):
    pytest.importorskip("wandb", reason="needs klsweep[wandb]")
    found = export(store, "wandb", out=tmp_path)
    assert len(found.files) == len(CASES)
    for job, folder in zip(jobs(store), found.files, strict=True):
        run, config, history, summary, exit_code = offline_run(folder)
        assert (run.run_id, run.display_name, run.project) == (job.id, job.name, key(PLACE))
        assert job.settings.items() <= config.items()
        assert list(history) == [step for step, _ in job.curve]
        for step, values in job.curve:
            assert values.items() <= history[step].items()
        wanted = {**job.measured, "status": str(job.status), "error": job.error}
        assert wanted.items() <= summary.items()
        assert exit_code == (0 if job.status is Status.OK else 1)
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", *map(str, found.files)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert f"Would sync {len(CASES)} run(s)" in said.stdout + said.stderr


@pytest.mark.slow
def test_wandb_has_a_job_once_and_replaces_it_when_it_was_measured_again(tmp_path):
    pytest.importorskip("wandb", reason="needs klsweep[wandb]")

    def seen():
        folders = (tmp_path / "s" / "wandb").glob("offline-run-*")
        return {folder.name.rpartition("-")[2]: folder.stat().st_ino for folder in folders}

    first, second, third, job_id = changed_and_not(tmp_path, "wandb", seen)
    assert first == second
    assert third.keys() == first.keys()
    (folder,) = (tmp_path / "s" / "wandb").glob(f"offline-run-*-{job_id}")
    assert offline_run(folder)[3]["probe_knn_accuracy"] == 0.75


@pytest.mark.slow
@pytest.mark.parametrize("to", ["mlflow", "wandb"])
def test_a_tracker_asks_no_network_loads_no_torch_and_leaves_the_environment(tmp_path, to, request):
    """With everything in the environment that would send it there; the audit hook hears of every connection."""
    pytest.importorskip(to, reason=f"needs klsweep[{to}]")
    store = commit(tmp_path, "s", [Case()])
    if to == "mlflow":
        store.export_dir.mkdir()
        shutil.copy(request.getfixturevalue("mlflow"), store.export_dir)
    code = """
import json, os, socket, sys
from pathlib import Path
from klsweep.reporting.exports import export
from klsweep.store import Store
away = []
def hear(event, arguments):
    if event == "socket.connect" and arguments[0].family != socket.AF_UNIX:
        away.append(str(arguments[1]))
    if event == "socket.getaddrinfo":
        away.append(str(arguments[0]))
sys.addaudithook(hear)
before = dict(os.environ)
export(Store(Path(sys.argv[1])), sys.argv[2])
print(json.dumps([away, "torch" in sys.modules, dict(os.environ) == before]))
"""
    tempting = {
        "WANDB_MODE": "online",
        "WANDB_API_KEY": 40 * "a",
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "PATH": "",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, store.path, to],
        capture_output=True,
        text=True,
        check=True,
        env=tempting,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [[], False, True]
    assert done.stderr == ""
    assert {path.name for path in tmp_path.iterdir()} <= {"s", ".config", ".cache"}, (
        "nothing beside the export"
    )
