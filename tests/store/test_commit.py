import contextlib
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from klsweep.errors import StoreError
from klsweep.result import CURVE_COLUMNS, Status
from klsweep.store import Store, codec
from klsweep.store.codec import DamagedError


def result_file(store: Store, job_id: str) -> Path:
    return store.path / "jobs" / job_id / "result.json"


def test_every_field_comes_back_as_it_was(store, make):
    result = make(
        status=Status.DIVERGED,
        row={"a": 1, "b": 0.1 + 0.2, "c": "ü '\"\n", "d": None, "e": -0.0},
        error="Traceback:\n  ✗ 'quoted' \\ back",
        provenance={"fleet": "f", "steps": 3, "host": "höst"},
    )
    assert store.commit(result)
    (record,) = store.refreshed().records()
    for name in ("job_id", "job", "status", "row", "error", "provenance"):
        assert getattr(record, name) == getattr(result, name)
    assert store.refreshed().curve(result.job_id) == [dict(row) for row in result.curve]
    arrays = store.refreshed().arrays(result.job_id)
    assert arrays.keys() == result.arrays.keys()
    np.testing.assert_array_equal(arrays["rate_per_latent_nats"], result.arrays["rate_per_latent_nats"])
    weights = safetensors.numpy.load_file(result_file(store, result.job_id).with_name("weights.safetensors"))
    np.testing.assert_array_equal(weights["encoder.weight"], np.eye(3, dtype=np.float32))


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_the_last_epoch_is_the_last_row_of_the_curve(store, make, epochs):
    result = make(curve=[dict.fromkeys(CURVE_COLUMNS, 0.1) | {"epoch": n, "s": None} for n in range(epochs)])
    store.commit(result)
    last = store.refreshed().last_epoch(result.job_id)
    assert last == (dict(result.curve[-1]) if epochs else {})


def test_a_number_that_is_not_finite_becomes_null_in_strict_json_and_an_empty_cell(store, make):
    curve = [dict.fromkeys(CURVE_COLUMNS, float("nan"))]
    result = make(row={"x": float("nan"), "y": float("-inf")}, curve=curve, provenance={"z": float("inf")})
    store.commit(result)

    def refuse(token):
        raise AssertionError(f"{token} is not JSON")

    body = json.loads(result_file(store, result.job_id).read_bytes(), parse_constant=refuse)
    assert body["row"] == {"x": None, "y": None}
    assert store.refreshed().records()[0].provenance == {"z": None}
    assert store.refreshed().curve(result.job_id) == [dict.fromkeys(CURVE_COLUMNS)]


def test_a_curve_without_a_column_that_is_newer_reads_as_unknown():
    (row,) = codec.decode_curve(b"epoch,step,weight,s,valid_rate_nats\n1,5,0.5,1.0,2.5\n")
    assert row["valid_rate_nats"] == 2.5
    assert row["valid_active_units"] is None


def test_an_error_that_names_a_file_whose_name_is_not_text_can_be_kept(store, make):
    store.commit(make(error="cannot open caf\udce9.npz"))
    assert store.refreshed().records()[0].error == "cannot open caf\\udce9.npz"


def test_the_first_result_of_a_job_stays_to_the_byte(store, make):
    first = make(row={"rate_nats": 1.0})
    assert store.commit(first)
    before = {path: path.read_bytes() for path in store.path.rglob("*.*")}
    assert not store.commit(make(row={"rate_nats": 2.0}, arrays={"other": np.zeros(9)}, curve=()))
    assert {path: path.read_bytes() for path in store.path.rglob("*.*")} == before


def test_of_two_commits_at_once_one_is_kept_whole_and_the_other_changes_nothing(store, make):
    """A late orphan writes while the result appears: neither its numbers nor its curve get into the other's."""
    late = make(row={"rate_nats": 2.0}, curve=[dict.fromkeys(CURVE_COLUMNS, 9.0)] * 2)
    real = os.fsync

    def first_commits_meanwhile(handle):
        os.fsync = real
        assert store.commit(make(row={"rate_nats": 1.0}))
        return real(handle)

    os.fsync = first_commits_meanwhile
    try:
        assert not store.commit(late)
    finally:
        os.fsync = real
    (record,) = store.refreshed().records()
    assert record.row["rate_nats"] == 1.0
    assert store.refreshed().curve(record.job_id) == [dict(row) for row in make().curve]
    assert [path.name for path in (store.path / "jobs").iterdir()] == [record.job_id]


def test_a_folder_without_a_result_is_set_aside_for_it_would_be_in_the_way(store, make):
    folder = result_file(store, make().job_id).parent
    folder.mkdir()
    (folder / "curve.csv").write_text("epoch\n")
    assert not store.commit(make())
    assert store.set_aside_damaged() == ()
    assert store.commit(make())
    assert (folder.with_name(f"{folder.name}.incomplete") / "curve.csv").read_text() == "epoch\n"


def test_the_same_result_gives_the_same_bytes(tmp_path, make):
    stores = [Store.open(tmp_path / name, "s") for name in ("a", "b")]
    for each in stores:
        each.commit(make())
    one, other = ({path.name: path.read_bytes() for path in each.path.rglob("jobs/*/*")} for each in stores)
    assert one == other
    assert len(one) == 4


