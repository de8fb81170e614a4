"""A run keeps the spectrum of its data for the report, once, where it is of use, and is never stopped by it."""

import errno

import numpy as np
import pytest

from klsweep import spec
from klsweep.reporting.closed_forms import closed_forms
from klsweep.running.fleets import fleets
from klsweep.running.runner import Options, run
from klsweep.running.spectra import keepers
from klsweep.store import Store
from klsweep.theory.forecast import of_data

SPEC = """\
version: 1
name: kept
fixed:
  dataset: {kind: digits, limit: 100}
  model: linear
  likelihood: mse
  train: {epochs: 1}
grid:
  latent_dim: [2, 3]
  beta_norm: [0.01, 0.1]
"""


def trained(tmp_path, *overrides) -> Store:
    summary = run(spec.read_text(SPEC, overrides), Options(results=tmp_path, device="cpu", backend="inline"))
    assert summary.exit_code == 0
    return Store(summary.path)


def test_a_run_keeps_the_spectrum_of_its_training_split_and_the_report_finds_it(tmp_path):
    store = trained(tmp_path)
    (job, *_) = spec.read_text(SPEC).jobs
    wanted = of_data(job.dataset.load(), axes=3)
    forms = closed_forms(store)
    assert set(forms.spectra) == {job.dataset.label} == {record.row["dataset"] for record in store.records()}
    for name, array in forms.spectra[job.dataset.label].arrays().items():
        np.testing.assert_array_equal(array, wanted.arrays()[name])
    assert forms.likelihoods == {"mse": {"kind": "mse"}}


def test_no_spectrum_is_kept_where_no_likelihood_has_a_closed_form(tmp_path):
    assert trained(tmp_path, "likelihood=bernoulli").spectra() == {}


def test_one_fleet_of_each_data_set_keeps_it_with_axes_for_all_of_them(tmp_path):
    sweep = spec.read_text(SPEC, ["dataset.limit=100,200", "latent_dim=2,3,5"])
    planned = fleets(sweep.jobs, "cpu", cores=1)
    store = Store.open(tmp_path, sweep.name)
    asked = keepers(planned, store)
    assert len(planned) == 6
    assert list(asked.values()) == [5, 5]
    keeping = {fleet.jobs[0].dataset.label for fleet in planned if fleet.id in asked}
    assert keeping == {"digits(limit=100)", "digits(limit=200)"}
    store.write_spectrum("digits(limit=100)", {"values": np.ones(1)})
    assert len(keepers(planned, store)) == 1


@pytest.mark.parametrize(
    "error",
    [MemoryError("too large"), np.linalg.LinAlgError("no"), OSError(errno.ENOSPC, "full"), ValueError("NaN")],
)
def test_a_spectrum_that_cannot_be_had_stops_no_training(tmp_path, monkeypatch, capsys, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr("klsweep.theory.forecast.of_data", fails)
    store = trained(tmp_path)
    assert len(store.records()) == 4
    assert store.spectra() == {}
    assert "no closed form in the report" in capsys.readouterr().err
