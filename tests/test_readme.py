"""Every command and line of code that the README shows, run as a new user would: in its order, without data."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def shown_commands() -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line.removeprefix("$ ").partition(" #")[0].strip() for line in lines if line.startswith("$ ")]


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """A folder with the sweeps, no data anywhere, and a network where nobody answers."""
    shutil.copytree(ROOT / "sweeps", tmp_path / "sweeps")
    nobody = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    kept = {name: value for name, value in os.environ.items() if name != "KLSWEEP_DATA"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, **nobody, "PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.mark.slow
def test_every_klsweep_command_of_the_readme_ends_well(user: dict[str, str], tmp_path: Path) -> None:
    commands = [shlex.split(command) for command in shown_commands() if command.startswith("klsweep ")]
    assert {command[1] for command in commands} >= {
        "plan",
        "run",
        "status",
        "report",
        "kinds",
        "schema",
        "weights",
    }
    for command in commands:
        ended = subprocess.run(command, env=user, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), f"{command}: {ended.stderr}"
    assert (tmp_path / "results" / "mnist-digits" / "report" / "summary.md").exists()


@pytest.mark.slow
def test_the_python_of_the_readme_runs_as_a_script(user: dict[str, str], tmp_path: Path) -> None:
    (code,) = blocks("python")
    (tmp_path / "script.py").write_text(f"{code}\nprint(len(runs), summary.exit_code, len(reports))\n")
    command = [sys.executable, "script.py"]
    ended = subprocess.run(command, env=user, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    jobs, code_of_run, reports = map(int, ended.stdout.split()[-3:])
    assert jobs > 0
    assert (code_of_run, reports) == (0, 1)


def test_every_other_command_of_the_readme_is_run_by_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    for command in shown_commands():
        if command.startswith("make "):
            assert command in ci
        else:
            assert command.startswith(("klsweep ", "git clone "))


def test_the_spec_of_the_readme_is_the_one_that_make_run_trains() -> None:
    from klsweep.spec import read, read_text

    (text,) = blocks("yaml")
    asked = read_text(text, ["dataset=digits"])
    kept = read(ROOT / "sweeps" / "mnist.yaml", ["dataset=digits"])
    assert [job.id for job in asked.jobs] == [job.id for job in kept.jobs]
