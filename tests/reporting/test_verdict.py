"""Verdicts of whole sweeps, from the store to the sentences."""

import numpy as np
import pytest
from made_up import CONSTANT, LINEAR, SIGMA2, Case, closed_form, commit, grid, result
from scipy import stats as witness

from klsweep.errors import KlsweepError
from klsweep.reporting import build, plots, rows
from klsweep.reporting.verdict import shown, verdict
from klsweep.reporting.verdict.answers import Lack
from klsweep.reporting.verdict.sentences import details, headline, to_type
from klsweep.result import Status
from klsweep.store import Store

BETA = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
BETA_NORM = tuple(beta * 4 / 64 for beta in BETA)
"""At beta 1 lies the ELBO's optimum of the made-up sweeps: the closed form of the linear VAE with sigma^2 fixed."""


def verdicts_of(store, *goals):
    return verdict.of(store, rows.runs(store), goals)


def only(store, *goals):
    (found,) = verdicts_of(store, *goals).each
    return found


def text(found):
    return " ".join((*headline(found), *details(found)))


def linear(tmp_path, *, weights=BETA_NORM, seeds=3, **axes):
    return commit(tmp_path, "s", grid(beta_norm=weights, seed=range(seeds), **axes))


# ---- the answers of a sweep with a known truth


def test_the_closed_form_of_the_linear_vae_is_read_back(tmp_path):
    found = only(linear(tmp_path, weights=(*BETA_NORM, 100 / 16)))
    assert found.best.value == pytest.approx(1 / 16)
    assert found.best.split == "validation"
    assert found.best.is_enough
    # no unit is left where theta = beta * sigma^2 passes the largest eigenvalue, 2 of the made-up spectrum
    assert found.collapse.gone.low * 16 * SIGMA2 < 2.0 < found.collapse.gone.high * 16 * SIGMA2
    # the first of 4 units is lost at the fourth eigenvalue
    assert found.collapse.falls.low * 16 * SIGMA2 < 2.0 / 4**1.1 < found.collapse.falls.high * 16 * SIGMA2
    said = text(found)
    assert "The best validation ELBO is at beta_norm 0.0625 (beta 1)" in said
    assert "3 seeds" in said


def test_raw_weights_are_those_of_each_reduction(tmp_path):
    """N = 64, M = 4, beta = 1: sum w = beta; mean w = beta M/N; mean_recon w = beta/N; mean_kl w = beta M."""
    (line,) = to_type(only(linear(tmp_path)))
    assert line.endswith("sum 1, mean 0.0625, mean_recon 0.0156, mean_kl 4")


def test_the_choice_is_made_on_validation_numbers_whatever_the_test_split_says(tmp_path):
    cases = [
        Case(beta_norm=weight, seed=seed, further={"elbo_nats": 1000 * weight})
        for weight in BETA_NORM
        for seed in range(3)
    ]
    assert only(commit(tmp_path, "s", cases)).best.value == pytest.approx(1 / 16)


def test_without_validation_numbers_nothing_is_chosen_and_that_is_said(tmp_path):
    store = Store.open(tmp_path, "s")
    for case in grid(beta_norm=BETA_NORM, seed=range(3)):
        made = result(case)
        curve = [{**row, "valid_distortion_nats": None, "valid_rate_nats": None} for row in made.curve]
        store.commit(type(made)(**{**vars(made), "curve": curve}))
    found = only(store.refreshed())
    assert found.best.split == "test"
    assert Lack.VALIDATION in found.best.lacks
    assert "no validation numbers, and test data choose nothing" in text(found)


def test_nothing_collapses_or_everything_has(tmp_path):
    assert "No collapse up to the largest weight tried, 0.0187." in text(
        only(linear(tmp_path / "a", weights=BETA_NORM[:3]))
    )
    assert "all have collapsed" in text(only(linear(tmp_path / "b", weights=[10.0, 20.0])))


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ([2] * 7, "Active units stay at 2 of 10 from the smallest weight tried to the largest, 1.88."),
        (
            [0, 2, 4, 6, 6, 6, 6],
            "Active units do not fall: 0 of 10 at the smallest weight tried, 6 at the largest",
        ),
        ([2, 2, 6, 6, 6, 2, 2], "2 at the largest, 1.88, 6 in between."),
        ([10] * 7, "No collapse up to the largest weight tried, 1.88."),
    ],
)
def test_few_units_that_stay_are_not_called_no_collapse(tmp_path, units, said):
    cases = [
        Case(beta_norm=weight, seed=seed, latent_dim=10, further={"active_units": count})
        for weight, count in zip(BETA_NORM, units, strict=True)
        for seed in range(3)
    ]
    found = text(only(commit(tmp_path, "s", cases)))
    assert said in found
    assert ("No collapse" in found) == (units[0] == 10)


