"""A sweep in the forms of other tools: files of tables, and the local stores of experiment trackers. No network."""

from klsweep.reporting.exports.export import TARGETS, export
from klsweep.reporting.exports.target import Export

__all__ = ["TARGETS", "Export", "export"]
