"""Every mistake is told, with its place and what to write instead; nothing but a KlsweepError comes out."""

import copy
import json
import random
import re

import broken
import pytest

from klsweep.errors import DataError, KlsweepError, SpecError
from klsweep.spec import read, read_text
from klsweep.spec.source import parse

JARGON = re.compile(
    r"Input should|Value error|Extra inputs|pydantic|validation|dict\b|NoneType|Mlp|Elbo|union"
)


@pytest.mark.parametrize("name", broken.SPECS)
def test_a_broken_spec_is_told_what_is_wrong_and_where(name):
    spec = broken.SPECS[name]
    with pytest.raises(SpecError) as error:
        read_text(spec.text, name="x")
    assert [problem.where for problem in error.value.problems] == [f"x:{where}" for where in spec.where]
    said = str(error.value)
    assert [word for word in spec.words if word not in said] == []
    assert not JARGON.search(said)


def test_the_same_mistake_in_many_jobs_is_told_once():
    text = "fixed: {dataset: digits}\ngrid: {beta: [1, -1], seed: {range: [0, 50]}, latent_dim: [0, 1]}"
    with pytest.raises(SpecError) as error:
        read_text(text)
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    ("dataset", "said"),
    [("mnist", "mnist is not here"), ("{kind: digits, limit: 1}", "no training data")],
)
def test_data_that_cannot_be_had_are_told_at_the_place_of_the_data_set(dataset, said, tmp_path, monkeypatch):
    monkeypatch.delenv("KLSWEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=f"^spec:1:18: dataset: {said}"):
        read_text(f"fixed: {{dataset: {dataset}, beta: 1}}", data_dir=tmp_path)


def test_a_missing_file_is_told_with_its_neighbour(tmp_path):
    (tmp_path / "digits.yaml").write_text("")
    with pytest.raises(SpecError, match=r"no such file: did you mean digits\.yaml"):
        read(tmp_path / "digit.yaml")


def test_a_folder_is_no_spec(tmp_path):
    with pytest.raises(SpecError, match="this is a folder"):
        read(tmp_path)


def test_bytes_that_are_no_text_are_told_with_their_place(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"name: a\nfixed: \xff\n")
    with pytest.raises(SpecError, match=r"a.yaml:2:8: byte 0xff is not UTF-8"):
        read(tmp_path / "a.yaml")


def test_a_file_name_that_cannot_name_a_folder_asks_for_a_name(tmp_path):
    (tmp_path / "my sweep.yaml").write_text("fixed: {dataset: digits, beta: 1}")
    with pytest.raises(SpecError, match="write name: my-sweep"):
        read(tmp_path / "my sweep.yaml")


GOOD = """version: 1
name: good
fixed:
  dataset: digits
  model: {kind: mlp, hidden: [40, 20]}
  train: {epochs: 10, batch_size: 128, lr: 1e-3}
grid:
  beta_norm: {logspace: [0.001, 10, 4]}
  latent_dim: [2, 10]
  schedule: [constant, {kind: linear, warmup: 0.5}]
  seed: {range: [0, 2]}
zip: {pair: {likelihood: [bernoulli, gaussian], train.weight_decay: [0, 0.1]}}
exclude: [{schedule: linear, beta_norm: "> 1"}]
overrides: [{when: {latent_dim: 10}, set: {train.epochs: 20}}]
include: [{beta: 0.0, seed: 0}]
"""


def mutated(rng):
    text = list(GOOD)
    for _ in range(rng.randint(1, 4)):
        here, there = rng.randrange(len(text)), rng.randrange(len(text))
        action = rng.randrange(5)
        if action == 0:
            del text[here : here + rng.randint(1, 12)]
        elif action == 1:
            text[here:here] = text[there : there + rng.randint(1, 25)]
        elif action == 2:
            text[here], text[there] = text[there], text[here]
        elif action == 3:
            text[here] = rng.choice("{}[]:,-&*!|>'\"%@`#?~\t\n 09.eé\x00\u2028")
        else:
            lines = "".join(text).splitlines(keepends=True)
            rng.shuffle(lines)
            text = list("".join(lines))
    return "".join(text)


ODD = [
    None,
    True,
    -1,
    0,
    2.5,
    1e300,
    "",
    "x",
    "1e-3",
    "> 1",
    [],
    [1],
    [[]],
    {},
    {"kind": "linear"},
    {"range": [0, 2]},
]


def containers(value):
    """Every mapping and list inside, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) and value else []) + [
        c for v in inner for c in containers(v)
    ]


def rearranged(rng):
    """The good spec with nodes deleted, doubled, swapped or replaced, as JSON, which is YAML."""
    spec = copy.deepcopy(parse(GOOD, "good")[0].plain)
    for _ in range(rng.randint(1, 3)):
        place, other = rng.choice(containers(spec)), rng.choice(containers(spec))
        here = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        there = rng.choice(list(other) if isinstance(other, dict) else range(len(other)))
        action = rng.randrange(4)
        if action == 0:
            del place[here]
        elif action == 1:
            place[here] = copy.deepcopy(other[there])
        elif action == 2:
            place[here] = rng.choice(ODD)
        elif isinstance(place, dict):
            place[str(there)] = place.pop(here)
        else:
            place.append(copy.deepcopy(place[here]))
    return json.dumps(spec)


@pytest.mark.parametrize("make", [mutated, rearranged])
@pytest.mark.parametrize("seed", range(300))
def test_a_mutated_spec_gives_jobs_or_a_sentence(make, seed, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text, said = make(random.Random(seed)), ""
    try:
        jobs = read_text(text).jobs
    except KlsweepError as error:
        jobs, said = (), str(error)
    assert jobs or said
    assert not JARGON.search(said.replace("not YAML", ""))


def test_the_spec_that_is_mutated_is_good():
    assert len(read_text(GOOD).jobs) == 57
