"""The command line: the only floor that prints. Importing it loads neither torch nor pandas."""

from klsweep.cli.app import main

__all__ = ["main"]
