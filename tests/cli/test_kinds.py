"""`klsweep kinds` says everything of every part, and draws the schedules."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from klsweep.cli.app import app
from klsweep.cli.kinds import NO_DEFAULT, kinds_json, kinds_markdown
from klsweep.errors import KlsweepError
from klsweep.part import members
from klsweep.spec import FAMILIES

README = Path(__file__).parents[2] / "README.md"
PARTS = [(family, kind) for family, union in FAMILIES.items() for kind in members(union)]


def shown(*arguments: str) -> str:
    return CliRunner().invoke(app, ["kinds", *arguments], catch_exceptions=False).stdout


@pytest.mark.parametrize(("family", "kind"), PARTS)
def test_every_part_has_a_meaning_a_source_and_settings_that_are_explained(family: str, kind: str) -> None:
    facts = kinds_json(family)[family][kind]
    assert len(facts["meaning"]) > 20
    assert facts["source"]
    for name, about in facts["settings"].items():
        assert about["meaning"], f"{name} has no description"
        assert about["allowed"], f"{name} takes what?"
    json.dumps(facts)


@pytest.mark.parametrize(("family", "kind"), PARTS)
def test_a_part_without_a_default_for_a_setting_says_that_it_is_required(family: str, kind: str) -> None:
    part = members(FAMILIES[family])[kind]
    settings = kinds_json(family)[family][kind]["settings"]
    required = {name for name, field in part.model_fields.items() if field.is_required()}
    assert {name for name, about in settings.items() if about["default"] == NO_DEFAULT} == required


@pytest.mark.parametrize(
    ("family", "line"),
    [
        ("likelihood", "variance = 1 (a number > 0 or learned or learned_per_dim or optimal): sigma^2"),
        ("likelihood", "levels = 8 (a whole number >= 2 and <= 256): values a dimension"),
        ("objective", "sse = required (a number > 0): squared error"),
        ("dataset", "limit = unset (a whole number > 0): use at most"),
        ("dataset", "header = true (true or false): the first line"),
        ("model", "hidden = [400] (a list of whole numbers > 0): widths"),
        ("model", "target = required (text): the class"),
        ("schedule", "by = fraction (one of fraction, step, epoch): what lengths"),
    ],
)
def test_settings_are_shown_with_default_range_and_meaning(family: str, line: str) -> None:
    assert f"      {line}" in shown(family)


def test_an_objective_says_what_the_weight_is_to_it() -> None:
    objectives = kinds_json("objective")["objective"]
    assert all(facts["weight_means"] for facts in objectives.values())
    assert "gamma" in objectives["capacity"]["weight_means"]
    assert "      weight: the beta that multiplies the rate" in shown("objective")
    assert "weight_means" not in kinds_json("schedule")["schedule"]["constant"]


@pytest.mark.parametrize("kind", members(FAMILIES["likelihood"]))
def test_a_likelihood_says_which_data_it_is_a_density_of(kind: str) -> None:
    facts = kinds_json("likelihood")["likelihood"][kind]
    assert len(facts["demands"]) > 10
    assert facts["support"] in ("unit interval", "real line", "tokens")
    assert f"      data: {facts['demands']} (support: {facts['support']})" in shown("likelihood")
    assert "demands" not in kinds_json("schedule")["schedule"]["constant"]


def test_the_schedules_are_drawn(tmp_path: Path) -> None:
    said = shown("schedule", "--plot", str(tmp_path / "new" / "schedules.png"))
    assert (
        said
        == f"{len(members(FAMILIES['schedule']))} schedules drawn in {tmp_path / 'new' / 'schedules.png'}\n"
    )
    with Image.open(tmp_path / "new" / "schedules.png") as picture:
        assert min(picture.size) > 500
        assert len(picture.convert("L").getcolors()) > 20, "it is not blank"
    shown("schedule", "--plot", str(tmp_path / "schedules.svg"))
    assert "<svg" in (tmp_path / "schedules.svg").read_text()


def test_a_plot_of_another_family_or_format_is_refused(tmp_path: Path) -> None:
    for arguments in (["model"], []):
        with pytest.raises(KlsweepError, match=r"kinds schedule --plot FILE\.png"):
            shown(*arguments, "--plot", str(tmp_path / "a.png"))
    with pytest.raises(KlsweepError, match=r"unknown format: allowed: \.png"):
        shown("schedule", "--plot", str(tmp_path / "a.gif"))


def test_the_table_of_kinds_has_a_line_for_each() -> None:
    lines = kinds_markdown().splitlines()
    assert [tuple(re.findall(r"`(\w+)`", line)[:2]) for line in lines[2:]] == PARTS
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in lines)


def test_the_readmes_table_of_kinds_is_that_of_the_code() -> None:
    text = README.read_text()
    if "| family | kind |" not in text:
        pytest.skip("the README has no table of kinds yet")
    for family, kind in PARTS:
        assert re.search(rf"^\| *`?{family}`? *\|.*`{kind}`", text, re.MULTILINE), (
            f"{family} {kind} is not in it"
        )
