"""The smoke sweep, whole, on each engine: two minutes, by `make cluster-test`."""

import importlib.util
import os
from pathlib import Path

import pytest
from clusters import Klsweep, runs

SMOKE = Path(__file__).parents[2] / "sweeps" / "smoke.yaml"

pytestmark = pytest.mark.skipif("KLSWEEP_CLUSTER" not in os.environ, reason="long: make cluster-test")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("smoke")
    run = Klsweep(folder, "--results", "local", spec=SMOKE)
    assert run.end() == 0, run.text()
    return runs(folder / "local")


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_the_smoke_sweep_is_the_same_on_every_engine(smoke, start, tmp_path, engine, package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    run = start("--results", engine, "--backend", engine, spec=SMOKE)
    assert run.end() == 0, run.text()
    assert "58 jobs: 58 ok" in run.text()
    assert runs(tmp_path / engine) == smoke