class Killed(BaseException):
    """The process is no more: nothing of it runs after this."""


class Mortal:
    """Lets the process make `calls` calls to the system; in the next it dies, half done, and in all after that."""

    def __init__(self, monkeypatch, calls):
        self.left = calls
        for owner, name in [
            (os, "fsync"),
            (os, "link"),
            (os, "open"),
            (Path, "mkdir"),
            (Path, "unlink"),
            (Path, "replace"),
            (Path, "rename"),
        ]:
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name)))
        monkeypatch.setattr(Path, "open", self.opened(Path.open))

    def counted(self, real):
        def call(*args, **kwargs):
            self.spend()
            return real(*args, **kwargs)

        return call

    def opened(self, real):
        def call(path, *args, **kwargs):
            self.spend()
            file = real(path, *args, **kwargs)
            if self.left == 0 and args == ("xb",):  # dies in the write: half of it reaches the disk
                file.close()
                with contextlib.suppress(FileNotFoundError):
                    os.truncate(path, 0)
                path.write_bytes(b'{"half": ')
            return file

        return call

    def spend(self):
        self.left -= 1
        if self.left < 0:
            raise Killed


def test_killed_at_any_moment_of_a_commit_the_result_is_whole_or_absent(tmp_path, make):
    whole = 0
    for calls in range(100):
        store = Store.open(tmp_path / str(calls), "sweep")
        store.commit(make(seed=9))
        with pytest.MonkeyPatch.context() as patched:
            Mortal(patched, calls)
            try:
                survived = store.commit(make(seed=1))
            except (Killed, ValueError):  # ValueError: wrote to the file that the dying process had closed
                survived = False
        after = Store(store.path)
        found = {record.job["seed"] for record in after.records()}
        assert 9 in found
        assert not after.problems()
        assert not (survived and 1 not in found)
        whole += 1 in found
        after.sweep_temporaries(older_than=0)
        assert not list(store.path.rglob("*.tmp-*"))
        assert after.commit(make(seed=1)) is (1 not in found)
        assert len(Store(store.path).curve(make(seed=1).job_id)) == 2
        if survived:
            break
    assert calls > 12, "the commit was over before it was killed anywhere"
    assert whole >= 2, "no kill came after the moment at which the result counts"


def flipped(content: bytes) -> bytes:
    middle = content.index(b'"rate_nats": 0.3') + len(b'"rate_nats": 0.')
    return content[:middle] + b"4" + content[middle + 1 :]


def rewritten(content: bytes, **changes) -> bytes:
    """With other fields and a checksum that fits them."""
    body = {name: value for name, value in json.loads(content).items() if name != "checksum"} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return json.dumps({**body, "checksum": codec.checksum(body)}).encode()


