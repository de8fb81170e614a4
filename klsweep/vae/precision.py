"""Half precision ends where nats begin: a sum over hundreds of dimensions has no use for 8 bits of mantissa."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_float32(compute: Callable[P, R]) -> Callable[P, R]:
    """`compute` outside autocast, its half-precision tensors as float32; float32 and float64 stay what they are.

    What networks give under autocast is bfloat16 or float16; what is computed from it is then as exact as if the same
    numbers had come in float32.
    """

    @wraps(compute)
    def exactly(*args: P.args, **kwargs: P.kwargs) -> R:
        import torch

        whole: Any = [_whole(each) for each in args]
        named: Any = {name: _whole(each) for name, each in kwargs.items()}
        if not torch.is_autocast_enabled("cpu") and not torch.is_autocast_enabled("cuda"):
            return compute(*whole, **named)
        device = next(
            each.device.type for each in (*whole, *named.values()) if isinstance(each, torch.Tensor)
        )
        with torch.autocast(device, enabled=False):
            return compute(*whole, **named)

    return exactly


def _whole(value: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    if isinstance(value, Mapping):
        return {name: _whole(each) for name, each in value.items()}
    return value
