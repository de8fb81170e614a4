"""A value of a spec that knows where it was written."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

Scalar: TypeAlias = bool | int | float | str | None
Key: TypeAlias = tuple[str, ...]
"""Where a setting lives in a job: `train.lr` is ("train", "lr")."""


def dotted(key: Key) -> str:
    """A key as it is written: `train.lr`."""
    return ".".join(key)


def key_of(text: str) -> Key:
    """The key that is written `train.lr`."""
    return tuple(text.split("."))


@dataclass(frozen=True)
class Place:
    """A line and column in a file, both from 1; on the command line, line 0 and the argument's number."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file:line:column`, or the source alone where there are no lines."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source

    @property
    def order(self) -> tuple[bool, int, int]:
        """Sorts by position in the file; the command line comes last."""
        return (not self.line, self.line, self.column)


@dataclass(frozen=True)
class Node:
    """A scalar, a list or a mapping, with the place of its value and of the key before it."""

    value: "Scalar | tuple[Node, ...] | dict[str, Node]"
    place: Place
    key: Place

    @property
    def mapping(self) -> "dict[str, Node] | None":
        """The entries of a mapping; None for anything else."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> "tuple[Node, ...] | None":
        """The items of a list; None for anything else."""
        return self.value if isinstance(self.value, tuple) else None

    @cached_property
    def plain(self) -> Any:
        """The value in plain Python: dict, list, str, int, float, bool or None."""
        if isinstance(self.value, dict):
            return {name: node.plain for name, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain for node in self.value]
        return self.value

    def find(self, path: tuple[str | int, ...]) -> "tuple[Node, int]":
        """The deepest node along a path, and how many steps of it were found."""
        node = self
        for depth, step in enumerate(path):
            inner = node._child(step)
            if inner is None:
                return node, depth
            node = inner
        return node, len(path)

    def _child(self, step: str | int) -> "Node | None":
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, tuple) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None
