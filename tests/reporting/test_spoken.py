"""A sweep on text shows its sentences, in the summary, on the terminal and on the page, and they stay text."""

import io
import json
import re
from dataclasses import replace

import numpy as np
from made_up import Case, commit, grid, result
from rich.console import Console

from klsweep.cli.reported import show_report
from klsweep.reporting import build, spoken
from klsweep.result import Sentences
from klsweep.store import Store

HOSTILE = "</script><script>alert(1)</script> a | b\n# *c* \\textbf{d} 名前"


def sentences(case: Case) -> dict[str, np.ndarray]:
    told = f"{case.schedule['kind']} {case.beta_norm:g} {case.seed}"
    return {
        str(Sentences.ORIGINALS): np.array(["held out one", "held out two", HOSTILE]),
        str(Sentences.RECONSTRUCTIONS): np.array([f"rebuilt {told}", "", HOSTILE]),
        str(Sentences.SAMPLES): np.array([f"drawn {told}", "drawn again"]),
        str(Sentences.INTERPOLATIONS): np.array([[f"way {told}", "middle", "end"]]),
    }


def stored(place, cases) -> Store:
    store = Store.open(place, "s")
    for case in cases:
        store.commit(replace(result(case), arrays=sentences(case)))
    return Store(store.path)


CASES = grid(
    beta_norm=[0.1, 1.0],
    seed=[0, 1],
    schedule=[{"kind": "constant"}, {"kind": "linear", "start": 0.0, "warmup": 0.5}],
)


def test_the_summary_has_the_sentences_of_the_lowest_seed_of_every_setting(tmp_path):
    report = build(stored(tmp_path, CASES))
    text = (report.directory / "summary.md").read_text()
    section = text[text.index("## Sentences") :]
    for schedule in ("constant", "linear"):
        for weight in ("0.1", "1"):
            assert f"| held out one | rebuilt {schedule} {weight} 0 |" in section
            assert f"- drawn {schedule} {weight} 0" in section
            assert f"1. way {schedule} {weight} 0\n2. middle\n3. end" in section
    assert " 1 |" not in section.replace("way", "")  # no other seed
    assert "| held out two | (nothing) |" in section


def test_a_sentence_is_text_in_the_summary(tmp_path):
    report = build(stored(tmp_path, CASES[:1]))
    section = (report.directory / "summary.md").read_text().partition("## Sentences")[2]
    (row,) = [line for line in section.splitlines() if "名前" in line and line.startswith("|")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3  # the table's own
    assert "<script>" not in re.sub(r"\\<", "", section)


def test_the_terminal_shows_a_few_and_wraps_them(tmp_path, capsys):
    report = build(stored(tmp_path, CASES))
    show_report(report)
    said = capsys.readouterr().out
    assert "  held out       held out one\n  reconstructed  rebuilt constant 0.1 0" in said
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(spoken.terminal(report.sentences))
    assert max(map(len, console.export_text().splitlines())) <= 80


def test_a_sweep_without_text_says_nothing_of_sentences(tmp_path, capsys):
    report = build(commit(tmp_path, "s", CASES))
    assert report.sentences == ()
    assert "Sentences" not in (report.directory / "summary.md").read_text()
    show_report(report)
    assert "held out" not in capsys.readouterr().out


def test_the_page_has_the_sentences_of_its_jobs_and_no_tag_of_theirs(tmp_path):
    store = stored(tmp_path, CASES)
    content = build(store).page.read_text()
    (found,) = re.findall(r'<script[^>]*id="content"[^>]*>(.*?)</script>', content, flags=re.DOTALL)
    jobs = json.loads(found)["pictures"]["jobs"]
    assert set(jobs) == {record.job_id for record in store.records()}
    for record in store.records():
        arrays, told = store.arrays(record.job_id), jobs[record.job_id]["sentences"]
        names = (Sentences.ORIGINALS, Sentences.RECONSTRUCTIONS)
        pairs = zip(*(arrays[name].tolist() for name in names), strict=True)
        assert told["pairs"] == [[one, other or "(nothing)"] for one, other in pairs]
        assert told["samples"] == arrays[Sentences.SAMPLES].tolist()
        assert told["ways"] == arrays[Sentences.INTERPOLATIONS].tolist()
    assert "<script>alert" not in content
