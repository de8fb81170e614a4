import subprocess
import sys
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
from drawings import stored
from made_up import CONSTANT, LINEAR, Case, commit, grid

from klsweep.errors import KlsweepError, StoreError
from klsweep.reporting import build, plots
from klsweep.reporting.build import PAGE, TABLES
from klsweep.result import Status

FIGURES = {f"plots/{name}.{kind}" for name in plots.FIGURES for kind in ("png", "svg")}
EVERY = {*TABLES, PAGE, *FIGURES, *(f"plots/{name}.png" for name in plots.PICTURES)}


def names(report):
    return {path.relative_to(report.directory).as_posix() for path in report.files}


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_report_is_whole_says_nothing_and_is_the_same_to_the_byte_the_second_time(tmp_path):
    axes = {"beta_norm": [0.1, 1.0], "schedule": [CONSTANT, LINEAR], "reduction": ["sum", "mean"]}
    store = stored(tmp_path, grid(**axes, latent_dim=[2], seed=[0, 1]), spectra=True, pictures=True)
    first = build(store)
    assert first.directory == tmp_path / "s" / "report"
    assert names(first) == EVERY
    assert first.notes == ()
    before = contents(first.directory)
    assert {path.as_posix() for path in before} == EVERY
    second = build(store.refreshed(), out=tmp_path / "elsewhere")
    assert contents(second.directory) == before


def test_lost_missing_and_damaged_jobs_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "draw", Mock(return_value=()))
    cases = [Case(), Case(seed=1, status=Status.DIVERGED), Case(seed=2, status=Status.FAILED), Case(seed=3)]
    store = commit(tmp_path, "s", cases)
    whole = [record.job_id for record in store.records()]
    store.work.write_plan({"f": [*whole, "0" * 12]})
    damaged = next(record.job_id for record in store.records() if record.row["seed"] == 3)
    (store.path / "jobs" / damaged / "result.json").write_text("{")
    notes = "\n".join(build(store.refreshed()).notes)
    assert "1 of 3 jobs diverged" in notes
    assert "1 of 3 jobs failed" in notes
    assert "2 of 5 planned jobs have no result yet" in notes
    assert f"damaged and left out: {store.path / 'jobs' / damaged}" in notes


@pytest.mark.parametrize("cases", [[], [Case(status=Status.DIVERGED)], [Case(status=Status.FAILED)]])
def test_without_a_finished_job_there_are_tables_and_a_word_about_it(tmp_path, cases):
    stale = tmp_path / "s" / "report" / "plots" / "rate.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier run")
    report = build(commit(tmp_path, "s", cases))
    assert names(report) == {*TABLES, PAGE}
    assert len(report.runs) == len(cases)
    assert any("no plots" in note for note in report.notes)
    assert not stale.exists()


def test_hostile_names_stay_text_in_a_plot(tmp_path):
    hostile = ["[red]<b>&$x^$ nul\x00bell\x07", "$\\frac{$ 名前 --> " + 60 * "long"]
    report = build(commit(tmp_path, "s", grid(dataset=hostile, beta_norm=[0.1])))
    drawings = [path for path in report.files if path.suffix == ".svg"]
    absent = {"latent_spectrum", "schedules", "reductions"}
    assert {path.stem for path in drawings} == set(plots.FIGURES) - absent
    for path in drawings:
        ElementTree.parse(path)


def test_a_paper_has_other_files_and_a_screen_keeps_none_of_them(tmp_path):
    store = commit(tmp_path, "s", grid(beta_norm=[0.1, 1.0]))
    kinds = {path.suffix for path in build(store, style="paper").files if path.stem == "rate"}
    assert kinds == {".png", ".svg", ".pdf", ".tex"}
    plots_of = build(store).directory / "plots"
    assert {path.suffix for path in plots_of.glob("rate.*")} == {".png", ".svg"}


def test_an_unknown_style_is_named_with_those_there_are(tmp_path):
    with pytest.raises(KlsweepError, match=r"--style poster: unknown style: allowed: screen, paper"):
        build(commit(tmp_path, "s", []), style="poster")


def test_a_place_that_cannot_be_written_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write the report here"):
        build(commit(tmp_path, "s", []), out=tmp_path / "file")


def test_a_report_never_loads_torch():
    code = "import sys, klsweep.reporting; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
