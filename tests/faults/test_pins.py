"""What is installed is what was tested: each dependency has one version in constraints.txt, within its bounds."""

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in found}


def asked() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    return [Requirement(line) for each in (project["project"]["dependencies"], *groups) for line in each]


def test_every_pin_is_one_version():
    for pin in pins().values():
        (only,) = pin.specifier
        assert only.operator == "==", pin
        assert "*" not in only.version


@pytest.mark.parametrize("requirement", asked(), ids=str)
def test_every_dependency_is_pinned_within_its_bounds(requirement):
    pin = pins()[canonicalize_name(requirement.name)]
    (only,) = pin.specifier
    assert requirement.specifier.contains(only.version)


def test_what_core_dependencies_need_is_pinned_too():
    """Down to the last, as installed here; CUDA's packages come with some builds of torch and are left to it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    todo = [Requirement(line) for line in project["project"]["dependencies"]]
    seen: dict[str, Requirement] = {}
    while todo:
        each = todo.pop()
        name = canonicalize_name(each.name)
        if name in seen or name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        if each.marker and not any(each.marker.evaluate({"extra": extra}) for extra in (*each.extras, "")):
            continue
        seen[name] = each
        for line in importlib.metadata.requires(name) or ():
            inner = Requirement(line)
            extras = (*each.extras, "")
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(Requirement(line.partition(";")[0]))
    assert seen.keys() - pins().keys() == set()
