"""Between a likelihood and its data: what is an error names the values, and what is only to be known is said once."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special
from torch.nn.functional import binary_cross_entropy
from typer.testing import CliRunner

from klsweep.cli.app import app
from klsweep.data import Digits
from klsweep.errors import SpecError
from klsweep.part import members
from klsweep.spec import read_text
from klsweep.vae.likelihoods import Beta, Likelihood

UNIT = [kind for kind, part in members(Likelihood).items() if part.support == "unit interval"]
FOUR_DIGITS = 5e-4  # half a unit in the fourth digit, to which figures in a note are rounded


def notes(fixed: str, grid: str = "") -> tuple[str, ...]:
    return read_text(f"fixed: {{beta: 1, {fixed}}}\n" + (f"grid: {{{grid}}}" if grid else "")).notes


def floor(note: str) -> float:
    found = re.search(r"costs ([0-9.e+-]+) nats per datum", note)
    assert found, note
    return float(found[1])


def saved(folder: Path, values: np.ndarray) -> str:
    np.savez(folder / "own.npz", x=values)
    return f"dataset: {{kind: npz, path: {folder / 'own.npz'}}}"


def grey(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 5)).astype(np.float32)


# ---- Bernoulli on grey data


@pytest.mark.parametrize("options", ["", ", limit: 100", ", split_seed: 5, valid: 0.5, limit: 300"])
def test_the_floor_is_the_mean_binary_entropy_of_the_training_split(options: str) -> None:
    (note,) = notes(f"dataset: {{kind: digits{options}}}")
    settings = {name: float(value) for name, value in re.findall(r"(\w+): ([\d.]+)", options)}
    split = (
        Digits(**{name: value if name == "valid" else int(value) for name, value in settings.items()})
        .load()
        .train
    )
    x = split.astype(np.float64)
    entropy = (special.entr(x) + special.entr(1 - x)).reshape(len(x), -1).sum(1).mean()
    assert floor(note) == pytest.approx(entropy, rel=FOUR_DIGITS)
    share = ((x > 0) & (x < 1)).mean()
    assert note.startswith(f"bernoulli on digits: {100 * share:.1f} % of the training values are grey")


def test_the_floor_is_what_a_perfect_reconstruction_costs(tmp_path: Path) -> None:
    values = grey(30)
    (note,) = notes(saved(tmp_path, values))
    from klsweep.data import Npz

    x = torch.tensor(Npz(path=str(tmp_path / "own.npz")).load().train, dtype=torch.float64)
    assert floor(note) == pytest.approx(
        binary_cross_entropy(x, x, reduction="sum").item() / len(x), rel=FOUR_DIGITS
    )


def test_the_note_names_what_is_right_for_grey_data_and_every_name_exists() -> None:
    (note,) = notes("dataset: digits")
    right = ("continuous_bernoulli", "gaussian", "beta", "categorical", "discretized_logistic")
    assert set(right) < set(members(Likelihood))
    assert all(
        name in note.split("Right for grey data")[1]
        for name in (*right, "variance: learned", "dataset.binarize")
    )
    read_text(
        "fixed: {dataset: digits, beta: 1, likelihood: {kind: gaussian, variance: optimal}}"
    )  # as it advises
    read_text("fixed: {dataset: digits, beta: 1, likelihood: {kind: categorical, levels: 256}}")


def test_the_note_is_said_once_for_a_data_set_however_many_jobs_there_are() -> None:
    said = notes("dataset: digits", "seed: [0, 1, 2], likelihood: [bernoulli, mse, continuous_bernoulli]")
    assert len(said) == 1
    two = notes("latent_dim: 2", "dataset: [digits, {kind: digits, limit: 50}], seed: [0, 1]")
    assert [note.split(":")[0] for note in two] == [
        "bernoulli on digits, digits",
        "bernoulli on digits, digits(limit=50)",
    ]
    assert floor(two[0]) != floor(two[1])


@pytest.mark.parametrize("binarize", ["threshold", "static", "dynamic"])
def test_binarised_data_have_no_floor(binarize: str) -> None:
    assert notes(f"dataset: {{kind: digits, binarize: {binarize}}}") == ()


def test_data_that_are_coins_already_have_no_floor(tmp_path: Path) -> None:
    assert notes(saved(tmp_path, (grey(30) > 0.5).astype(np.float32))) == ()
    assert notes(saved(tmp_path, (grey(30, seed=1) > 0.5).astype(np.uint8))) == ()


@pytest.mark.parametrize("kind", ["gaussian", "mse", "laplace", "continuous_bernoulli"])
def test_a_density_of_grey_data_is_not_remarked_on(kind: str) -> None:
    assert notes(f"dataset: digits, likelihood: {kind}") == ()


def test_the_floor_is_shown_once_by_plan_and_by_run(write_spec, tmp_path: Path) -> None:
    spec, results = str(write_spec()), ["--results", str(tmp_path / "results")]
    for arguments in (["plan", spec], ["run", spec, "--backend", "inline", "--device", "cpu"]):
        done = CliRunner().invoke(app, [*arguments, *results], catch_exceptions=False)
        assert done.exit_code == 0
        said = " ".join((done.stdout + done.stderr).split())
        assert said.count("bernoulli on digits: 41.9 % of the training values are grey") == 1


# ---- the others


@pytest.mark.parametrize("epsilon", [1e-4, 0.1])
def test_beta_says_which_share_it_clips_and_by_which_epsilon(epsilon: float) -> None:
    (note,) = notes(f"dataset: digits, likelihood: {{kind: beta, epsilon: {epsilon}}}", "seed: [0, 1]")
    x = torch.tensor(Digits().load().train, dtype=torch.float64)
    moved = (x.clamp(epsilon, 1 - epsilon) != x).double().mean().item()
    assert (
        f"{100 * moved:.1f} % of the training values are nearer than epsilon = {epsilon:g} to 0 or 1" in note
    )
    assert "clipped" in note


def test_beta_says_so_for_each_epsilon_and_all_of_coins(tmp_path: Path) -> None:
    two = notes("dataset: digits", "likelihood: [{kind: beta, epsilon: 0.001}, {kind: beta, epsilon: 0.2}]")
    assert [note.split(" on ")[0] for note in two] == ["beta(epsilon=0.001)", "beta(epsilon=0.2)"]
    (note,) = notes("dataset: {kind: digits, binarize: static}, likelihood: beta")
    assert "all of the training values are nearer" in note
    inside = (0.25 + grey(30) / 2).astype(np.float32)
    assert notes(saved(tmp_path, inside) + ", likelihood: beta") == ()
    assert Beta().epsilon < 0.25


@pytest.mark.parametrize(
    ("likelihood", "levels"),
    [("{kind: categorical, levels: 5}", 5), ("categorical", 8), ("discretized_logistic", 256)],
)
def test_levels_say_how_far_rounding_moves_the_furthest_value(likelihood: str, levels: int) -> None:
    (note,) = notes(f"dataset: digits, likelihood: {likelihood}")
    steps = np.arange(17) / 16  # those of the digits, all of which occur
    nearest = np.linspace(0, 1, levels)[np.abs(np.linspace(0, 1, levels)[:, None] - steps).argmin(0)]
    found = re.search(
        r"none of the (\d+) levels and count as the nearest, the furthest ([0-9.e-]+) away", note
    )
    assert found, note
    assert int(found[1]) == levels
    assert float(found[2]) == pytest.approx(np.abs(nearest - steps).max(), rel=5e-2)  # two digits
    assert "levels: 17 would move none" in note
    assert notes("dataset: digits, likelihood: {kind: categorical, levels: 17}") == ()


@pytest.mark.parametrize("likelihood", ["discretized_logistic", "{kind: categorical, levels: 256}"])
def test_bytes_are_on_256_levels_and_any_fractions_on_none(tmp_path: Path, likelihood: str) -> None:
    bytes_ = np.random.default_rng(0).integers(0, 256, (40, 20), dtype=np.uint8)
    assert notes(f"{saved(tmp_path, bytes_)}, likelihood: {likelihood}") == ()
    (note,) = notes(f"{saved(tmp_path, grey(400))}, likelihood: {likelihood}")
    assert "would move none" not in note


def test_a_density_without_a_bound_on_coins_says_so() -> None:
    (note,) = notes("dataset: {kind: digits, binarize: threshold}, likelihood: continuous_bernoulli")
    assert "no bound" in note
    assert "bernoulli" in note.split("Right for such data:")[1]


# ---- values outside of the support


@pytest.mark.parametrize("kind", UNIT)
def test_values_outside_the_support_are_named_at_the_setting(tmp_path: Path, kind: str) -> None:
    values = np.linspace(-2, 3, 21).reshape(21, 1)
    with pytest.raises(SpecError) as raised:
        notes(saved(tmp_path, values), f"likelihood: [mse, {kind}]")
    (problem,) = raised.value.problems
    assert problem.where == "spec:2:26"
    outside = ((values < 0) | (values > 1)).mean()
    start = f"likelihood: {kind} needs values in [0, 1]; those of own run from -2 to 3"
    assert problem.what == f"{start}, {100 * outside:.2g} % of them outside"
    assert problem.allowed == "allowed: gaussian, mse, laplace"


def test_a_value_outside_in_the_test_split_alone_is_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", x=grey(20), y=np.array([[0.5, 0.5, 0.5, 0.5, 1.25]]))
    with pytest.raises(SpecError, match=r"run from 0\.\d+ to 1\.25, 0\.95 % of them outside"):  # 1 of 105
        notes(f"dataset: {{kind: npz, path: {tmp_path / 'two.npz'}, key: x, test_key: y}}")


def test_the_default_likelihood_is_said_to_be_the_default() -> None:
    with pytest.raises(
        SpecError, match=r"spec:1:27: likelihood: bernoulli \(the default\) needs .* run from -"
    ):
        notes("dataset: {kind: gaussian, spectrum: [2, 1]}")
