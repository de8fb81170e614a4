"""From a store to tables and plots that state their units, their intervals and their number of seeds. No torch."""

from klsweep.report.build import Report, build
from klsweep.report.rows import runs
from klsweep.report.stats import summary
from klsweep.report.tables import terminal

__all__ = ["Report", "build", "runs", "summary", "terminal"]
