"""The JSON Schema says what the reader accepts."""

import json
import re
from pathlib import Path

import pytest
from test_broken import GOOD

from klsweep.part import kind_of
from klsweep.spec import FAMILIES, Job, schema
from klsweep.spec.keys import kinds, names
from klsweep.spec.source import parse

SWEEPS = Path(__file__).parents[2] / "sweeps"


def test_it_is_plain_json_and_every_reference_leads_somewhere():
    made = json.loads(json.dumps(schema()))

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            value = list(value.values())
        if isinstance(value, list):
            for inner in value:
                yield from references(inner)

    assert {ref.removeprefix("#/$defs/") for ref in references(made)} <= set(made["$defs"])


def test_every_key_is_there_whole_and_dotted_one_value_and_axis():
    made = schema()["$defs"]
    expected = set(Job.model_fields) | {
        f"{field}.{name}" for field in Job.model_fields for name in names((field,))
    }
    assert set(made["settings"]["properties"]) == expected
    assert set(made["axes"]["properties"]) == expected


def test_every_kind_of_every_family_is_there():
    made = schema()
    values = {**made["$defs"]["settings"]["properties"], "metrics": made["properties"]["metrics"]["anyOf"][1]}
    for family in FAMILIES:
        named = values[family]["anyOf"]
        assert list(kinds((family,))) == next(
            each["enum"] for option in named for each in option.get("anyOf", [option]) if "enum" in each
        )
        assert {kind_of(part) for part in kinds((family,)).values()} == set(kinds((family,)))


def test_numbers_may_be_computed_and_words_not():
    axes = schema()["$defs"]["axes"]["properties"]
    forms = {
        key: {name for form in axes[key]["anyOf"] for name in form.get("properties", {})}
        for key in ("beta", "train.lr", "reduction")
    }
    assert forms["beta"] == forms["train.lr"] == {"values", "range", "linspace", "logspace"}
    assert forms["reduction"] == {"values"}


@pytest.mark.parametrize("path", sorted(SWEEPS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_use_only_what_the_schema_has(path):
    made, spec = schema(), parse(path.read_text(encoding="utf-8"), str(path))[0].plain
    known = {"fixed": "settings", "grid": "axes"}
    assert set(spec) <= set(made["properties"])
    for block, name in known.items():
        keys = made["$defs"][name]
        patterns = [re.compile(pattern) for pattern in keys["patternProperties"]]
        unknown = set(spec.get(block, {})) - set(keys["properties"])
        assert [key for key in unknown if not any(pattern.match(key) for pattern in patterns)] == []


def test_it_is_a_schema_and_accepts_a_good_spec_and_no_typo():
    jsonschema = pytest.importorskip("jsonschema")
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    validator = jsonschema.Draft202012Validator(made)
    good = parse(GOOD, "x")[0].plain
    assert list(validator.iter_errors(good)) == []
    for wrong in (
        {"gird": {}},
        {"fixed": {"datset": "digits"}},
        {"grid": {"beta": {"logspce": [1, 2, 3]}}},
        {"fixed": {"train.lr": "x"}},
    ):
        assert list(validator.iter_errors({**good, **wrong}))
