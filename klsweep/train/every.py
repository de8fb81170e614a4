"""What is written for one model, done for every member of a fleet."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor
from torch.func import vmap

Found = TypeVar("Found")


def every(of_one: Callable[..., Found], members: int) -> Callable[..., Found]:
    """`of_one` for each of `members`: tensors, in tuples and mappings too, have a leading member axis then.

    A single member goes without `vmap`, which costs more than the arithmetic of a small model.
    """
    if members > 1:
        return vmap(of_one)

    def of_the_only(*given: Any) -> Found:
        alone = _changed(_only, given)
        found: Found = _changed(lambda each: each.unsqueeze(0), of_one(*alone))
        return found

    return of_the_only


def _changed(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with each tensor in its tuples and mappings changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: change(each) for name, each in value.items()}
    changed = [_changed(change, each) for each in value]
    return type(value)(*changed) if hasattr(value, "_fields") else tuple(changed)


def _only(of_members: Tensor) -> Tensor:
    """What is the only member's."""
    (only,) = of_members.unbind()
    return only