DAMAGE = {
    "empty": (lambda _: b"", "is not JSON"),
    "truncated": (lambda content: content[: len(content) // 2], "is not JSON"),
    "one digit flipped": (flipped, "checksum"),
    "binary": (lambda _: os.urandom(100), "is not JSON"),
    "nested too deep": (lambda _: b"[" * 200_000, "is not JSON"),
    "a list": (lambda _: b"[]", "not a JSON object"),
    "a pickle": (lambda _: pickle.dumps({"job_id": 1}), "is not JSON"),
    "of another schema": (lambda content: rewritten(content, schema=99), "reads schema 1"),
    "without a schema": (lambda content: rewritten(content, schema=None), "has schema None"),
    "of another job": (lambda content: rewritten(content, job={"seed": 77}), "belongs to job"),
    "of another id": (lambda content: rewritten(content, job_id="0" * 12), "belongs to job 000000000000"),
    "without a row": (lambda content: rewritten(content, row=None), "has no row"),
    "of an unknown status": (lambda content: rewritten(content, status="fine"), "status 'fine'"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_result_does_not_count_is_kept_aside_and_its_job_can_be_done_again(store, make, damage):
    spoil, reason = DAMAGE[damage]
    store.commit(make(seed=1))
    store.commit(make(seed=2))
    job_id = make(seed=1).job_id
    spoilt = spoil(result_file(store, job_id).read_bytes())
    result_file(store, job_id).write_bytes(spoilt)

    store = store.refreshed()
    assert [record.job["seed"] for record in store.records()] == [2]
    (problem,) = store.problems()
    assert reason in problem
    assert job_id in problem
    (said,) = store.set_aside_damaged()
    assert f"kept in {job_id}.corrupt, its job will run again" in said
    assert (store.path / "jobs" / f"{job_id}.corrupt" / "result.json").read_bytes() == spoilt
    assert not store.refreshed().problems()
    assert store.commit(make(seed=1))
    assert {record.job["seed"] for record in store.refreshed().records()} == {1, 2}


def test_no_single_changed_bit_of_a_result_goes_unnoticed(make):
    result = make(arrays={}, weights={}, curve=())
    content = codec.encode_result(result, {})
    sound = codec.decode_result(content, result.job_id)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        try:
            read = codec.decode_result(bytes(changed), result.job_id)
        except DamagedError:
            continue
        assert read == sound, f"bit {place % 8} of byte {place}"  # white space between the values


@pytest.mark.parametrize("name", ["curve.csv", "arrays.npz", "weights.safetensors"])
@pytest.mark.parametrize("kept", [None, 10], ids=["absent", "cut short"])
def test_a_result_whose_other_file_is_cut_short_does_not_count(store, make, name, kept):
    store.commit(make())
    path = result_file(store, make().job_id).with_name(name)
    if kept is None:
        path.unlink()
    else:
        os.truncate(path, kept)
    store = store.refreshed()
    assert not store.records()
    assert name in store.problems()[0]


@pytest.mark.parametrize("name", ["curve.csv", "arrays.npz"])
def test_a_flipped_bit_in_another_file_costs_that_file_only(store, make, name):
    store.commit(make())
    path = result_file(store, make().job_id).with_name(name)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    store = store.refreshed()
    assert len(store.records()) == 1
    read = {"curve.csv": store.curve, "arrays.npz": store.arrays}[name]
    assert not read(make().job_id)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_reading_never_unpickles(store, make, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    archive = io.BytesIO()
    np.savez(archive, bomb=np.array([Bomb()], dtype=object))
    monkeypatch.setattr(codec, "encode_arrays", lambda _: archive.getvalue())
    store.commit(make())
    read = store.refreshed()
    assert read.arrays(make().job_id) == {}
    assert "Object arrays are not read" in read.problems()[0]
    assert not (tmp_path / "exploded").exists()


def test_damaged_twice_both_are_kept(store, make):
    for _ in range(3):
        assert store.refreshed().commit(make())
        result_file(store, make().job_id).write_bytes(b"{")
        store.refreshed().set_aside_damaged()
    kept = sorted(path.name.partition(".")[2] for path in (store.path / "jobs").iterdir())
    assert kept == ["corrupt", "corrupt-2", "corrupt-3"]


def test_a_withdrawn_result_is_kept_and_its_job_is_open_again(store, make):
    store.commit(make(status=Status.FAILED))
    path = result_file(store, make().job_id)
    content = path.read_bytes()
    store.withdraw(make().job_id)
    assert not store.refreshed().records()
    assert path.parent.with_name(f"{make().job_id}.withdrawn").joinpath(path.name).read_bytes() == content
    assert store.commit(make())


def test_what_killed_writers_left_is_ignored_and_swept(store, make):
    store.commit(make())
    job = result_file(store, make().job_id).parent
    store.work.fleet("f").path.mkdir()
    (store.path / "jobs" / "0123456789ab.tmp-6-ff").mkdir()
    left = [
        store.path / "jobs" / "0123456789ab.tmp-6-ff" / "result.json",
        job / "measured.json.tmp-1-aa",
        store.path / "sweep.yaml.tmp-3-cc",
        store.work.path / "plan.json.tmp-4-dd",
        store.work.fleet("f").path / "checkpoint.tmp-5-ee",
    ]
    for path in left:
        path.write_bytes(b"half")
    assert len(store.refreshed().records()) == 1
    store.sweep_temporaries()
    assert all(path.exists() for path in left), "somebody may be writing them this moment"
    for path in (*left, left[0].parent):
        hour_ago = path.stat().st_mtime - 3600
        os.utime(path, (hour_ago, hour_ago))
    store.sweep_temporaries()
    assert not any(path.exists() for path in left)
    assert len(store.refreshed().records()) == 1


@pytest.mark.parametrize("name", ["with spaces", "qu'o\"te", "ünï-日本", "[glob]*?", "-dash", "a;b&c|d$e`f"])
def test_any_name_of_a_directory_will_do(tmp_path, make, name):
    store = Store.open(tmp_path / name, "sweep")
    with store.work.held():
        store.commit(make())
        store.work.write_plan({"f": [make().job_id]})
        assert Store(store.path).records()[0].job_id == make().job_id
        assert Store(store.path).work.plan() == {"f": [make().job_id]}


@pytest.mark.parametrize("blocked", ["results", "results/sweep", "results/sweep/jobs", "results/sweep/work"])
def test_a_file_in_the_place_of_a_directory_is_told_before_any_work(tmp_path, blocked):
    path = tmp_path / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(StoreError, match="choose one with --results DIR"):
        Store.open(tmp_path / "results", "sweep")
    assert path.read_text() == "in the way"


@pytest.mark.parametrize("call", ["commit", "write_spec", "write_plan", "withdraw"])
def test_a_disk_that_takes_nothing_more_is_a_store_error_and_changes_nothing(store, make, monkeypatch, call):
    store.commit(make())

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(Path, "rename", refuse)
    writes = {
        "commit": lambda: store.commit(make(seed=1)),
        "write_spec": lambda: store.write_spec("x"),
        "write_plan": lambda: store.work.write_plan({}),
        "withdraw": lambda: store.withdraw(make().job_id),
    }
    with pytest.raises(StoreError, match="No space left on device"):
        writes[call]()
    assert [record.job["seed"] for record in store.refreshed().records()] == [0]
