"""Pictures from the store: reconstructions, prior samples, traversals and manifolds, by weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from klsweep.reporting import numbers
from klsweep.reporting.plots import canvas, grids, layout, looks
from klsweep.reporting.plots.material import Arrays, Case, Material, seeds, spread, unseen
from klsweep.result import Pictures

TILE = 0.31  # inches of a picture
WIDEST = 3.0  # inches of a row of pictures on a screen
LARGEST = 96  # pixels along a side that are shown
GAP = 0.08  # between pictures, in pictures
SHEETS = 6  # settings in one figure
FEW = 4  # weights whose traversals and manifolds are shown
SOUGHT = 24  # settings that are looked at for pictures, at most

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """One pair of axes: pictures [row, column, channel, height, width] with a label for each row."""

    title: str
    pictures: Bytes
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Shown:
    """The pictures of one setting: the lowest seed of every weight, smallest weight first."""

    case: Case
    weights: tuple[tuple[float, float], ...]  # (beta_norm, beta)
    arrays: tuple[Arrays, ...]

    def few(self) -> list[tuple[tuple[float, float], Arrays]]:
        """At most `FEW` of the weights and their pictures."""
        places = spread(len(self.arrays), FEW)
        return [(self.weights[place], self.arrays[place]) for place in places]


def reconstructions(material: Material) -> Figure | None:
    """The same held-out images under every weight, the images themselves on top; None without pictures."""
    shown, said = _with(material, Pictures.RECONSTRUCTIONS, SHEETS)
    sheets: list[Sheet] = []
    for each in shown:
        strips = [each.arrays[0][Pictures.ORIGINALS], *(a[Pictures.RECONSTRUCTIONS] for a in each.arrays)]
        sheets.append(Sheet(each.case.title, np.stack(strips), ("original", *_texts(each))))
    how = "Held-out images, and E[x|z] at the mean of their posteriors"
    rows = _in_rows(sheets, _across())
    return _figure(material, rows, title="Reconstructions by weight", said=(LABELLED, how, *said))


def samples(material: Material) -> Figure | None:
    """Draws from the prior under every weight, of the same z for all weights; None without pictures."""
    shown, said = _with(material, Pictures.SAMPLES, SHEETS)
    sheets = [
        Sheet(each.case.title, np.stack([arrays[Pictures.SAMPLES] for arrays in each.arrays]), _texts(each))
        for each in shown
    ]
    how = "E[x|z] at z from the prior, the same z in every row of a panel"
    rows = _in_rows(sheets, _across())
    return _figure(material, rows, title="Prior samples by weight", said=(LABELLED, how, *said))


def traversals(material: Material) -> Figure | None:
    """One latent at a time from -3 to 3, most used first, for a few weights; None without pictures."""
    shown, said = _with(material, Pictures.TRAVERSALS, 2)
    rows = []
    for each in shown:
        sheets = []
        for weights, arrays in each.few():
            latents = tuple(f"z{int(latent)}" for latent in arrays[Pictures.TRAVERSED])
            sheets.append(Sheet(_title(each, weights), arrays[Pictures.TRAVERSALS], latents))
        rows += _in_rows(sheets, _few())
    how = "From the first held-out image's code, one latent at a time from -3 to 3; latents in the order of their rates"
    return _figure(material, rows, title="Traversals of the most used latents", said=(how, *said))


def manifold(material: Material) -> Figure | None:
    """The plane of two latents at the prior's quantiles, for a few weights; None without such a model."""
    shown, said = _with(material, Pictures.MANIFOLD, 2)
    rows = []
    for each in shown:
        sheets = [
            Sheet(_title(each, weights), arrays[Pictures.MANIFOLD], ()) for weights, arrays in each.few()
        ]
        rows += _in_rows(sheets, _few())
    how = "E[x|z] at equal steps of the prior's distribution function in both latents (Kingma & Welling 2014)"
    return _figure(material, rows, title="Manifold of two latents", said=(how, *said))


LABELLED = "Rows: beta_norm, and beta in brackets"


def _with(material: Material, name: str, most: int) -> tuple[list[Shown], tuple[str, ...]]:
    """The settings that have a picture, and what is to be said of the others."""
    found = material.cases
    having = (
        case for case in found[:SOUGHT] if name in material.arrays(str(case.ok["job_id"].iloc[case.rows[0]]))
    )
    shown = [each for case in islice(having, most) if (each := _shown(material, case, name)).arrays]
    if not shown:
        return [], ()
    return shown, (
        seeds([each.case for each in shown]),
        unseen(len(found) - len(shown), "the jobs' arrays.npz"),
    )


