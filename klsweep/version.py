"""The version of klsweep, apart from the package's face, so that every floor may know it."""

__version__ = "0.1.0"