@pytest.mark.parametrize(
    ("objective", "means"),
    [
        ("target_rate(nats=5)", "the largest beta the controller may use"),
        ("capacity", "gamma, the pull of |rate - C|"),
        ("geco(sse=3)", "beside a multiplier of the squared error"),
        ("beta_tc", "the beta that multiplies the total correlation"),
    ],
)
def test_a_weight_that_is_no_beta_is_not_called_one(tmp_path, objective, means):
    cases = [
        Case(beta_norm=weight, seed=seed, further={"objective": objective, "fitted_sigma2": 0.1})
        for weight in BETA_NORM
        for seed in range(3)
    ]
    store = commit(tmp_path, "s", cases)
    found = only(store)
    assert text(found).count(means) == 1
    assert "(beta " not in text(found)
    assert to_type(found) == ()
    assert found.implied is None
    assert "w (sum)" not in shown.markdown(verdicts_of(store), store.path)


def test_a_squared_error_is_called_one(tmp_path):
    sentence = "likelihood mse: the distortion is the summed squared error, without a density's constant"
    assert sentence in text(only(linear(tmp_path / "a", likelihood=["mse"])))
    assert sentence not in text(only(linear(tmp_path / "b")))


def test_an_edge_is_not_enough_and_the_way_out_is_printed(tmp_path):
    store = linear(tmp_path, weights=BETA_NORM[4:])
    found = only(store)
    assert Lack.BELOW in found.best.lacks
    assert "Not enough evidence for the best validation ELBO: the best may lie below the smallest" in text(
        found
    )
    lines = shown.lines(verdicts_of(store), store.path)
    assert f"  klsweep refine {store.path}" in lines
    assert any(line.startswith(f"  klsweep run {store.path / 'refined.yaml'} --results") for line in lines)


def test_one_seed_is_said_once_and_gives_no_interval(tmp_path):
    said = text(only(linear(tmp_path, seeds=1)))
    assert said.startswith("Not enough evidence for any interval: 1 seed where 3 are needed.")
    assert said.count("Not enough evidence") == 1
    assert "95 %" not in said


def test_a_weight_of_zero_takes_part(tmp_path):
    found = only(linear(tmp_path, weights=(0.0, *BETA_NORM)))
    assert found.best.value == pytest.approx(1 / 16)
    assert found.group.weights[0] == 0


# ---- half-finished and partly failed sweeps


def test_lost_and_missing_jobs_are_said_and_the_others_judged(tmp_path):
    lost = [Case(beta_norm=BETA_NORM[-1], seed=seed, status=Status.DIVERGED) for seed in range(3)]
    store = commit(tmp_path, "s", [*grid(beta_norm=BETA_NORM[:-1], seed=range(3)), *lost])
    store.work.write_plan({"f": [*(record.job_id for record in store.records()), "0" * 12]})
    found = only(store)
    assert found.best.value == pytest.approx(1 / 16)
    assert len(found.group.weights) == len(BETA_NORM) - 1
    assert "3 jobs of this group did not finish ok" in text(found)
    assert any("1 planned job has no result yet" in note for note in shown.notes(verdicts_of(store)))


def test_one_seed_at_the_neighbours_takes_the_interval_away(tmp_path):
    """As a sweep stands when the first seed is through and the others are not."""
    cases = [
        case for case in grid(beta_norm=BETA_NORM, seed=range(3)) if case.seed == 0 or case.beta_norm < 0.03
    ]
    found = only(commit(tmp_path, "s", cases))
    assert found.best.lacks == (Lack.SEEDS,)
    assert "1 to 3 seeds, and an interval takes 3 at each weight" in text(found)


@pytest.mark.parametrize("cases", [[], [Case(status=Status.FAILED)], [Case(), Case(seed=1)]])
def test_where_there_is_nothing_to_say_that_is_said(tmp_path, monkeypatch, cases):
    monkeypatch.setattr(plots, "draw", lambda *_: ())
    report = build(commit(tmp_path, "s", cases))
    head = (report.directory / "summary.md").read_text()
    assert head.startswith("## Verdict\n\nNo verdict: no group of finished jobs has two weights.\n")


# ---- groups


def test_every_setting_but_weight_and_seed_makes_a_group(tmp_path):
    store = linear(tmp_path, schedule=[CONSTANT, LINEAR], latent_dim=[2, 4])
    titles = [each.group.title for each in verdicts_of(store).each]
    assert len(titles) == len(set(titles)) == 4
    assert all("latent_dim" in title and "schedule" in title for title in titles)


