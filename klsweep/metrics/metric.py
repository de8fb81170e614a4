"""What every metric is: settings, a source, its bias and cost in words, and the measuring itself."""

from abc import abstractmethod
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, ClassVar

from klsweep.metrics.evidence import Evidence, Values
from klsweep.part import Part, kind_of


class MetricPart(Part):
    """A measure of one trained model on held-out data; it enters no job's id and never chooses anything."""

    bias: ClassVar[str]
    """How the estimate is known to differ from what it estimates."""
    cost: ClassVar[str]
    """What takes the time, in words."""
    extra: ClassVar[str] = ""
    """The extra of this package that brings the modules it needs."""
    needs: ClassVar[tuple[str, ...]] = ()
    """The modules of that extra."""

    @classmethod
    def missing_modules(cls) -> tuple[str, ...]:
        """Those of `needs` that are not installed."""
        return tuple(name for name in cls.needs if find_spec(name) is None)

    @abstractmethod
    def measure(self, evidence: Evidence) -> Values:
        """Columns of runs.csv by name, each ending in its unit; None where the data or the model have no such value."""


def settings_of(metrics: Iterable[MetricPart]) -> dict[str, dict[str, Any]]:
    """The settings of each metric by its kind, as plain values."""
    return {kind_of(type(metric)): metric.model_dump(mode="json") for metric in metrics}
