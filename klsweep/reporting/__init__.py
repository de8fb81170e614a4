"""From a store to tables and plots that state their units, their intervals and their number of seeds. No torch."""

from klsweep.reporting.build import Report, build
from klsweep.reporting.rows import runs
from klsweep.reporting.stats import summary
from klsweep.reporting.tables import terminal

__all__ = ["Report", "build", "runs", "summary", "terminal"]
