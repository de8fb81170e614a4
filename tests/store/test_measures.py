"""Metrics measured later stand beside a result, and can neither change nor lose it."""

import pytest

from klsweep.store import Measure

PROBE = Measure({"kind": "probe", "data": 100}, {"probe_accuracy": 0.5, "knn_accuracy": None})


@pytest.fixture
def committed(store, make):
    result = make()
    store.commit(result)
    return result


def measured_file(store, job_id):
    return store.path / "jobs" / job_id / "measured.json"


def test_measures_come_back_as_they_were_and_their_columns_join_the_row(store, committed):
    before = (store.path / "jobs" / committed.job_id / "result.json").read_bytes()
    store.refreshed().add_measures(committed.job_id, {"probe": PROBE})
    (record,) = store.refreshed().records()
    assert record.measures == {"probe": PROBE}
    assert record.row == {**committed.row, "probe_accuracy": 0.5, "knn_accuracy": None}
    assert (store.path / "jobs" / committed.job_id / "result.json").read_bytes() == before


def test_another_kind_is_added_and_the_same_kind_replaced(store, committed):
    store.refreshed().add_measures(committed.job_id, {"probe": PROBE})
    again = Measure({"kind": "probe", "data": 200}, {"probe_accuracy": 0.75})
    other = Measure({"kind": "iw_bound"}, {"iw_bound_nats": -1.0})
    store.refreshed().add_measures(committed.job_id, {"iw_bound": other})
    store.refreshed().add_measures(committed.job_id, {"probe": again})
    (record,) = store.refreshed().records()
    assert record.measures == {"probe": again, "iw_bound": other}


@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b.replace(b"0.5", b"0.6"), lambda _: b"[]"])
def test_damaged_measures_are_told_and_left_out_and_the_result_stays(store, committed, spoil):
    store.refreshed().add_measures(committed.job_id, {"probe": PROBE})
    path = measured_file(store, committed.job_id)
    path.write_bytes(spoil(path.read_bytes()))
    found = store.refreshed()
    (record,) = found.records()
    assert record.row == committed.row
    (problem,) = found.problems()
    assert problem.startswith(str(path))
    assert found.set_aside_damaged() == ()
    found.add_measures(committed.job_id, {"probe": PROBE})
    assert store.refreshed().problems() == ()


def test_measures_of_other_weights_are_of_no_use(store, committed, make):
    store.refreshed().add_measures(committed.job_id, {"probe": PROBE})
    store.withdraw(committed.job_id)
    other = make(weights={"encoder.weight": committed.weights["encoder.weight"] + 1})
    store.commit(other)
    (record,) = store.refreshed().records()
    assert record.row == other.row
    assert record.measures == {}


def test_weights_come_back_to_the_bit_and_damaged_ones_not_at_all(store, committed):
    found = store.refreshed().weights(committed.job_id)
    assert found.keys() == committed.weights.keys()
    assert found["encoder.weight"].tobytes() == committed.weights["encoder.weight"].tobytes()
    path = store.path / "jobs" / committed.job_id / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert store.refreshed().weights(committed.job_id) == {}
