"""What each block of a spec does."""

import pytest

from klsweep.errors import SpecError
from klsweep.spec import read_text

BASE = "fixed: {dataset: digits, beta: 1}\n"


def jobs(text):
    return read_text(text).jobs


def ids(text):
    return [job.id for job in jobs(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fixed: {dataset: digits, beta: 1}", "fixed: {beta: 1.0, dataset: {kind: digits}}"),
        ("fixed: {dataset: digits, beta: 0.3}", "fixed: {dataset: digits, beta: 0.30000000000000004}"),
        (
            "fixed: {dataset: digits, beta: 1, train: {lr: 1e-2}}",
            "fixed: {train.lr: 0.01, dataset: digits, beta: 1}",
        ),
        (
            "fixed: {dataset: digits, beta: 1, schedule: {kind: linear, warmup: 0.3}}",
            "fixed: {schedule.warmup: 0.3, dataset: digits, beta: 1, schedule: linear}",
        ),
        (
            "fixed: {dataset: digits, beta: 1, dataset.limit: 99}",
            "fixed: {dataset: {kind: digits, limit: 99}, beta: 1}",
        ),
        (
            "fixed: {dataset: digits, beta: 1, model.hidden: [9]}",
            "fixed: {dataset: digits, beta: 1, model: {hidden: [9]}}",
        ),
        (
            "fixed: {dataset: digits, beta: 1, reduction: sum, seed: 0}",
            "version: 1\nname: other\nfixed: {dataset: digits, beta: 1}",
        ),
    ],
)
def test_spelling_does_not_make_another_job(one, other):
    assert ids(one) == ids(other)


@pytest.mark.parametrize(
    "grid",
    ["train.lr: [0.1, 0.2]", "train: {lr: [0.1, 0.2]}", "train: {lr: {linspace: [0.1, 0.2, 2]}}"],
)
def test_a_grid_may_nest_too(grid):
    assert [job.train.lr for job in jobs(BASE + f"grid: {{{grid}}}")] == [0.1, 0.2]


def test_a_list_under_fixed_is_one_value():
    assert jobs("fixed: {dataset: digits, beta: 1, model: {hidden: [30, 20]}}")[0].model.hidden == (30, 20)


def test_a_dotted_axis_reaches_into_a_fixed_mapping_and_leaves_the_rest():
    text = "fixed: {dataset: digits, beta: 1, train: {epochs: 3, lr: 1}}\ngrid: {train.lr: [0.1, 0.2]}"
    assert [(job.train.epochs, job.train.lr) for job in jobs(text)] == [(3, 0.1), (3, 0.2)]


def test_a_dotted_key_reaches_into_a_part_given_by_name_alone():
    text = "fixed: {dataset: digits, beta: 1, schedule: linear}\ngrid: {schedule.warmup: [0.1, 0.2]}"
    assert [job.schedule.warmup for job in jobs(text)] == [0.1, 0.2]


def test_a_fixed_setting_reaches_into_every_value_of_an_axis():
    text = (
        "fixed: {dataset: digits, beta: 1, model.activation: tanh}\n"
        "grid: {model: [mlp, {kind: conv, channels: [4]}]}"
    )
    assert [(job.model.kind, job.model.activation) for job in jobs(text)] == [
        ("mlp", "tanh"),
        ("conv", "tanh"),
    ]


GRID = (
    BASE + "grid: {latent_dim: [2, 4, 8], seed: [0, 1], schedule: [constant, {kind: linear, warmup: 0.2}]}\n"
)


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("{latent_dim: 2}", lambda job: job.latent_dim != 2),
        ("{latent_dim: [2, 8]}", lambda job: job.latent_dim == 4),
        ('{latent_dim: "> 2"}', lambda job: job.latent_dim <= 2),
        ('{latent_dim: ">=4", seed: 1}', lambda job: job.latent_dim < 4 or job.seed != 1),
        ('{latent_dim: ["< 3", 8]}', lambda job: job.latent_dim == 4),
        ("{schedule: linear}", lambda job: job.schedule.kind == "constant"),
        ("{schedule: {kind: linear}, seed: 0}", lambda job: job.schedule.kind == "constant" or job.seed),
        ('{schedule.warmup: "<= 0.2"}', lambda job: job.schedule.kind == "constant"),
        ("{schedule: {warmup: 0.2}, reduction: sum}", lambda job: job.schedule.kind == "constant"),
        ("{schedule: [constant], model.hidden: [400]}", lambda job: job.schedule.kind != "constant"),
    ],
)
def test_exclude_drops_partial_matches_defaults_included(rule, left):
    everything = jobs(GRID)
    assert jobs(GRID + f"exclude: [{rule}]") == tuple(job for job in everything if left(job))


