"""Numbers and labels as text: enough digits to tell values apart, and no more."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

FINER = 3  # more digits of a mean than four, for an interval that is as narrow

Natural = tuple[int, float, tuple[tuple[int, int, str], ...]]


def natural(value: object) -> Natural:
    """Sort key: numbers by size before text; in text, digits by their value, so `k=2` precedes `k=10`."""
    if isinstance(value, str):
        parts = re.split(r"(\d+)", value)
        return 1, 0.0, tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
    return 0, float(value), ()  # type: ignore[arg-type]  # a table cell is text or a number


def number(value: float) -> str:
    """Four significant digits, whole numbers without a fraction; empty if unknown."""
    if math.isnan(value):
        return ""
    if math.isinf(value) or value == 0:
        return f"{value:g}"
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude < 7:
        return f"{value:.3e}"
    return f"{value:.{0 if value == round(value) else max(0, 3 - magnitude)}f}"


def estimate(mean: float, half_width: float) -> str:
    """`mean ± half_width`, to two digits of the half width or four of the mean, and always one of the half width.

    The mean alone if the half width is unknown.
    """
    if not math.isfinite(half_width) or not math.isfinite(mean):
        return number(mean)
    largest = max(abs(mean), half_width)
    if largest >= 1e7 or 0 < largest < 1e-4:
        return f"{mean:.2e} ± {half_width:.0e}"
    if half_width == 0:
        return f"{number(mean)} ± 0"
    first = -math.floor(math.log10(half_width))  # the place of its first digit
    enough = max(0, 3 - math.floor(math.log10(largest)))
    if first > enough + FINER:
        return f"{number(mean)} ± {half_width:.0e}"
    decimals = max(first, min(enough, first + 1))
    shown = (f"{round(value, decimals):.{max(0, decimals)}f}" for value in (mean, half_width))
    return " ± ".join(shown)


def distinct(values: Iterable[float]) -> dict[float, str]:
    """Each value in as few significant digits, from three on, as keep different values different."""
    known = sorted({value for value in values if not math.isnan(value)})
    for digits in range(3, 17):
        texts = [f"{value:.{digits}g}" for value in known]
        if len(set(texts)) == len(known):
            return dict(zip(known, texts, strict=True))
    return {value: repr(value) for value in known}


def short(label: str, width: int) -> str:
    """At most `width` characters; what is too long loses its middle."""
    if len(label) <= width:
        return label
    head = (width - 1) * 2 // 3
    return f"{label[:head]}…{label[len(label) - (width - 1 - head) :]}"


def apart(labels: Sequence[str], width: int = 60) -> tuple[str, ...]:
    """Labels of at most about `width` characters; those that would look alike are numbered."""
    shortened = [short(label, width) for label in labels]
    count = Counter(shortened)
    seen: Counter[str] = Counter()
    named = []
    for label in shortened:
        seen[label] += 1
        named.append(f"{label} (#{seen[label]})" if count[label] > 1 else label)
    return tuple(named)


def significant(value: float) -> str:
    """Three significant digits, as on the tick of an axis."""
    return f"{value:.3g}"
