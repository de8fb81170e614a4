"""YAML 1.2, strictly."""

import subprocess
import sys

import pytest

from klsweep.spec.source import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1E+2", -100.0),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("True", True),
        ("~", None),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ('"null"', "null"),
        ("1e", "1e"),
        ("nan", "nan"),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    node, mistakes = parse(f"a: {text}", "x")
    assert node.plain == {"a": value}
    assert type(node.plain["a"]) is type(value)
    assert mistakes == []


def test_every_value_knows_its_place():
    root, _ = parse("a: 1\nb:\n  - {c: [1, 22]}\n", "x")
    inner, depth = root.find(("b", 0, "c", 1))
    assert (str(inner.place), depth) == ("x:3:13", 4)
    assert str(root.find(("b", 0, "c"))[0].key) == "x:3:6"
    assert root.find(("b", 5))[1] == 1


def test_floats_keep_the_digits_that_name_a_job():
    assert parse("0.30000000000000004", "x")[0].plain == 0.3


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_do_not_matter(ending):
    root, _ = parse(ending.join(["a: 1", "b: 2", ""]), "x")
    assert str(root.find(("b",))[0].place) == "x:2:4"


def test_reading_a_spec_needs_no_torch():
    code = (
        "import sys; from klsweep.spec import read_text, schema; schema();"
        "read_text('fixed: {dataset: digits, beta: 1, model: conv}', ['seed=1,2']); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