def _shown(material: Material, case: Case, name: str) -> Shown:
    picked = case.one_per_weight()
    arrays = [material.arrays(job_id) for job_id in picked["job_id"]]
    pairs = picked[["beta_norm", "beta"]].astype(float).itertuples(index=False, name=None)
    kept = [(weights, each) for weights, each in zip(pairs, arrays, strict=True) if name in each]
    return Shown(case, tuple(weights for weights, _ in kept), tuple(each for _, each in kept))


def _texts(shown: Shown) -> tuple[str, ...]:
    return tuple(f"{numbers.significant(norm)} ({numbers.significant(beta)})" for norm, beta in shown.weights)


def _title(shown: Shown, weights: tuple[float, float]) -> str:
    norm, beta = map(numbers.significant, weights)
    return f"{shown.case.title}\nbeta_norm {norm} (beta {beta})".lstrip()


def _figure(
    material: Material, rows: Sequence[Sequence[Sheet]], *, title: str, said: Sequence[str]
) -> Figure | None:
    """Rows of sheets under each other; None without any."""
    if not rows:
        return None
    columns = max(map(len, rows))
    every = [sheet for row in rows for sheet in row]
    tile = _tile(every, columns)
    wide = max(tile * sheet.pictures.shape[1] + _label_inches(sheet) for sheet in every)
    high = [tile * max(sheet.pictures.shape[0] for sheet in row) for row in rows]
    above = [_title_inches(row, tile) for row in rows]
    parts = (grids.alike(material.runs), *said)
    figure = canvas.paper(
        looks.current().wide(columns * wide + 0.3),
        sum(high) + sum(above),
        title=title,
        foot=". ".join(part for part in parts if part) + ".",
    )
    places = figure.add_gridspec(len(rows), columns, height_ratios=high)
    for row, line in enumerate(rows):
        for column, sheet in enumerate(line):
            axes = figure.add_subplot(places[row, column])
            _draw(axes, sheet)
            axes.set_title(sheet.title)
    layout.arrange(figure)
    return figure


def _tile(every: Sequence[Sheet], columns: int) -> float:
    """Inches of a picture: as large as the paper allows, and no larger than `TILE`."""
    across = max(sheet.pictures.shape[1] for sheet in every)
    width = looks.current().width
    room = WIDEST if width is None else (width - 0.2) / columns - max(map(_label_inches, every)) - 0.1
    return float(min(TILE, room / across))


def _label_inches(sheet: Sheet) -> float:
    return layout.width_of(max(sheet.labels, key=len), canvas.small()) + 0.15 if sheet.labels else 0.05


def _title_inches(row: Sequence[Sheet], tile: float) -> float:
    """What is above a row of sheets, once their titles are as wide as their pictures."""
    titles = (canvas.wrapped(sheet.title, tile * sheet.pictures.shape[1]) for sheet in row)
    lines = max((text.count("\n") + 1 if text else 0) for text in titles)
    return (layout.LINE * canvas.small() * lines + 6) / 72 + 0.1


def _across() -> int:
    """Sheets of strips side by side."""
    return 3 if looks.current().width is None else 1


def _few() -> int:
    """Sheets of `FEW` weights side by side."""
    return FEW if looks.current().width is None else FEW // 2


def _in_rows(sheets: Sequence[Sheet], across: int) -> list[Sequence[Sheet]]:
    return [sheets[start : start + across] for start in range(0, len(sheets), across)]


def _draw(axes: Axes, sheet: Sheet) -> None:
    """One image of all the pictures, so that drawing takes no longer for many."""
    step = max(1, sheet.pictures.shape[-1] // LARGEST)
    pictures = sheet.pictures[..., ::step, ::step]
    down, across, channels, height, width = pictures.shape
    gap = max(1, round(GAP * width)) if sheet.labels else 0
    framed = np.full((down, across, channels, height + gap, width + gap), 255, dtype=np.uint8)
    framed[..., :height, :width] = pictures
    whole = framed.transpose(0, 3, 1, 4, 2).reshape(down * (height + gap), across * (width + gap), channels)
    whole = whole[: whole.shape[0] - gap, : whole.shape[1] - gap]
    axes.imshow(whole if channels == 3 else whole[..., 0], cmap="gray", vmin=0, vmax=255)
    axes.set_anchor("NW")
    middles = [row * (height + gap) + (height - 1) / 2 for row in range(down)]
    layout.row_names(axes, dict(zip(middles, sheet.labels, strict=False)))
