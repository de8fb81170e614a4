"""`klsweep refine`, `klsweep compare` and the verdict of `klsweep report`, as commands."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from klsweep import api, spec
from klsweep.cli.app import app
from klsweep.errors import KlsweepError, SpecError
from klsweep.reporting import plots, runs
from klsweep.reporting.verdict import verdicts
from klsweep.result import CURVE_COLUMNS, Result, Status
from klsweep.spec.row import settings_row
from klsweep.store import Store

PEAK = 0.03
COARSE = """\
version: 1
name: coarse
fixed:
  dataset: digits
  model: {kind: mlp, hidden: [8]}
  latent_dim: 2
  train: {epochs: 2, batch_size: 512}
grid:
  beta_norm: {logspace: [0.001, 1, 4]}
  seed: {range: [0, 3]}
"""


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def train(path, results, *, diverged=math.inf):
    """Commit what a training would: an ELBO with its peak at `PEAK` and a little noise of the seed's own."""
    sweep = spec.read(path)
    store = Store.open(results, sweep.name)
    store.write_spec(sweep.text)
    for job in sweep.jobs:
        row = settings_row(job, input_dim=64, train_size=1000)
        noise = np.random.default_rng([job.seed, round(1e9 * row["beta_norm"])]).standard_normal()
        elbo = -100 - math.log(row["beta_norm"] / PEAK) ** 2 + 0.01 * noise
        rate = 10 - math.log(row["beta_norm"])
        measured = {
            "distortion_nats": -elbo - rate,
            "rate_nats": rate,
            "elbo_nats": elbo,
            "active_units": 2,
            "train_seconds": 1.0,
        }
        lost = row["beta_norm"] >= diverged
        status = Status.DIVERGED if lost else Status.OK
        curve = {"epoch": 1, "valid_distortion_nats": -elbo - rate, "valid_rate_nats": rate}
        store.commit(
            Result(
                job_id=job.id,
                job=job.identity,
                status=status,
                row={"job_id": job.id, "status": status.value, **row, **({} if lost else measured)},
                curve=[{**dict.fromkeys(CURVE_COLUMNS), **curve}],
            )
        )
    return Store(store.path)


def best(store):
    (found,) = verdicts(store, runs(store)).each
    return found.best


def test_a_refined_spec_keeps_what_is_done_is_accepted_and_narrows_the_verdict(write_spec, tmp_path):
    path = write_spec(COARSE, "coarse.yaml")
    store = train(path, tmp_path / "r")
    before = best(store)
    assert before.low < PEAK < before.high
    done = invoke("refine", store.path)
    assert done.exit_code == 0
    refined = store.path / "refined.yaml"
    assert f"klsweep run {refined} --results {tmp_path / 'r'}" in done.stdout
    planned = invoke("plan", refined, "--results", tmp_path / "r", "--device", "cpu").stdout
    assert "coarse: 24 jobs, 12 done already, 12 to train" in planned
    after = best(train(refined, tmp_path / "r"))
    assert after.low < PEAK < after.high
    assert after.high / after.low < before.high / before.low / 5  # 4 cells of a decade to 2 of a third of one
    assert after.is_enough


def test_refining_ends_where_no_cell_is_left(write_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_: ())
    path = write_spec(COARSE, "coarse.yaml")
    store = train(path, tmp_path / "r")
    widths = []
    for _ in range(4):
        invoke("refine", store.path)
        store = train(store.path / "refined.yaml", tmp_path / "r")
        widths.append(best(store).high / best(store).low)
    assert widths == sorted(widths, reverse=True)
    assert "More weights or more seeds" not in invoke("report", store.path).stdout


def test_beyond_an_edge_and_with_too_few_seeds(write_spec, tmp_path):
    text = COARSE.replace("[0.001, 1, 4]", "[0.1, 10, 3]").replace("range: [0, 3]", "range: [4, 6]")
    store = train(write_spec(text, "coarse.yaml"), tmp_path / "r")
    found = api.refine(store.path, out=tmp_path / "finer.yaml")
    assert min(found.added.weights) == pytest.approx(0.001)  # two steps of the grid's ratio below 0.1
    assert found.added.seeds == (0, 1, 2)
    assert found.path == tmp_path / "finer.yaml"
    assert best(train(found.path, tmp_path / "r")).is_enough


