"""Every row of the table of faults names a test, and every test named there exists."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


def rows() -> list[list[str]]:
    section = PAGE.read_text().partition("\n## Faults\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert lines[:2] == ["| fault | what happens | test |", "|---|---|---|"]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_fault_has_a_test_that_exists():
    found = rows()
    assert len(found) > 30
    for row in found:
        assert len(row) == 3, row
        named = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
        assert named, row
        assert (ROOT / named[1]).is_file(), row
        assert named[2] in names_in(ROOT / named[1]), row


def test_no_fault_and_no_test_stands_there_twice():
    for column in (0, 2):
        cells = [row[column] for row in rows()]
        assert sorted(cells) == sorted(set(cells))


def test_every_test_that_security_md_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 8
    for path, name in named:
        assert name in names_in(ROOT / path), name
