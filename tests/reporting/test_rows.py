import csv
import io
from dataclasses import replace

import pytest
from made_up import Case, commit, grid

from klsweep.reporting import rows
from klsweep.result import COLUMNS, Status


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_columns_are_the_contract_then_further_metrics_sorted(tmp_path):
    store = commit(tmp_path, "s", [Case(further={"z_nats": 1.0, "a_bits": 2.0})])
    assert tuple(rows.runs(store).columns) == (*COLUMNS, "a_bits", "z_nats")


def test_an_unknown_value_is_empty_and_never_zero(tmp_path):
    store = commit(tmp_path, "s", [Case(), Case(seed=1, status=Status.FAILED)])
    ok, failed = read(rows.csv(rows.runs(store)))
    assert failed["status"] == "failed"
    assert (failed["distortion_nats"], failed["active_units"], ok["recon_bce"]) == ("", "", "")
    assert failed["beta_norm"] == "0.1"  # its settings are known all the same


def test_floats_read_back_to_the_bit_and_counts_stay_whole_beside_missing_ones(tmp_path):
    exact = 0.1 + 0.2
    store = commit(tmp_path, "s", [Case(further={"m_nats": exact}), Case(seed=1, status=Status.DIVERGED)])
    ok, diverged = read(rows.csv(rows.runs(store)))
    assert float(ok["m_nats"]) == exact
    assert ok["active_units"].isdigit()
    assert diverged["active_units"] == ""


def test_rows_are_in_natural_order_of_settings_and_numeric_order_of_weights(tmp_path):
    cases = grid(model=["mlp(hidden=10)", "mlp(hidden=9)"], beta_norm=[10.0, 0.5, 2.0], seed=[1, 0])
    table = rows.runs(commit(tmp_path, "s", cases))
    found = list(table[["model", "beta_norm", "seed"]].itertuples(index=False, name=None))
    wanted = grid(model=["mlp(hidden=9)", "mlp(hidden=10)"], beta_norm=[0.5, 2.0, 10.0], seed=[0, 1])
    assert found == [(case.model, case.beta_norm, case.seed) for case in wanted]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_formula_in_a_name_is_inert(tmp_path, name):
    store = commit(tmp_path, "s", [Case(dataset=name)])
    (row,) = read(rows.csv(rows.runs(store)))
    assert row["dataset"] == "'" + name.replace("\r", "\n")


def test_a_field_that_no_column_shows_gets_a_column_only_where_it_varies(tmp_path):
    case = Case()
    same = rows.runs(commit(tmp_path, "same", [case, replace(case, seed=1)]))
    other = rows.runs(commit(tmp_path, "other", [case, replace(case, lr=0.01)]))
    assert "train.lr" not in same.columns
    assert sorted(other["train.lr"]) == [0.001, 0.01]
    assert "train.epochs" not in rows.runs(commit(tmp_path, "e", [case, replace(case, epochs=4)])).columns


def test_settings_with_the_same_label_are_told_apart_by_their_fields(tmp_path):
    schedules = [
        {"kind": "linear", "warmup": 0.5, "start": 0.0, "x": digits} for digits in (0.1, 0.1000000001)
    ]
    cases = [Case(schedule=schedule) for schedule in schedules]
    store = commit(tmp_path, "s", cases)
    records = [replace(record, row={**record.row, "schedule": "linear(x=0.1)"}) for record in store.records()]
    assert "schedule.x" in rows.table(records).columns


def test_a_lone_surrogate_in_a_cell_of_others_is_no_reason_to_have_no_table(tmp_path):
    store = commit(tmp_path, "s", [Case()])
    records = [replace(record, row={**record.row, "dataset": "a\ud800b"}) for record in store.records()]
    assert rows.table(records)["dataset"].tolist() == ["a?b"]
