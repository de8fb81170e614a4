"""`klsweep forecast`: what it prints, writes and refuses, and what a run keeps for the report."""

import json
import os
import re
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import klsweep
from klsweep import api
from klsweep.cli.app import app, main
from klsweep.theory.forecast import COLUMNS

SPEC = """\
version: 1
name: ahead
fixed:
  dataset: {kind: digits, limit: 200}
  train: {epochs: 1}
grid:
  model: [linear, {kind: mlp, hidden: [8]}]
  latent_dim: [2, 4]
  likelihood: [mse, {kind: gaussian, variance: learned}, bernoulli]
  reduction: [sum, mean]
  weight: [0.01, 1.0]
"""


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_a_data_set_alone_gives_spectrum_collapse_and_settings_within_80_columns():
    done = invoke("forecast", "digits")
    assert done.exit_code == 0
    shown = done.stdout
    assert max(map(len, shown.splitlines())) <= 80
    for words in (
        "spectrum of the training data",
        "total collapse",
        "the best linear VAE: mse",
        "mean_recon",
        "learned",
    ):
        assert words in shown
    assert len(re.findall(r"^ ?(2|10|32) +0\.\d+ ", shown, re.MULTILINE)) >= 9  # the settings below 1
    assert "\x1b" not in shown


def test_a_spec_is_foreseen_with_reasons_for_what_cannot_be(write_spec):
    shown = invoke("forecast", write_spec(SPEC)).stdout
    assert max(map(len, shown.splitlines())) <= 80
    text = " ".join(shown.split())
    assert (
        "no closed form applies to likelihood bernoulli; no model's distortion gets below the entropy" in text
    )
    assert "the best linear VAE: gaussian(variance=learned), elbo" in text
    assert "for mlp(hidden=8): no network wide enough to hold the linear map needs a higher rate" in text


def test_the_forecast_as_json_is_all_of_it_and_nothing_else(write_spec, klsweep):
    code, out, err = klsweep("forecast", write_spec(SPEC), "latent_dim=2", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["name"] == "ahead"
    assert len(found["settings"]) == 3 * 2 * 2
    assert all(tuple(row) == COLUMNS for row in found["settings"])
    (spectrum,) = found["spectra"]
    assert sum(spectrum["eigenvalues"]) == pytest.approx(spectrum["total_variance"])
    assert {each["sigma2"] for each in found["collapse"]} == {0.5, 1.0, "learned"}
    assert found["files"] == []


def test_files_hold_the_same_numbers_and_the_same_bytes_again(write_spec, tmp_path):
    path = write_spec(SPEC)
    shown = [invoke("forecast", path, "--out", tmp_path / name).stdout for name in ("a", "b")]
    names = {"forecast.csv", "curve.csv", "spectrum.csv", "forecast.png", "forecast.svg"}
    assert {each.name for each in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert f"wrote {tmp_path / 'a' / name}" in shown[0]
    table = pd.read_csv(tmp_path / "a" / "forecast.csv")
    rows = api.forecast(path).rows
    assert list(table.columns) == list(COLUMNS)
    np.testing.assert_allclose(table["theta"], [row["theta"] or np.nan for row in rows])
    curve = pd.read_csv(tmp_path / "a" / "curve.csv")
    assert set(curve["latent_dim"].dropna()) == {2, 4}
    whole = curve[curve["latent_dim"].isna()]
    assert whole["train_rate_nats"].is_monotonic_increasing
    assert whole["train_recon_sse"].is_monotonic_decreasing


def test_a_spec_with_nothing_but_unknowns_still_has_a_plot_of_its_data(write_spec, tmp_path):
    done = invoke("forecast", write_spec(SPEC), "likelihood=bernoulli", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert (tmp_path / "out" / "forecast.png").stat().st_size > 10_000


WRONG = {
    "no data set of that name": (["forecast", "mnits"], "allowed: a .yaml file, digits, mnist"),
    "no such spec": (["forecast", "absent.yaml"], "absent.yaml"),
    "a kind that needs settings": (["forecast", "npz"], "write its settings into a spec"),
    "an unknown axis": (["forecast", "digits", "latent=3"], "latent"),
    "a place that is a file": (["forecast", "digits", "--out", "tiny.yaml"], "needs a directory"),
    "data that are not there": (["forecast", "mnist", "--data-dir", "."], "mnist is not here"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_told_with_exit_code_2(write_spec, tmp_path, monkeypatch, capsys, mistake):
    arguments, words = WRONG[mistake]
    write_spec()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KLSWEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # where nobody answers
    monkeypatch.setattr(sys, "argv", ["klsweep", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_the_verb_of_the_package_is_the_same():
    found = klsweep.forecast("digits", ["dataset.limit=200", "latent_dim=2"])
    assert found.rows == api.forecast("digits", ["dataset.limit=200", "latent_dim=2"]).rows


@pytest.mark.mnist
@pytest.mark.skipif("KLSWEEP_DATA" not in os.environ, reason="needs the MNIST files in KLSWEEP_DATA")
def test_mnist_is_foreseen_in_under_20_seconds_of_this_process():
    started = time.process_time()
    found = api.forecast("mnist")
    # of processor time, which other work on the machine does not stretch as it does the clock
    assert time.process_time() - started < 20
    (spectrum,) = found.spectra.values()
    assert (spectrum.input_dim, len(spectrum.values)) == (784, 784)
    assert len(found.rows) == 3 * 9