def test_nothing_is_tried_beyond_weights_that_diverged(write_spec, tmp_path):
    text = COARSE.replace("[0.001, 1, 4]", "[0.0001, 0.1, 4]")
    store = train(write_spec(text, "coarse.yaml"), tmp_path / "r", diverged=0.1)
    assert best(store).high is None
    added = api.refine(store.path).added.weights
    assert added
    assert max(added) < 0.1  # towards it, for the largest that finished is the best


def test_a_goal_and_the_knee_and_a_number_of_points_say_where_and_how_fine(write_spec, tmp_path):
    store = train(write_spec(COARSE, "coarse.yaml"), tmp_path / "r")
    alone = api.refine(store.path, around=[], goals=["rate_nats<=11"], points=1).added
    # the rate is 11 at exp(-1) = 0.37, between 0.1 and 1
    assert alone.weights == (pytest.approx(0.316),)
    assert alone.seeds == ()
    assert api.refine(store.path, around=[], seeds=5).added.seeds == (3, 4)


def test_a_raw_weight_and_a_fixed_seed_become_longer_axes(write_spec, tmp_path):
    text = COARSE.replace("beta_norm: {logspace: [0.001, 1, 4]}", "weight: [0.01, 0.1, 1, 10]")
    text = text.replace("  seed: {range: [0, 3]}\n", "  reduction: [sum, mean]\n")
    store = train(write_spec(text, "coarse.yaml"), tmp_path / "r")
    found = api.refine(store.path)
    assert found.added.unit == "weight"
    assert found.added.seeds == (1, 2, 3, 4)  # the seed was the default, 0
    jobs = spec.read(found.path).jobs
    assert {job.seed for job in jobs} == {0, 1, 2, 3, 4}
    assert {0.01, 0.1, 1, 10} < {job.weight for job in jobs}


def test_a_weight_in_a_zip_is_not_extended_by_guesswork(write_spec, tmp_path):
    text = COARSE.replace(
        "grid:\n  beta_norm: {logspace: [0.001, 1, 4]}\n",
        "zip: {pair: {beta_norm: [0.01, 0.1, 1], train.lr: [1e-3, 2e-3, 3e-3]}}\ngrid:\n  latent_dim: [2, 3]\n",
    ).replace("  latent_dim: 2\n", "")
    store = train(write_spec(text, "coarse.yaml"), tmp_path / "r")
    with pytest.raises(KlsweepError, match="nothing to refine"):
        api.refine(store.path)  # every weight has a learning rate of its own: groups of one weight


