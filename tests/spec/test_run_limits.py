"""The limits of a run: read, told what is wrong, written back, and in no job's id."""

import pytest

from klsweep.errors import SpecError
from klsweep.spec import read_text

BASE = "fixed: {dataset: digits, beta: 1}\n"


def test_without_a_word_nothing_is_limited_and_one_accident_is_forgiven():
    found = read_text(BASE).run
    assert (found.timeout, found.stall_timeout, found.retries, found.keep_weights) == (None, None, 1, True)


def test_a_spec_sets_what_it_names_and_leaves_the_rest():
    found = read_text(BASE + "run: {timeout: 90, keep_weights: false}").run
    assert (found.timeout, found.stall_timeout, found.retries, found.keep_weights) == (90, None, 1, False)


@pytest.mark.parametrize(
    ("arguments", "timeout", "retries"),
    [
        (["run.timeout=60"], 60, 2),
        (["run.timeout=null"], None, 2),
        (["run={timeout: 60}"], 60, 1),
        (["run.timeout=60", "run.retries=0"], 60, 0),
    ],
)
def test_the_command_line_replaces_one_limit_or_all(arguments, timeout, retries):
    found = read_text(BASE + "run: {timeout: 5, retries: 2}", arguments).run
    assert (found.timeout, found.retries) == (timeout, retries)


@pytest.mark.parametrize(
    ("text", "arguments", "where", "words"),
    [
        ("run: {timeout: 0}", [], "x:2:16", ["run.timeout: 0 is out of range", "a number > 0"]),
        ("run: {timeout: soon}", [], "x:2:16", ["'soon' is text", "a number > 0"]),
        ("run: {retries: 1.5}", [], "x:2:16", ["not a whole number"]),
        ("run: {keep_weights: 3}", [], "x:2:21", ["3 is a number", "true or false"]),
        ("run: {timout: 3}", [], "x:2:7", ["run has no setting timout", "did you mean timeout?"]),
        ("run: 60", [], "x:2:6", ["60 is a number", "a mapping"]),
        ("grid: {run.timeout: [1, 2]}", [], "x:2:8", ["no key run"]),
        ("", ["run.timeout=-1"], "command line: run.timeout=-1", ["-1 is out of range"]),
        ("", ["run.timeout="], "command line: run.timeout=", ["a value is missing"]),
        ("", ["run.timeout.x=1"], "command line: run.timeout.x=1", ["run.timeout: ", "a number > 0"]),
    ],
)
def test_a_mistake_is_told_with_its_place(text, arguments, where, words):
    with pytest.raises(SpecError) as error:
        read_text(BASE + text, arguments, name="x")
    assert [problem.where for problem in error.value.problems] == [where]
    assert [word for word in words if word not in str(error.value)] == []


def test_limits_enter_no_id_and_are_written_back():
    limited, free = read_text(BASE + "run: {retries: 3}"), read_text(BASE)
    assert [job.id for job in limited.jobs] == [job.id for job in free.jobs]
    again = read_text(read_text(BASE + "run: {retries: 3}", ["seed=0,1", "run.timeout=7"]).text)
    assert (again.run.retries, again.run.timeout) == (3, 7)