def test_reductions_share_an_axis_under_adam_and_a_repeated_job_counts_once(tmp_path):
    """A raw weight of 0.0625 under `mean` is beta 1, as is a raw weight of 1 under `sum`."""
    cases = [
        *grid(beta_norm=BETA, unit=["weight"], reduction=["sum"], seed=range(3)),
        *grid(beta_norm=BETA_NORM, unit=["weight"], reduction=["mean"], seed=range(3)),
    ]
    found = only(commit(tmp_path, "s", cases))
    assert len(found.group.weights) == len(BETA)
    assert found.best.seeds == (3, 3)


def test_reductions_stay_apart_where_they_change_the_training(tmp_path):
    store = Store.open(tmp_path, "s")
    from klsweep.result import job_digest

    for case in grid(beta_norm=BETA_NORM, reduction=["sum", "mean"], seed=range(3)):
        made = result(case)
        job = {**made.job, "train": {**made.job["train"], "optimizer": "sgd"}}
        digest = job_digest(job)
        store.commit(
            type(made)(**{**vars(made), "job": job, "job_id": digest, "row": {**made.row, "job_id": digest}})
        )
    titles = [each.group.title for each in verdicts_of(store.refreshed()).each]
    assert len(titles) == 2
    assert "reduction sum" in titles[0] + titles[1]


# ---- goals


def test_a_bound_holds_up_to_its_frontier_and_the_best_elbo_of_there_is_chosen(tmp_path):
    store = linear(tmp_path)
    rate = {beta: closed_form(beta * SIGMA2, 4, 64)[1] for beta in BETA}
    found = only(store, "rate_nats<=3", "active_units>=3")
    by_rate, by_units = found.served
    wanted = [beta / 16 for beta in BETA if rate[beta] <= 3]
    assert by_rate.upwards
    assert by_rate.holds == pytest.approx(wanted)
    assert by_rate.weight.value == pytest.approx(wanted[0])  # beyond the ELBO's peak, the nearest to it
    assert by_rate.frontier.low <= wanted[0] <= by_rate.frontier.high
    assert not by_units.upwards
    assert by_units.weight.value == pytest.approx(1 / 16)


def test_a_metric_alone_is_made_best_its_own_way(tmp_path):
    found = only(linear(tmp_path), "elbo_nats", "distortion_nats", "max(rate_nats)")
    assert [each.weight.value for each in found.served] == pytest.approx([1 / 16, BETA_NORM[0], BETA_NORM[0]])
    assert found.served[1].weight.lacks == (Lack.BELOW,)


def test_a_goal_that_nothing_meets_is_told(tmp_path):
    assert "Goal active_units>=5, on the validation split: met at no weight tried." in text(
        only(linear(tmp_path), "active_units>=5")
    )


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("probe_acuracy", "no metric probe_acuracy: allowed: distortion_nats"),
        ("rate_nat<=3", "did you mean rate_nats?"),
        ("rate_nats<=x", "x is no number"),
        ("rate_nats<=nan", "nan is no number"),
        ("rate_nats=3", "is no goal: allowed: 'metric>=value'"),
        ("odd_units", "write max(odd_units) or min(odd_units)"),
        ("probe_score", "klsweep measure adds others"),
        ("units>=1", "which units is meant?: allowed: active_units, odd_units"),
    ],
)
def test_a_goal_that_is_none_is_an_error_in_words(tmp_path, goal, words):
    store = commit(tmp_path, "s", [Case(further={"odd_units": 1.0})])
    with pytest.raises(KlsweepError, match="--goal") as caught:
        verdicts_of(store, goal)
    assert words in str(caught.value)


@pytest.mark.parametrize(("short", "whole"), [("rate<=3", "rate_nats<=3"), ("max(odd)", "max(odd_units)")])
def test_a_metric_may_be_named_by_those_of_its_words_that_no_other_has(tmp_path, short, whole):
    store = commit(
        tmp_path, "s", [Case(beta_norm=beta, further={"odd_units": beta}) for beta in (1.0, 2.0, 3.0)]
    )
    (found,), (expected,) = (verdicts_of(store, goal).each[0].served for goal in (short, whole))
    assert (found.goal.metric, found.weight) == (expected.goal.metric, expected.weight)


def test_test_data_choose_no_weight_by_a_goal_either(tmp_path):
    """Curves without validation counts of units, as older ones are: the goal is decided on the test split alone."""
    store = Store.open(tmp_path, "s")
    for case in grid(beta_norm=BETA_NORM, seed=range(3)):
        made = result(case)
        curve = [{**row, "valid_active_units": None} for row in made.curve]
        store.commit(type(made)(**{**vars(made), "curve": curve}))
    (served,) = only(store.refreshed(), "active_units>=3").served
    assert (served.split, served.weight.split) == ("test", "test")
    assert Lack.VALIDATION in served.weight.lacks
    said = text(only(store.refreshed(), "active_units>=3"))
    assert "Goal active_units>=3, on the test split: " in said
    assert "there are no validation numbers, and test data choose nothing" in said


