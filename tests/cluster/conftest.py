"""Runs on clusters of this machine, none of which is left behind."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `clusters`
sys.path.append(str(Path(__file__).parents[1] / "running"))  # and `fake_works` from there

from clusters import DaskCluster, Klsweep, runs


@pytest.fixture
def start(tmp_path):
    """Start a run; none is left behind."""
    begun = []

    def begin(*arguments, **options) -> Klsweep:
        begun.append(Klsweep(tmp_path, *arguments, **options))
        return begun[-1]

    yield begin
    for run in begun:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


@pytest.fixture(scope="session")
def local(tmp_path_factory) -> str:
    """What the sweep gives in children of the run."""
    folder = tmp_path_factory.mktemp("local")
    run = Klsweep(folder, "--results", "local")
    assert run.end() == 0, run.text()
    return runs(folder / "local")


@pytest.fixture
def dask_cluster(tmp_path):
    found = DaskCluster(tmp_path)
    yield found
    found.end()
