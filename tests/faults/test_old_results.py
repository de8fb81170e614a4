"""Results of every earlier release are read, and what cannot be read is never run again in silence.

`frozen/<version>/old` is a sweep as that release left it; each release adds its own, and none is ever made anew.
"""

import json
import shutil
from pathlib import Path

import pytest

from klsweep import api
from klsweep.result import COLUMNS
from klsweep.running.status import standing
from klsweep.store import Store, codec

FROZEN = sorted((Path(__file__).parent / "frozen").iterdir())


@pytest.mark.parametrize("release", FROZEN, ids=[path.name for path in FROZEN])
def test_results_of_a_release_are_read_and_reported(release, tmp_path):
    results = Path(shutil.copytree(release, tmp_path / "results"))
    runs = api.load(results)
    assert list(runs["beta"]) == [0.5, 2.0]
    assert runs["rate_nats"].is_monotonic_decreasing  # a larger weight on the rate leaves less of it
    assert (runs["elbo_nats"] + runs["distortion_nats"] + runs["rate_nats"]).abs().max() < 1e-9
    assert set(COLUMNS) <= set(runs.columns)
    store = Store(results / "old")
    assert not standing(store).problems
    for record in store.records():
        assert len(store.curve(record.job_id)) == 2
        assert store.arrays(record.job_id)["rate_per_latent_nats"].shape == (2,)
        assert store.weights(record.job_id)
    (report,) = api.report(results)
    assert not [note for note in report.notes if "damaged" in note]


def test_results_of_another_schema_are_told_and_kept_and_their_jobs_run_again(copied, small_spec):
    jobs = copied / "small" / "jobs"
    victim = sorted(jobs.iterdir())[0].name
    body = json.loads((jobs / victim / "result.json").read_bytes())
    body |= {"schema": codec.SCHEMA + 1}
    body.pop("checksum")
    newer = json.dumps({**body, "checksum": codec.checksum(body)})
    (jobs / victim / "result.json").write_text(newer)
    (problem,) = standing(Store(copied / "small")).problems
    assert f"has schema {codec.SCHEMA + 1}; this klsweep reads schema {codec.SCHEMA}" in problem
    summary = api.run(small_spec, results=copied, device="cpu", backend="inline")
    assert summary.exit_code == 0
    assert any("its job will run again" in note for note in summary.notes)
    kept = [path.read_text() for path in jobs.rglob("result.json*") if path.parent.name != victim]
    assert newer in kept
    assert len(Store(copied / "small").records()) == 8