def test_a_weight_that_rules_give_is_left_to_its_owner(write_spec, tmp_path):
    text = COARSE.replace("  beta_norm: {logspace: [0.001, 1, 4]}\n", "").replace(
        "  latent_dim: 2\n", "  latent_dim: 2\n  beta_norm: 0.001\n"
    )
    text += "include:\n" + "".join(
        f"  - {{beta: {beta}, seed: {seed}}}\n" for beta in (0.32, 3.2, 32) for seed in range(3)
    )
    store = train(write_spec(text, "coarse.yaml"), tmp_path / "r")
    with pytest.raises(SpecError, match="beta stands neither in grid nor in fixed") as caught:
        api.refine(store.path)
    assert "add by hand: 0.0689, 0.149, 0.689, 1.49" in str(
        caught.value
    )  # thirds of two decades, in logarithms


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["refine", "absent"], "does not exist"),
        (["refine", "r/coarse", "--around", "middle"], "allowed: best, knee, collapse"),
        (
            ["refine", "r/coarse", "--seeds", "1000000000"],
            "--seeds 1000000000: too many: allowed: at most 100,000",
        ),
        (["refine", "r/coarse", "--points", "1000000000"], "--points 1000000000: too many"),
        (["refine", "r/coarse", "--seeds", "100000"], "the product has 800,000 jobs: allowed: 100,000"),
        (["refine", "r/coarse", "--out", "."], "--out .: is a folder: needs a file: give refined.yaml"),
        (["refine", "r/coarse", "--out", ""], "is a folder: needs a file: give refined.yaml"),
        (["refine", "r/coarse", "--out", "absent/x.yaml"], "choose one with --out FILE"),
        (
            ["report", "r/coarse", "--watch", "--every", "inf"],
            "'--every': Input should be less than or equal to 86400",
        ),
        (["report", "r/coarse", "--watch", "--every", "1e12"], "less than or equal to 86400"),
        (["refine", "r/coarse", "--goal", "rat_nats<=1"], "did you mean rate_nats?"),
        (["report", "r/coarse", "--goal", "rate_nats<=many"], "many is no number"),
        (["compare", "r/coarse", "absent"], "does not exist"),
        (["compare", "r/coarse", "r/coarse", "--metric", "nope"], "no metric of both sides"),
    ],
)
def test_mistakes_are_told_in_words(write_spec, klsweep, tmp_path, arguments, words):
    train(write_spec(COARSE, "coarse.yaml"), tmp_path / "r")
    code, out, err = klsweep(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_a_kept_spec_that_is_no_text_is_told_with_its_place(write_spec, tmp_path):
    store = train(write_spec(COARSE, "coarse.yaml"), tmp_path / "r")
    store.spec.write_bytes(b"version: 1\nname: \xff\n")
    with pytest.raises(SpecError, match=r"sweep\.yaml:2:7: byte 0xff is not UTF-8"):
        api.refine(store.path)


def test_the_report_begins_with_the_verdict_and_has_it_as_json(write_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_: ())
    store = train(write_spec(COARSE, "coarse.yaml"), tmp_path / "r")
    shown = invoke("report", store.path, "--goal", "rate_nats<=11").stdout
    assert shown.index("The best validation ELBO") < shown.index("beta_norm  ")
    (report,) = json.loads(invoke("report", store.path, "--goal", "rate_nats<=11", "--json").stdout)
    answers = {answer["name"]: answer for answer in report["verdict"]["groups"][0]["answers"]}
    assert answers["best ELBO"]["low"] < PEAK < answers["best ELBO"]["high"]
    assert answers["frontier of rate_nats<=11"]["beta_norm"] == pytest.approx(math.exp(-1), rel=1e-3)


def test_a_comparison_on_the_screen_and_as_json(write_spec, tmp_path):
    store = train(write_spec(COARSE, "coarse.yaml"), tmp_path / "r")
    asked = ["compare", store.path, "beta_norm=0.01", "beta_norm=0.1", "--metric", "elbo_nats"]
    shown = invoke(*asked).stdout
    assert "A: beta_norm=0.01\nB: beta_norm=0.1\n" in shown
    assert "*" in shown.split("elbo_nats")[1]
    (row,) = json.loads(invoke(*asked, "--json").stdout)["rows"]
    wanted = math.log(0.01 / PEAK) ** 2 - math.log(0.1 / PEAK) ** 2
    assert row["difference"] == pytest.approx(wanted, abs=0.05)  # noise of 0.01, three pairs
    assert row["real"]
    assert row["n"] == 3


@pytest.mark.slow
def test_a_sweep_is_run_refined_and_run_again_and_its_verdict_is_narrower(write_spec, klsweep, tmp_path):
    text = COARSE.replace("epochs: 2, batch_size: 512", "epochs: 10, batch_size: 64, lr: 3e-3")
    text = text.replace("[8]", "[64]").replace("latent_dim: 2", "latent_dim: 8")
    path = write_spec(text.replace("[0.001, 1, 4]", "[0.001, 10, 3]"), "coarse.yaml")
    asked = ("--device", "cpu", "--workers", 1, "--quiet")
    assert klsweep("run", path, *asked)[0] == 0
    store = Store(tmp_path / "results" / "coarse")
    before = best(store)
    code, out, err = klsweep("refine", "results/coarse")
    assert (code, err) == (0, "")
    command = out.splitlines()[-1].split()
    assert command == ["klsweep", "run", "results/coarse/refined.yaml"]
    assert klsweep(*command[1:], *asked)[0] == 0
    after = best(store.refreshed())
    assert after.high / after.low < before.high / before.low
