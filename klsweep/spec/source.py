"""Reading YAML 1.2, strictly: one document, no tags, no anchors, no key twice, every value with its place.

Scalars follow the core schema of YAML 1.2 (section 10.3.2): `1e-3` is a number and `on` is text. Floats are
rounded to the 12 significant digits that enter a job's id, so what is trained is exactly what was named.
"""

import io
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from klsweep.errors import SpecError
from klsweep.spec.node import Node, Place, Scalar
from klsweep.spec.problems import Mistake, did_you_mean, ordered

INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
DEEPEST = 32  # a spec nests five deep; an attack on the reader's recursion, thousands
LONGEST_INTEGER = 40  # digits; Python refuses to read more than 4300

Marks: TypeAlias = Callable[[Any], Place]


def rounded(value: float) -> float:
    """Twelve significant digits, as in `job.id`."""
    return float(f"{value:.12g}")


def parse(text: str, source: str) -> tuple[Node, list[Mistake]]:
    """The only document of a text, and mistakes that leave it readable; `SpecError` where there is none."""
    return _read(text, lambda mark: Place(source, mark.line + 1, mark.column + 1), Place(source, 1, 1))


def parse_value(text: str, place: Place) -> tuple[Node, list[Mistake]]:
    """A value from the command line: every part of it stands at `place`."""
    return _read(text, lambda _: place, place)


def text(path: Path) -> str:
    """The text of a spec file; `SpecError` where it is not there or not text."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        found = sorted(each.name for each in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        fix = did_you_mean(path.name, found) or (f"found there: {', '.join(found)}" if found else "")
        raise _fatal(Place(str(path)), "there is no such file", fix=fix) from None
    except IsADirectoryError:
        fix = f"name a file in it, such as {path / 'sweep.yaml'}"
        raise _fatal(Place(str(path)), "this is a folder, not a spec", fix=fix) from None
    except (OSError, ValueError) as error:
        raise _fatal(Place(str(path)), f"cannot be read: {error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        place = Place(str(path), before.count(b"\n") + 1, column)
        raise _fatal(
            place, f"byte 0x{raw[error.start]:02x} is not UTF-8", fix="save the file as UTF-8"
        ) from None


def _read(text: str, at: Marks, start: Place) -> tuple[Node, list[Mistake]]:
    mistakes: list[Mistake] = []
    try:
        stream = YAML(typ="safe", pure=True).parse(io.StringIO(text))
        return _document(_Reader(stream, at, mistakes), start, mistakes), mistakes
    except MarkedYAMLError as error:
        place = at(error.problem_mark) if error.problem_mark else start
        raise SpecError(ordered([*mistakes, _syntax(place, error)])) from None
    except (YAMLError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise SpecError(ordered([*mistakes, Mistake(start, f"not YAML: {what}")])) from None


def _document(reader: "_Reader", start: Place, mistakes: list[Mistake]) -> Node:
    reader.skip(events.StreamStartEvent)
    if isinstance(reader.next, events.StreamEndEvent):
        raise _fatal(start, "the spec is empty", fix="start from `version: 1`, or from an example")
    reader.skip(events.DocumentStartEvent)
    root = reader.node(None, 0)
    reader.skip(events.DocumentEndEvent)
    if not isinstance(reader.next, events.StreamEndEvent):
        place = reader.at(reader.next.start_mark)
        fix = "keep one, and move the others to files of their own"
        mistakes.append(Mistake(place, "a second document starts here", "allowed: one document a file", fix))
    return root


def _syntax(place: Place, error: MarkedYAMLError) -> Mistake:
    what = str(error.problem or error)
    if "'\\t'" in what:
        return Mistake(place, "a tab cannot indent in YAML", fix="indent with spaces")
    if "cannot start any token" in what:
        return Mistake(place, what, fix="put the text in quotes")
    while_ = f" {error.context}" if error.context else ""
    return Mistake(
        place, f"not YAML: {what}{while_}", fix="check the indentation, brackets and quotes before it"
    )


def _fatal(place: Place, what: str, *, allowed: str = "", fix: str = "") -> SpecError:
    return SpecError(ordered([Mistake(place, what, allowed, fix)]))


class _Reader:
    """Turns the stream of YAML events into nodes."""

    def __init__(self, stream: Iterator[Any], at: Marks, mistakes: list[Mistake]) -> None:
        self.stream, self.at, self.mistakes = stream, at, mistakes
        self.next: Any = next(stream)

    def take(self) -> Any:
        event = self.next
        self.next = next(self.stream, None)
        return event

    def skip(self, expected: type[Any]) -> None:
        assert isinstance(self.next, expected), f"ruamel.yaml: {self.next} where {expected} was due"
        self.take()

    def node(self, key: Place | None, depth: int) -> Node:
        event = self.take()
        place = self.at(event.start_mark)
        self._check(event, place)
        if depth > DEEPEST:
            raise _fatal(place, f"nested deeper than {DEEPEST} levels", fix="a spec needs five")
        if isinstance(event, events.MappingStartEvent):
            return Node(self._mapping(depth), place, key or place)
        if isinstance(event, events.SequenceStartEvent):
            return Node(self._items(depth), place, key or place)
        return Node(self._scalar(event, place), place, key or place)

    def _check(self, event: Any, place: Place) -> None:
        if isinstance(event, events.AliasEvent) or getattr(event, "anchor", None):
            sign = "*" if isinstance(event, events.AliasEvent) else "&"
            fix = "write the value out; text that starts with this sign needs quotes"
            self.mistakes.append(
                Mistake(place, f"{sign}{event.anchor}: anchors and aliases are not read", "", fix)
            )
        elif event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            fix = "leave the tag out: types follow from the value"
            self.mistakes.append(Mistake(place, f"{tag}: YAML tags are not read", "", fix))

    def _mapping(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(self.next, events.MappingEndEvent):
            key = self.node(None, depth + 1)
            name = "" if key.value is None else str(key.plain)
            if key.mapping is not None or key.items is not None or not name:
                what = "a key must be a word"
                self.mistakes.append(Mistake(key.place, what, fix="write a name before the colon"))
            if name in entries:
                first = entries[name].key
                where = f"first on line {first.line}" if first.line else "it stands there twice"
                self.mistakes.append(
                    Mistake(key.place, f"{name} is given twice", where, "keep one of the two")
                )
            entries[name] = self.node(key.place, depth + 1)
        self.take()
        return entries

    def _items(self, depth: int) -> tuple[Node, ...]:
        items: list[Node] = []
        while not isinstance(self.next, events.SequenceEndEvent):
            items.append(self.node(None, depth + 1))
        self.take()
        return tuple(items)

    def _scalar(self, event: Any, place: Place) -> Scalar:
        if isinstance(event, events.AliasEvent):
            return None
        text = str(event.value)
        if event.style or event.tag is not None:
            return text
        if text in WORDS:
            return WORDS[text]
        if INTEGER.fullmatch(text):
            return self._integer(text, place)
        value = float(text) if FLOAT.fullmatch(text) else math.nan if NOT_FINITE.fullmatch(text) else None
        if value is None:
            return text
        if not math.isfinite(value):
            self.mistakes.append(Mistake(place, f"{text} is not a finite number", "allowed: finite numbers"))
        return rounded(value)

    def _integer(self, text: str, place: Place) -> int | float:
        if len(text) > LONGEST_INTEGER:
            how = f"allowed: {LONGEST_INTEGER} digits"
            self.mistakes.append(Mistake(place, f"{text[:8]}... has {len(text)} digits", how))
            return math.nan
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
