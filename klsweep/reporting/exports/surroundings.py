"""Environment variables for the time of a call: how other libraries are told to stay offline."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def surroundings(*, without: str, **values: str) -> Iterator[None]:
    """Set `values`, hide the variables that begin with `without`, and put all back afterwards."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(without)]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