def test_a_goal_about_units_is_decided_by_those_of_the_validation_split(tmp_path):
    cases = [
        Case(beta_norm=weight, seed=seed, further={"active_units": 4 if weight in BETA_NORM[1:3] else 0})
        for weight in BETA_NORM
        for seed in range(3)
    ]
    (served,) = only(commit(tmp_path, "s", cases), "active_units>=3").served
    held = [beta for beta in BETA if closed_form(beta * SIGMA2, 4, 64)[2] >= 3]
    assert served.holds == pytest.approx(tuple(beta / 16 for beta in held))
    assert served.split == "validation"


def test_a_bound_that_holds_upwards_holds_from_the_weight_at_which_it_is_met_exactly(tmp_path):
    cases = [
        Case(beta_norm=weight, seed=seed, further={"collapsed_units": place})
        for place, weight in enumerate(BETA_NORM)
        for seed in range(6)
    ]
    (served,) = only(commit(tmp_path, "s", cases), "collapsed_units>=2").served
    assert served.upwards
    assert served.holds[0] == BETA_NORM[2]
    assert served.frontier.value == pytest.approx(BETA_NORM[2])
    assert (served.frontier.low, served.frontier.high) == (BETA_NORM[1], BETA_NORM[2])


def test_weights_with_other_seeds_are_not_told_from_the_best(tmp_path):
    cases = [Case(beta_norm=weight, seed=seed) for weight in BETA_NORM[:3] for seed in range(3)]
    cases += [Case(beta_norm=weight, seed=seed) for weight in BETA_NORM[3:] for seed in range(3, 6)]
    found = only(commit(tmp_path, "s", cases))
    assert Lack.SEEDS in found.best.lacks
    assert found.best.seeds == (0, 3)
    assert "0 to 3 seeds, and an interval takes 3 at each weight, the same for the best" in text(found)


# ---- a learned variance


def test_a_learned_variance_implies_a_weight_for_a_plain_squared_error(tmp_path):
    """theta = beta sigma^2, and mse has sigma^2 = 1/2: beta = 2 theta (the convention table of sigma-VAE)."""
    sigma2 = [0.010, 0.012, 0.0095, 0.0105, 0.011]
    cases = [
        Case(beta_norm=1.0, unit="beta", seed=seed, likelihood="gaussian(variance=learned)",
             further={"fitted_sigma2": value})
        for seed, value in enumerate(sigma2)
    ]  # fmt: skip
    found = only(commit(tmp_path, "s", cases))
    to_weight = 2 * 4 / 64
    assert found.implied.sigma2 == pytest.approx(np.mean(sigma2))
    assert found.implied.weight.value == pytest.approx(np.mean(sigma2) * to_weight)
    low, high = witness.t.interval(0.95, 4, loc=np.mean(sigma2), scale=witness.sem(sigma2))
    # percentiles of the 126 resamples of these five values, against Student's symmetric interval: within a tenth
    assert found.implied.weight.low == pytest.approx(low * to_weight, abs=0.1 * (high - low) * to_weight)
    assert found.implied.weight.high == pytest.approx(high * to_weight, abs=0.1 * (high - low) * to_weight)
    assert "beta 0.0212" in text(found)


# ---- where it is written


def test_the_verdict_heads_summary_md_and_the_json_has_every_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "draw", lambda *_: ())
    report = build(linear(tmp_path), goals=["rate_nats<=3"])
    head = (report.directory / "summary.md").read_text()
    assert head.startswith("## Verdict")
    assert head.index("best ELBO | 0.0625") < head.index("## Summary")
    (group,) = shown.plain(report.verdicts)["groups"]
    best = next(answer for answer in group["answers"] if answer["name"] == "best ELBO")
    assert best["raw_weights"] == pytest.approx(
        {"sum": 1, "mean": 1 / 16, "mean_recon": 1 / 64, "mean_kl": 4}
    )
    assert {"goal rate_nats<=3", "frontier of rate_nats<=3"} <= {
        answer["name"] for answer in group["answers"]
    }


def test_the_screen_has_lines_of_80_columns_and_few_groups(tmp_path):
    store = linear(tmp_path / "a-rather-short-name", schedule=[CONSTANT, LINEAR], latent_dim=[2, 3, 4, 5])
    lines = shown.lines(verdicts_of(store, "rate_nats<=3"), store.path)
    commands = [line for line in lines if line.startswith("  klsweep ")]
    folded = [part for line in lines if line not in commands for part in line.split("\n")]
    assert max(map(len, folded)) < 80
    assert "... and 2 more groups: summary.md" in lines
