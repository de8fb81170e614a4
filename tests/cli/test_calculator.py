"""`klsweep weights` answers in words and in JSON, and refuses nonsense without a traceback."""

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from klsweep.cli.app import app
from klsweep.errors import ProblemsError
from klsweep.vae.conventions import CONVENTIONS

ADVERTISED = ["--from", "pythae", "--beta", "4", "--input", "1x64x64", "--latent", "10"]


def weights(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["weights", *arguments])


def answer(*arguments: str) -> str:
    result = weights(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_advertised_command_says_beta_theta_and_raw_weights_in_words() -> None:
    text = answer(*ADVERTISED)
    assert "N = 4096" in text
    assert "M = 10" in text
    assert "beta = 4 in pythae" in text
    assert "beta_vae_model.py:84-100" in text
    assert re.search(r"mse: squared error +0\.5 +8 +0\.01953\n", text)
    assert re.search(r"variance: 1} +1 +4 +0\.009766\n", text)
    assert re.search(r"variance: 4} +4 +1 +0\.002441\n", text)
    assert "theta = beta * sigma^2 = 4" in text
    assert re.search(r"mean_recon +mean +sum +0\.001953 +0\.0009766\n", text)


def test_a_beta_alone_says_which_variance_it_refers_to() -> None:
    assert "sigma^2 = 1/2" in answer("--beta", "4", "--input", "784", "--latent", "10")
    told = answer("--beta", "4", "--input", "784", "--latent", "10", "--sigma2", "1")
    assert "a Gaussian with sigma^2 = 1" in told
    assert "sigma^2 = 1/2" not in told


def test_json_is_pure_and_complete() -> None:
    found = json.loads(answer(*ADVERTISED, "--to", "bolts", "--to", "pytorch-vae", "--batch", "64", "--json"))
    assert found["theta"] == found["implied_variance"] == 4
    assert (found["input"], found["input_dim"], found["latent_dim"]) == ([1, 64, 64], 4096, 10)
    assert found["given"]["from"]["name"] == "pythae"
    assert {each["likelihood"]: each["beta"] for each in found["klsweep"][:2]} == {"mse": 8, "gaussian": 4}
    assert found["klsweep"][0]["beta_norm"] == 8 * 10 / 4096
    assert [each["weight"] for each in found["to"]] == pytest.approx([8 * 10 / 4096, 8 / 4096], rel=1e-14)
    raw = {
        (each["recon"], each["reduction"], each["recon_over_batch"], each["kl_over_batch"]): each["weight"]
        for each in found["raw_weights"]
    }
    assert len(raw) == len(found["raw_weights"]) == 2 * 4 * 3
    assert raw["sse", "sum", "mean", "mean"] == 8
    assert raw["half_sse", "sum", "mean", "mean"] == 4
    assert raw["sse", "sum", "sum", "mean"] == 8 * 64
    assert raw["sse", "sum", "mean", "sum"] == 8 / 64


def test_batch_sums_are_shown_only_where_a_batch_is_given() -> None:
    alone = answer("--beta", "4", "--input", "784", "--latent", "10")
    assert "batch" not in alone
    assert re.search(
        r"sum, mean +256 +256 +128\n",
        answer("--beta", "4", "--input", "784", "--latent", "10", "--batch", "64"),
    )


def test_every_code_is_listed_with_its_source() -> None:
    text = answer("--list")
    listed = json.loads(answer("--list", "--json"))
    assert [each["name"] for each in listed] == [each.name for each in CONVENTIONS]
    for each in CONVENTIONS:
        assert f"\n{each.name}: loss = {each.loss}\n" in text
        assert each.source.split()[0] in text


@pytest.mark.parametrize(
    "arguments",
    [
        ADVERTISED,
        ["--beta", "1.234567e-7", "--input", "3x218x178", "--latent", "128", "--batch", "100", "--to", "all"],
        [
            "--weight",
            "0.1",
            "--reduction",
            "mean",
            "--input",
            "784",
            "--latent",
            "20",
            "--sigma2",
            "0.123456",
        ],
        ["--from", "sigma-vae", "--input", "3x28x28", "--latent", "20"],
        ["--list"],
    ],
)
def test_nothing_is_wider_than_a_terminal(arguments: list[str]) -> None:
    assert max(len(line) for line in answer(*arguments).splitlines()) <= 80


def test_nonsense_ends_in_words_and_exit_code_2() -> None:
    result = weights("--input", "0x3", "--latent", "0", "--beta", "nan", "--from", "pyhtae")
    assert isinstance(result.exception, ProblemsError)  # `main` prints it and exits 2
    assert [each.where for each in result.exception.problems] == ["--input", "--latent", "--beta", "--from"]
    command = [sys.executable, "-m", "klsweep", "weights", "--input", "784", "--beta", "-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: --latent: not given: the number of latent dimensions: write --latent 10",
        "--beta: -1 is no KL weight: allowed: a finite number of 0 or more",
    ]


def test_neither_help_nor_an_answer_loads_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from klsweep.cli.app import app; "
        "run = lambda *a: CliRunner().invoke(app, ['weights', *a]); "
        "assert 'Example: klsweep weights' in run('--help').output; "
        "assert run('--input', '784', '--latent', '10', '--beta', '4').exit_code == 0; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
