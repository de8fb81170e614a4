"""`--shard` on the command line: planned, run, and told when it is none."""

import json

import pytest
from typer.testing import CliRunner

from klsweep.cli.app import app

SPEC = """\
version: 1
name: sharded
fixed:
  dataset: {kind: digits, binarize: threshold}
  model: {kind: mlp, hidden: [8]}
  beta: 1
  train: {epochs: 1, batch_size: 128}
grid:
  latent_dim: [2, 3, 4]
  seed: [0, 1]
metrics: []
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "sharded.yaml"
    path.write_text(SPEC)
    return [str(path), "--results", str(tmp_path / "results"), "--device", "cpu"]


def call(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_plans_of_all_shards_share_the_jobs_out(spec):
    plans = [json.loads(call("plan", *spec, "--shard", f"{index}/3", "--json").stdout) for index in range(3)]
    asked = [job_id for plan in plans for job_id in plan["to_train"]]
    assert sorted(asked) == sorted(job["job_id"] for job in plans[0]["jobs"])
    assert [plan["shard"] for plan in plans] == ["0/3", "1/3", "2/3"]
    assert json.loads(call("plan", *spec, "--json").stdout)["shard"] is None


def test_a_plan_says_what_the_shard_has(spec):
    assert "\nshard 1/3: 2 of them, in 1 of 3 fleets\n" in call("plan", *spec, "--shard", "1/3").stdout


def test_a_run_of_a_shard_ends_well_and_says_what_others_have(spec):
    ended = call("run", *spec, "--shard", "1/3", "--backend", "inline")
    assert ended.exit_code == 0
    assert "6 jobs: 2 ok, 4 not done in other shards" in ended.stdout
    assert "To go on" not in ended.stdout
    rest = call("run", *spec, "--backend", "inline", "--json")
    found = json.loads(rest.stdout)
    assert (rest.exit_code, found["trained"], found["trained_elsewhere"], found["missing"]) == (0, 4, 0, 0)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_shard_that_is_none_is_a_mistake(spec, klsweep, command):
    code, _, error = klsweep(command, *spec, "--shard", "3/3")
    assert code == 2
    assert error == "error: --shard 3/3: there is no such share: allowed: 0/3 to 2/3\n"
