"""TensorBoard: a folder for each job with its curve as scalars and its settings as hparams. Needs no torch.

The scalars are named as in runs.csv and curve.csv. Results do not say when they were made: an event's wall time is
the seconds of training before it, so the relative axis is the time trained and the same job gives the same bytes.
"""

import io
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from klsweep.reporting.exports.jobs import Exported
from klsweep.reporting.exports.target import Listener
from klsweep.reporting.exports.tracker import Tracker
from klsweep.result import Status
from klsweep.store import atomic

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

FILE = "events.out.tfevents.klsweep"
"""TensorBoard reads every file with `tfevents` in its name."""


class TensorBoard(Tracker):
    """`tensorboard/<job>/`, one event file in each."""

    name = "tensorboard"
    needs = ("tensorboard",)

    def put(
        self, _sweep: str, found: Sequence[Exported], directory: Path, listen: Listener
    ) -> tuple[Path, ...]:
        """Replace the event file of every finished job."""
        paths = []
        for job in found:
            paths.append(directory / self.name / job.id / FILE)
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            atomic.write(paths[-1], _encoded(_events(job)))
            listen(len(paths), len(found))
        return tuple(paths)

    def note(self, directory: Path) -> str:
        """How to look at it."""
        return f"tensorboard --logdir {shlex.quote(str(directory / self.name))}"


def _events(job: Exported) -> Iterator["Event"]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
    from tensorboard.plugins.hparams.metadata import SESSION_END_INFO_TAG, SESSION_START_INFO_TAG
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

    seconds = job.measured.get("train_seconds", 0.0)
    yield Event(file_version="brain.Event:2")
    yield Event(summary=_hparams(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=_start(job))))
    for step, values in job.curve:
        wall_time = seconds * step / max(job.last_step, 1)
        yield Event(step=step, wall_time=wall_time, summary=_scalars(values.items()))
    yield Event(step=job.last_step, wall_time=seconds, summary=_scalars(job.measured.items()))
    status = STATUS_SUCCESS if job.status is Status.OK else STATUS_FAILURE
    ended = HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=seconds))
    yield Event(step=job.last_step, wall_time=seconds, summary=_hparams(SESSION_END_INFO_TAG, ended))


def _scalars(values: Iterable[tuple[str, float]]) -> "Summary":
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values])


def _start(job: Exported) -> object:
    from tensorboard.plugins.hparams.plugin_data_pb2 import SessionStartInfo

    start = SessionStartInfo(group_name=job.id)
    for name, value in job.settings.items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return start


def _hparams(tag: str, data: "HParamsPluginData") -> "Summary":
    """As TensorBoard's own writer, which would need TensorFlow; settings in an order that never changes."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    data.version = metadata.PLUGIN_DATA_VERSION
    about = metadata.create_summary_metadata(data)
    about.plugin_data.content = data.SerializeToString(deterministic=True)
    return Summary(value=[Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)])


def _encoded(events: Iterable["Event"]) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
    return content.getvalue()
