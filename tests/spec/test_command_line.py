"""`key=value` replaces a key wherever it stands."""

import pytest

from klsweep.errors import SpecError
from klsweep.spec import read_text
from klsweep.spec.command_line import split

SPEC = """
name: n
fixed: {dataset: digits, model: {kind: mlp, hidden: [400]}, train: {epochs: 10}}
grid:
  beta_norm: {logspace: [0.01, 1, 3]}
  seed: [0, 1]
zip: {pair: {likelihood: [bernoulli, mse], train.lr: [0.1, 0.2]}}
"""


def seen(*arguments):
    return read_text(SPEC, arguments)


def values(sweep, *keys):
    return list(dict.fromkeys(tuple(getattr(job, key) for key in keys) for job in sweep.jobs))


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("seed=5", [5]),
        ("seed=5,6,7", [5, 6, 7]),
        ("seed=range(0,3)", [0, 1, 2]),
        ("seed=range(3)", [0, 1, 2]),
        ("seed=range(1, 9, 4)", [1, 5]),
        ("seed=choice(4,2)", [4, 2]),
        ("seed={range: [0, 3]}", [0, 1, 2]),
        ("seed=linspace(0,4,3)", [0, 2, 4]),
    ],
)
def test_the_forms_of_hydra(argument, expected):
    assert [seed for (seed,) in values(seen(argument), "seed")] == expected


def test_a_weight_in_another_unit_takes_the_axis_of_the_old_one():
    sweep = seen("beta=0.5,4")
    assert values(sweep, "beta", "beta_norm") == [(0.5, None), (4, None)]
    assert next(iter(sweep.axes)) == "beta"


def test_a_list_in_brackets_is_one_value():
    assert values(seen("model.hidden=[20,30]"), "model")[0][0].hidden == (20, 30)


def test_lists_in_brackets_may_be_several():
    assert [model.hidden for (model,) in values(seen("model.hidden=[20],[30,40]"), "model")] == [
        (20,),
        (30, 40),
    ]


def test_a_mapping_is_a_value():
    (schedule,) = values(seen("schedule={kind: linear, warmup: 0.3}"), "schedule")[0]
    assert (schedule.kind, schedule.warmup) == ("linear", 0.3)


def test_a_mapping_without_kind_reaches_inside():
    (train,) = values(seen("train={batch_size: 7}", "likelihood=mse", "train.lr=1"), "train")[0]
    assert (train.epochs, train.batch_size, train.lr) == (10, 7, 1)


def test_steps_replace_epochs():
    assert values(seen("train.steps=5"), "train")[0][0].epochs is None


def test_a_whole_part_takes_what_reached_inside_the_old_one():
    assert values(seen("model=linear"), "model")[0][0].kind == "linear"


def test_a_zip_is_replaced_whole_or_not_at_all():
    assert len(seen("likelihood=mse", "train.lr=0.5").jobs) == 6
    with pytest.raises(SpecError, match=r"side by side with likelihood in zip pair.*give likelihood too"):
        seen("train.lr=0.5")


def test_quotes_keep_commas():
    assert split("'a,b',[c,d],{e: (f,g)},h") == ["'a,b'", "[c,d]", "{e: (f,g)}", "h"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("beta=1,2", "seed=range(5)"),
        ("model.hidden=[20,30]", "schedule={kind: linear}"),
        ("name=other", "train.steps=3"),
        ("likelihood=mse", "train.lr=0.5", "dataset.limit=50,60"),
        ("model=conv", "model.channels=[2],[4]"),
        ("model=mlp", "model.hidden=[20]"),
    ],
)
def test_the_text_of_a_sweep_gives_its_jobs_again(arguments):
    sweep = seen(*arguments)
    again = read_text(sweep.text)
    assert (again.name, [job.id for job in again.jobs]) == (sweep.name, [job.id for job in sweep.jobs])
    assert again.axes == sweep.axes
    assert read_text(again.text).text == again.text


def test_a_rule_that_matches_nothing_any_more_is_noted_and_left_out_of_the_text():
    text = SPEC + "exclude: [{seed: 1}]"
    sweep = read_text(text, ["seed=0"])
    assert "no job has seed: 1, so this rule does nothing" in sweep.notes[0]
    assert len(read_text(sweep.text).jobs) == len(sweep.jobs)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("beta", "is no key=value"),
        ("bta=1", "did you mean beta?"),
        ("lr=1", "did you mean train.lr?"),
        ("fixed.seed=1", "write seed=..."),
        ("seed=", "a value is missing"),
        ("seed=1,,2", "a value is missing"),
        ("seed=x", "seed: 'x' is text: allowed: a whole number >= 0"),
        ("seed=-1", "seed: -1 is out of range"),
        ("seed=1,1", "in the axis twice"),
        ("seed=range(3,0)", "no values from 3 to 0 by 1"),
        ("seed={a: 1", "not YAML"),
        ("seed=[1,2]", "[1, 2] is a list"),
        ("name=a/b", "write name=a-b"),
        ("likelihood=bernouli", "give train.lr too"),
        ("schedule.warmup=0.2", "schedule constant has no setting warmup"),
        ("train={epochs: 1, steps: 2}", "give either epochs or steps"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_with_its_argument(argument, said):
    with pytest.raises(SpecError) as error:
        seen(argument)
    (problem,) = error.value.problems
    assert problem.where == f"command line: {argument}"
    assert said in str(problem)


def test_mistakes_of_file_and_command_line_come_together():
    with pytest.raises(SpecError) as error:
        read_text(SPEC + "exclude: [{sed: 1}]", ["bta=1", "train.lrr=2"])
    assert [problem.where.split(":")[0] for problem in error.value.problems] == [
        "spec",
        *["command line"] * 2,
    ]
