"""How figures look: on a screen, or in a column of a paper. Sizes in inches, fonts in points."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Look:
    """Fonts, sizes, and the files of a figure."""

    em: float
    """Mean width of a character, in font sizes, for text that is wrapped."""
    small: float
    normal: float
    large: float
    strokes: float
    """Factor of every line's width and every marker's size."""
    panel: tuple[float, float]
    alone: tuple[float, float]
    """Size of the only panel of a figure."""
    columns: int
    rows: int
    """Panels in one figure, at most."""
    kinds: tuple[str, ...]
    width: float | None = None
    """Of every figure; None: as wide as its panels ask, and `alone` at least."""
    has_text: bool = True
    """Whether title and foot stand in the figure; else they are its caption, in a file of its own."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Names of the weights on an axis, and of beta_norm where there is little room."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of matplotlib."""

    @property
    def narrowest(self) -> float:
        """Width of the narrowest figure."""
        return self.width or self.alone[0]

    def wide(self, asked: float) -> float:
        """Width of a figure whose panels ask for so much."""
        return self.width or max(self.narrowest, asked)


SCREEN = Look(
    em=0.57,
    small=8,
    normal=9,
    large=11,
    strokes=1.0,
    panel=(3.1, 2.5),
    alone=(6.4, 3.8),
    columns=4,
    rows=3,
    kinds=("png", "svg"),
    words={
        "beta_norm": "beta_norm = beta · M / N (no unit)",
        "short": "beta_norm (no unit)",
        "beta": "beta (no unit)",
        "weight": "raw weight (no unit)",
    },
    settings={"font.family": "DejaVu Sans"},  # comes with matplotlib, so every machine draws the same
)

PAPER = Look(
    em=0.48,
    small=6,
    normal=7,
    large=8,
    strokes=0.65,
    panel=(1.65, 1.45),
    alone=(3.3, 2.2),
    columns=2,
    rows=4,
    kinds=("png", "svg", "pdf"),
    width=3.3,  # a column of most two-column journals
    has_text=False,
    words={
        "beta_norm": r"$\beta_{\mathrm{norm}} = \beta\, M / N$",
        "short": r"$\beta_{\mathrm{norm}}$",
        "beta": r"$\beta$",
        "weight": r"raw weight $w$",
    },
    settings={
        "font.family": "STIXGeneral",  # goes with Times, and comes with matplotlib
        "mathtext.fontset": "stix",
        "figure.dpi": 300,
        "pdf.fonttype": 42,  # journals refuse type 3
    },
)

LOOKS = {"screen": SCREEN, "paper": PAPER}

_CURRENT: ContextVar[Look] = ContextVar("look", default=SCREEN)


def current() -> Look:
    """The look that figures are drawn in now."""
    return _CURRENT.get()


def use(look: Look) -> Any:
    """Draw in this look from here on; gives what `done` takes back."""
    return _CURRENT.set(look)


def done(token: Any) -> None:
    """Draw in the look of before."""
    _CURRENT.reset(token)
