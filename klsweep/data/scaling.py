"""The user's numbers as data: checked, brought to [n, *input_shape], and scaled by what the training data say."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from klsweep.data.split import Array, Splits
from klsweep.data.values import WHITEST
from klsweep.errors import DataError, Problem

Scale = Literal["auto", "unit", "standardize", "none"]
CHANNELS = (1, 3, 4)  # grey, RGB, RGBA


def checked(values: NDArray[Any], *, where: str) -> NDArray[Any]:
    """Numbers [n, ...] in the shape of data, all finite; `DataError` otherwise."""
    if values.dtype.kind not in "buif":
        raise DataError(
            [_refused(where, f"the type {values.dtype}", "real numbers: bool, int, uint or float")]
        )
    if values.ndim not in (2, 3, 4) or 0 in values.shape[1:]:
        fix = "write x.reshape(len(x), -1) for flat data"
        allowed = "[n, d], [n, H, W], [n, H, W, C] or [n, C, H, W], no axis empty"
        raise DataError([_refused(where, f"the shape {list(values.shape)}", allowed, fix)])
    if values.dtype.kind == "f":
        _check_finite(values, where)
    return _channels_first(values)


def scaled(values: Splits[NDArray[Any]], scale: Scale) -> Splits[Array]:
    """float32 values. What is estimated (range, mean, deviation) is estimated from the training split alone.

    Flat data [n, d] are scaled dimension by dimension, pictures by one pair of numbers. A dimension that does
    not vary becomes 0. Under `unit`, held-out values beyond the training range are clipped to [0, 1].
    """
    if scale == "none" or (scale == "auto" and not _eight_bit(values)):
        return _as_float32(values)
    if scale == "auto":
        return Splits(*(np.divide(split, np.float32(WHITEST), dtype=np.float32) for split in values))
    axis = 0 if values.train.ndim == 2 else None
    if scale == "unit":
        low, high = values.train.min(axis), values.train.max(axis)
        shifted = _shifted(values, low, np.subtract(high, low, dtype=np.float64))
        return _as_float32(Splits(*(split.clip(0, 1) for split in shifted)))
    mean, deviation = values.train.mean(axis, dtype=np.float64), values.train.std(axis, dtype=np.float64)
    return _as_float32(_shifted(values, mean, deviation))


def _shifted(values: Splits[NDArray[Any]], centre: Any, width: Any) -> Splits[NDArray[np.float64]]:
    """(values - centre) / width in float64, where a width of 0 divides by nothing."""
    by = np.where(width > 0, width, np.inf)
    return Splits(*(np.asarray((split - np.float64(centre)) / by) for split in values))


def _eight_bit(values: Splits[NDArray[Any]]) -> bool:
    """Whether these are bytes of pictures; bytes of nothing but 0 and 1 are binary already."""
    if values.train.dtype != np.uint8:
        return False
    return any(bool(split.max() > 1) for split in values if split.size)


def _as_float32(values: Splits[NDArray[Any]]) -> Splits[Array]:
    with np.errstate(over="ignore"):  # an overflow is found right below, and said in our words
        result = Splits(*(split.astype(np.float32) for split in values))
    for split in result:
        if not np.isfinite(split).all():
            largest = float(np.finfo(np.float32).max)
            raise DataError(
                [
                    _refused(
                        "dataset.scale",
                        "values too large for float32",
                        f"at most {largest:.1e}",
                        "scale them",
                    )
                ]
            )
    return result


def _check_finite(values: NDArray[Any], where: str) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        first = np.argwhere(~finite)[0]
        raise DataError(
            [
                _refused(
                    where,
                    f"{int((~finite).sum())} values that are NaN or infinite, the first at {first.tolist()}",
                    "finite numbers",
                    "drop or fill them before saving the file",
                )
            ]
        )


def _channels_first(values: NDArray[Any]) -> NDArray[Any]:
    """[n, H, W] to [n, 1, H, W]; [n, H, W, C] to [n, C, H, W], unless the second axis can be channels too."""
    if values.ndim == 3:
        return values[:, None]
    if values.ndim == 4 and values.shape[3] in CHANNELS and values.shape[1] not in CHANNELS:
        return np.moveaxis(values, 3, 1)
    return values


def _refused(where: str, what: str, allowed: str, fix: str = "save the file with such values") -> Problem:
    return Problem(where, f"has {what}", allowed, fix)
