"""MLflow: a run for each job in a local SQLite store, an experiment for each sweep. Never a server, no telemetry."""

import contextlib
import shlex
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from klsweep.errors import StoreError
from klsweep.reporting import settings
from klsweep.reporting.exports.jobs import Exported
from klsweep.reporting.exports.surroundings import surroundings
from klsweep.reporting.exports.target import Listener
from klsweep.reporting.exports.tracker import Tracker
from klsweep.result import Status

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FILE = "mlflow.db"
JOB, DIGEST, STATUS, ERROR = "klsweep.job_id", "klsweep.digest", "klsweep.status", "klsweep.error"
"""Tags of a run. The digest is written last: a run without it was cut short."""

# A run starts when it is exported and lasts as long as its training: results do not say when they were made.

ENDED = {Status.OK: "FINISHED", Status.INTERRUPTED: "KILLED"}
"""In MLflow's words; any other status FAILED."""

METRICS, PARAMS = 1000, 100  # that MLflow takes in one call
LONGEST = 5_000  # characters of a param or a tag: MLflow's limit is 6,000 and 8,000


class Mlflow(Tracker):
    """`mlflow.db`."""

    name = "mlflow"
    needs = ("mlflow", "sqlalchemy", "alembic")
    holds_sweeps = True

    def put(
        self, sweep: str, found: Sequence[Exported], directory: Path, listen: Listener
    ) -> tuple[Path, ...]:
        """Add the runs that the store lacks, and replace those whose job was measured or done again."""
        path = (directory / FILE).resolve()
        _check(path)
        with _client(path) as client:
            experiment = _experiment(client, settings.text(sweep), directory)
            known = _runs(client, experiment)
            for done, job in enumerate(found, start=1):
                _put(client, experiment, job, known.get(job.id))
                listen(done, len(found))
        return (directory / FILE,)

    def note(self, directory: Path) -> str:
        """How to look at it."""
        return f"mlflow ui --backend-store-uri {shlex.quote(_uri((directory / FILE).resolve()))}"


@contextlib.contextmanager
def _client(path: Path) -> Iterator["MlflowClient"]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_LOGGING_LEVEL": "ERROR"}
    with surroundings(without="MLFLOW_", **quiet):
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        try:
            yield MlflowClient(_uri(path))
        except MlflowException as error:
            raise _unusable(path, str(error).strip().partition("\n")[0]) from None


def _uri(path: Path) -> str:
    return f"sqlite:///{quote(str(path))}"


def _check(path: Path) -> None:
    """Raise `StoreError` where there is a file that cannot be written: MLflow would try for minutes."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=5)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.Error as error:
        raise _unusable(path, str(error)) from None


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{path}: MLflow cannot write here ({why}): needs a store of this version of MLflow that you may write to: "
        "move it away, or choose another place with --out DIR"
    )


def _experiment(client: "MlflowClient", name: str, directory: Path) -> str:
    """The id of the experiment of this name, which is taken out of the trash if it is there."""
    known = client.get_experiment_by_name(name)
    if known is None:
        artifacts = (directory / "mlartifacts").resolve().as_uri()
        return str(client.create_experiment(name, artifact_location=artifacts))
    if known.lifecycle_stage == "deleted":
        client.restore_experiment(known.experiment_id)
    return str(known.experiment_id)


def _runs(client: "MlflowClient", experiment: str) -> dict[str, Any]:
    """The runs of this experiment that klsweep made, by job id."""
    found: dict[str, Any] = {}
    token = None
    while True:
        page = client.search_runs([experiment], page_token=token)
        found |= {run.data.tags[JOB]: run for run in page if JOB in run.data.tags}
        if not (token := page.token):
            return found


def _put(client: "MlflowClient", experiment: str, job: Exported, known: Any) -> None:
    from mlflow.entities import Metric, Param

    if known is not None:
        if known.data.tags.get(DIGEST) == job.digest:
            return
        client.delete_run(known.info.run_id)  # params are for good and metrics only grow: it is made anew
    tags = {JOB: job.id, STATUS: str(job.status)} | ({ERROR: job.error[-LONGEST:]} if job.error else {})
    now, trained = round(1000 * time.time()), 1000 * job.measured.get("train_seconds", 0.0)
    run = client.create_run(experiment, start_time=now, run_name=job.name, tags=tags).info.run_id
    points = [
        Metric(name, value, now + round(trained * step / max(job.last_step, 1)), step)
        for step, values in (*job.curve, (job.last_step, job.measured))
        for name, value in values.items()
    ]
    params = [Param(name, str(value)[:LONGEST]) for name, value in job.settings.items()]
    for first in range(0, len(params), PARAMS):
        client.log_batch(run, params=params[first : first + PARAMS])
    for first in range(0, len(points), METRICS):
        client.log_batch(run, metrics=points[first : first + METRICS])
    client.set_tag(run, DIGEST, job.digest)
    client.set_terminated(run, ENDED.get(job.status, "FAILED"), end_time=now + round(trained))
