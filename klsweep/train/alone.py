"""The member axis of a fleet of one, taken off and put on again."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor

Value = TypeVar("Value")


def only(given: Value) -> Value:
    """What is the only member's: tensors, in tuples and mappings too, without their member axis."""
    bare: Value = _changed(lambda each: each.squeeze(0), given)
    return bare


def alone(found: Value) -> Value:
    """The same with a member axis."""
    whole: Value = _changed(lambda each: each.unsqueeze(0), found)
    return whole


def _changed(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with each tensor in its tuples and mappings changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: change(each) for name, each in value.items()}
    changed = [_changed(change, each) for each in value]
    return type(value)(*changed) if hasattr(value, "_fields") else tuple(changed)
