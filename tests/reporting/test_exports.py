"""Tables in files, read back with the libraries that others would read them with; and what is refused."""

import csv
import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from made_up import CONSTANT, LINEAR, Case, commit, grid

from klsweep.errors import KlsweepError, StoreError
from klsweep.reporting import rows, stats, tables
from klsweep.reporting.exports import TARGETS, export
from klsweep.result import CURVE_COLUMNS, Status

HOSTILE = "=cmd|\"<script>alert(1)</script>' $\\frac{a}{b}$ & 100% #~^_ 😀\r\nnext"
CASES = (
    *grid(beta_norm=[0.1, 1.0], schedule=[CONSTANT, LINEAR], seed=[0, 1]),
    Case(dataset=HOSTILE, further={HOSTILE: 1.5, "x_nats": 0.1 + 0.2}),
    Case(seed=1, dataset=HOSTILE, status=Status.FAILED),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return commit(tmp_path_factory.mktemp("results"), "s", CASES)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def text_of(found, name):
    return next(path for path in found.files if path.name == name).read_text()


# ---- where, and which tables


def test_an_export_lies_in_the_sweep_or_where_it_is_asked_for_and_the_second_is_the_same_to_the_byte(
    store, tmp_path
):
    first = export(store, "csv")
    assert first.directory == store.path / "export"
    assert sorted(contents(first.directory)) == ["curves.csv", "runs.csv", "summary.csv"]
    assert (first.jobs, first.note) == (len(CASES), "")
    export(store.refreshed(), "csv", out=tmp_path)
    assert contents(tmp_path / "s") == contents(first.directory)


def test_only_the_tables_that_were_asked_for_are_written(store, tmp_path):
    found = export(store, "csv", out=tmp_path, what=["curves", "runs"])
    assert sorted(path.name for path in found.files) == ["curves.csv", "runs.csv"]
    assert sorted(contents(tmp_path / "s")) == ["curves.csv", "runs.csv"]


@pytest.mark.parametrize("to", ["csv", "markdown", "latex"])
def test_a_sweep_without_a_result_gives_tables_without_a_row(tmp_path, to):
    found = export(commit(tmp_path, "s", []), to)
    assert found.jobs == 0
    assert all(path.stat().st_size for path in found.files)


# ---- what the files say


def test_the_csv_tables_are_those_of_the_report(store, tmp_path):
    found = export(store, "csv", out=tmp_path)
    runs = rows.runs(store)
    assert text_of(found, "runs.csv") == rows.csv(runs)
    assert text_of(found, "summary.csv") == rows.csv(stats.summary(runs))


def test_the_curves_read_back_to_the_bit(store, tmp_path):
    text = text_of(export(store, "csv", out=tmp_path), "curves.csv")
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(read[0]) == ("job_id", *CURVE_COLUMNS)
    for job_id in rows.runs(store)["job_id"]:
        kept = [
            {name: float(cell) if cell else None for name, cell in line.items() if name != "job_id"}
            for line in read
            if line["job_id"] == job_id
        ]
        assert kept == store.curve(job_id)
    assert {line["epoch"] for line in read} == {"1", "2", "3"}, "whole numbers stay whole"


def test_markdown_and_latex_are_the_summary_of_the_report(store, tmp_path):
    summary = stats.summary(rows.runs(store))
    assert text_of(export(store, "markdown", out=tmp_path), "summary.md") == tables.markdown(summary)
    assert text_of(export(store, "latex", out=tmp_path), "summary.tex") == tables.latex(summary)


def test_a_hostile_name_is_inert_in_every_text(store, tmp_path):
    found = {to: export(store, to, out=tmp_path) for to in ("csv", "markdown", "latex")}
    for name in ("runs.csv", "summary.csv", "curves.csv"):
        cells = [
            cell for line in csv.reader(io.StringIO(text_of(found["csv"], name), newline="")) for cell in line
        ]
        assert not [cell for cell in cells if cell[:1] in tuple("=+@\t\r") or "\r" in cell]
    markdown = text_of(found["markdown"], "summary.md")
    assert "<" not in markdown.replace("\\<", "")
    latex = text_of(found["latex"], "summary.tex")
    (row,) = [line for line in latex.splitlines() if "cmd" in line]
    assert r"\textless{}script\textgreater{}" in row
    assert (
        r"\$\textbackslash{}frac\{a\}\{b\}\$ \& 100\% \#\textasciitilde{}\textasciicircum{}\_ 😀 next" in row
    )


def test_parquet_has_the_types_and_the_very_texts_and_numbers_of_the_tables(store, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs klsweep[parquet]")
    found = export(store, "parquet", out=tmp_path)
    runs = rows.runs(store)
    read = parquet.read_table(tmp_path / "s" / "runs.parquet")
    assert read.column_names == list(runs.columns)
    assert str(read.schema.field("seed").type) == "int64"
    assert str(read.schema.field("rate_nats").type) == "double"
    for name in runs.columns:
        wanted = [None if pd.isna(value) else value for value in runs[name]]
        assert read.column(name).to_pylist() == wanted
    assert HOSTILE in read.column("dataset").to_pylist(), "nothing executes a Parquet file"
    curves = parquet.read_table(tmp_path / "s" / "curves.parquet").to_pylist()
    assert curves[:3] == [{"job_id": runs["job_id"][0], **line} for line in store.curve(runs["job_id"][0])]
    assert sorted(path.name for path in found.files) == ["curves.parquet", "runs.parquet", "summary.parquet"]
    before = contents(tmp_path / "s")
    export(store.refreshed(), "parquet", out=tmp_path)
    assert contents(tmp_path / "s") == before


# ---- what is refused


def test_an_unknown_target_is_told_which_there_are(store):
    with pytest.raises(
        KlsweepError, match=r"--to xlsx: .* allowed: csv, markdown, latex, parquet, tensorboard"
    ):
        export(store, "xlsx")


def test_a_table_that_a_target_does_not_hold_is_told_which_it_does(store):
    with pytest.raises(KlsweepError, match="--what runs: not a table of --to latex: allowed: summary"):
        export(store, "latex", what=["runs"])
    with pytest.raises(KlsweepError, match="--to mlflow writes every job whole"):
        export(store, "mlflow", what=["runs"])


@pytest.mark.parametrize("to", [name for name, target in TARGETS.items() if target.needs])
def test_a_missing_extra_is_named_before_anything_is_written(tmp_path, monkeypatch, to):
    store = commit(tmp_path, "s", [Case()])
    monkeypatch.setitem(sys.modules, TARGETS[to].needs[-1], None)
    with pytest.raises(KlsweepError, match=rf"pip install 'klsweep\[{to}\]'"):
        export(store, to)
    assert not (store.path / "export").exists()


def test_a_place_that_cannot_be_written_is_a_store_error(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write the export here .* --out DIR"):
        export(store, "csv", out=tmp_path / "file")


def test_every_target_with_needs_is_an_extra_of_the_package():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    for name, target in TARGETS.items():
        assert bool(target.needs) == (name in extras)
        assert set(extras.get(name, ())) <= set(project["dependency-groups"]["dev"]), "CI tests it"


def test_no_target_loads_torch_or_the_library_of_another(tmp_path):
    """In a process of its own; MLflow's and wandb's own tests ask the same of them."""
    code = """
import json, sys
from importlib.util import find_spec
from pathlib import Path
from klsweep.reporting.exports import TARGETS, export
from klsweep.store import Store
loaded = []
for name in ("csv", "markdown", "latex", "parquet", "tensorboard"):
    loaded.append(sorted({"torch", "tensorflow", "tensorboard", "mlflow", "wandb"} & set(sys.modules)))
    if all(find_spec(module) for module in TARGETS[name].needs):
        export(Store(Path(sys.argv[1])), name)
print(json.dumps([*loaded, sorted({"torch", "tensorflow", "mlflow", "wandb"} & set(sys.modules))]))
"""
    store = commit(tmp_path, "s", [Case()])
    done = subprocess.run(
        [sys.executable, "-c", code, store.path], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [[]] * 6
