"""The metrics a spec asks for: read, told what is wrong, written back, and in no job's id."""

import pytest

from klsweep.errors import SpecError
from klsweep.metrics import DEFAULT, settings_of
from klsweep.spec import read_text

BASE = "fixed: {dataset: digits, beta: 1}\n"


def kinds(text, overrides=()):
    return list(settings_of(read_text(BASE + text, overrides).metrics))


def test_without_a_word_the_default_metrics_are_measured():
    assert read_text(BASE).metrics == DEFAULT != ()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("metrics: []", []),
        ("metrics: probe", ["probe"]),
        ("metrics: [probe, {kind: iw_bound, samples: 7}]", ["probe", "iw_bound"]),
        ("metrics: {kind: iw_bound, samples: 7}", ["iw_bound"]),
    ],
)
def test_a_name_a_mapping_and_a_list_of_them_are_read(text, asked):
    assert kinds(text) == asked


@pytest.mark.parametrize(
    ("argument", "asked"),
    [
        ("metrics=[]", []),
        ("metrics=probe", ["probe"]),
        ("metrics=probe,information", ["probe", "information"]),
        ("metrics=[probe, information]", ["probe", "information"]),
        ("metrics={kind: iw_bound, samples: 7}", ["iw_bound"]),
    ],
)
def test_the_command_line_replaces_them(argument, asked):
    assert kinds("metrics: [iw_bound]", [argument]) == asked


def test_settings_of_a_metric_are_kept():
    (metric,) = read_text(BASE + "metrics: [{kind: iw_bound, samples: 7}]").metrics
    assert metric.samples == 7


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("metrics: [prob]", "2:11", ["there is no metric prob", "did you mean probe?"]),
        ("metrics: 3", "2:10", ["3 is a number", "a list"]),
        ("metrics: [3]", "2:11", ["3 is a number"]),
        ("metrics: [{samples: 3}]", "2:11", ["does not say its kind"]),
        ("metrics: [{kind: iw_bound, samples: 0}]", "2:37", ["0 is out of range", "a whole number > 0"]),
        (
            "metrics: [{kind: information, samples: 49}]",
            "2:40",
            ["49 is out of range", "a whole number >= 50"],
        ),
        ("metrics: [{kind: iw_bound, sample: 9}]", "2:28", ["no setting sample", "did you mean samples?"]),
        ("metrics: [probe, probe]", "2:18", ["probe is given twice"]),
        ("grid: {metrics: [[probe]]}", "2:8", ["no key metrics"]),
    ],
)
def test_a_mistake_is_told_with_its_place(text, where, words):
    with pytest.raises(SpecError) as error:
        read_text(BASE + text, name="x")
    assert [problem.where for problem in error.value.problems] == [f"x:{where}"]
    assert [word for word in words if word not in str(error.value)] == []


def test_metrics_enter_no_id_and_are_written_back():
    with_them, without = read_text(BASE + "metrics: [probe]"), read_text(BASE)
    assert [job.id for job in with_them.jobs] == [job.id for job in without.jobs]
    again = read_text(read_text(BASE + "metrics: [probe]", ["seed=0,1"]).text)
    assert again.metrics == with_them.metrics
    assert len(again.jobs) == 2