def test_overrides_apply_in_turn_to_what_exclude_left():
    text = GRID + (
        "exclude: [{latent_dim: 8}]\n"
        "overrides: [{when: {latent_dim: 4}, set: {train.epochs: 3, schedule: {warmup: 0.7, kind: linear}}},\n"
        "            {when: {train.epochs: 3, seed: 1}, set: {train: {lr: 0.5}}}]"
    )
    for job in jobs(text):
        assert job.train.epochs == (3 if job.latent_dim == 4 else 10)
        assert job.train.lr == (0.5 if job.latent_dim == 4 and job.seed == 1 else 1e-3)
        assert job.latent_dim != 4 or job.schedule.warmup == 0.7


def test_an_override_that_gives_steps_takes_the_epochs_away():
    text = (
        "fixed: {dataset: digits, beta: 1, train: {epochs: 3}}\n"
        "overrides: [{when: {seed: 0}, set: {train.steps: 7}}]"
    )
    assert (jobs(text)[0].train.epochs, jobs(text)[0].train.steps) == (None, 7)


def test_include_adds_whole_jobs_that_no_rule_touches():
    text = GRID + (
        "exclude: [{seed: 1}]\noverrides: [{when: {seed: 0}, set: {train.lr: 1}}]\n"
        "include: [{seed: 1}, {beta_norm: 2, schedule: linear}]"
    )
    *_, first, last = jobs(text)
    assert (first.seed, first.beta, first.latent_dim, first.train.lr) == (1, 1, 10, 1e-3)
    assert (last.beta, last.beta_norm, last.schedule.kind) == (None, 2, "linear")


def test_jobs_may_all_be_included():
    assert [job.beta for job in jobs("fixed: {dataset: digits}\ninclude: [{beta: 1}, {beta: 2}]")] == [1, 2]


def test_what_is_fixed_is_a_job_beside_the_included_where_it_is_whole():
    assert [job.beta for job in jobs(BASE + "include: [{beta: 2}]")] == [1, 2]


def test_a_job_asked_for_twice_is_trained_once_and_that_is_said():
    sweep = read_text(BASE + "grid: {seed: [0, 1]}\ninclude: [{seed: 1}]")
    assert [job.seed for job in sweep.jobs] == [0, 1]
    assert sweep.notes[0] == "1 job is asked for more than once and trained once"


def test_axes_are_what_varies_in_the_order_of_the_spec():
    sweep = read_text(GRID + "exclude: [{seed: 1}]\ninclude: [{beta_norm: 0.5}]")
    assert sweep.axes == {
        "latent_dim": ("2", "4", "8", "10"),
        "schedule": ("constant", "linear(warmup=0.2)"),
        "beta_norm": ("0.5",),
    }


def test_whole_trainings_are_labelled_by_what_is_not_usual():
    sweep = read_text(BASE + "grid: {train: [{epochs: 2}, {steps: 5, lr: 0.1}]}")
    assert sweep.axes == {"train": ("epochs=2", "lr=0.1 steps=5")}


def test_a_name_is_that_of_the_file_where_the_spec_has_none(tmp_path):
    from klsweep.spec import read

    file = tmp_path / "first-try.yaml"
    file.write_text(BASE)
    assert read(file).name == "first-try"
    file.write_text("name: mine\n" + BASE)
    assert read(file).name == "mine"


def test_facts_are_known_for_each_job():
    sweep = read_text("fixed: {beta: 1}\ngrid: {dataset: [digits, {kind: digits, limit: 50}]}")
    assert [sweep.facts_of(job).input_shape for job in sweep.jobs] == [(1, 8, 8), (1, 8, 8)]
    assert sweep.facts_of(sweep.jobs[1]).sizes[0] < sweep.facts_of(sweep.jobs[0]).sizes[0]


def test_a_fallback_shows_in_the_name_of_the_sweep(tmp_path, monkeypatch):
    monkeypatch.delenv("KLSWEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = "name: m\nfixed: {dataset: {kind: mnist, fallback: digits}, beta: 1}"
    sweep = read_text(text, data_dir=tmp_path)
    assert (sweep.name, sweep.jobs[0].dataset.kind) == ("m-digits", "digits")
    assert "IS MISSING" in sweep.notes[0]
    assert sweep.notes[1].startswith("bernoulli on digits: ")
    assert sweep.jobs[0].id == jobs("fixed: {dataset: digits, beta: 1}")[0].id


def test_a_zip_of_unequal_lengths_is_no_zip():
    with pytest.raises(SpecError, match="beta has 2, seed has 1"):
        read_text("fixed: {dataset: digits}\nzip: {pair: {beta: [1, 2], seed: [0]}}")
