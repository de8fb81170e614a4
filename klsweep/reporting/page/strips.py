"""A job's pictures as PNG strips, and its sentences as they are."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from klsweep.reporting.spoken import Spoken, said
from klsweep.result import Pictures

SAMPLES_ACROSS = 8


@dataclass(frozen=True)
class Strip:
    """One PNG, base64, and how many pictures it has across and down."""

    png: str
    across: int
    down: int


@dataclass(frozen=True)
class Strips:
    """Of one job, by name; `latents` are those of the rows of the traversals."""

    each: Mapping[str, Strip]
    latents: tuple[int, ...] = ()
    sentences: Spoken | None = None


@dataclass
class Shared:
    """PNGs, each told once: the originals are alike for all jobs of a data set."""

    pngs: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def place(self, png: str) -> int:
        """Of a PNG, which is added if it is new."""
        if png not in self.places:
            self.places[png] = len(self.pngs)
            self.pngs.append(png)
        return self.places[png]


NAMES = {
    "originals": Pictures.ORIGINALS,
    "reconstructions": Pictures.RECONSTRUCTIONS,
    "samples": Pictures.SAMPLES,
    "traversals": Pictures.TRAVERSALS,
    "manifold": Pictures.MANIFOLD,
}


def strips(arrays: Mapping[str, NDArray[Any]]) -> Strips | None:
    """What a job's arrays show, pictures uint8 [..., channels, height, width]; None where there is nothing to see."""
    found = {name: strip(_rows(name, arrays[array])) for name, array in NAMES.items() if array in arrays}
    sentences = said(arrays)
    if not found and sentences is None:
        return None
    latents = arrays.get(Pictures.TRAVERSED, np.zeros(0, dtype=np.uint16))
    return Strips(found, tuple(int(latent) for latent in latents), sentences)


def strip(rows: NDArray[np.uint8]) -> Strip:
    """Pictures [down, across, channels, height, width] side by side."""
    down, across, channels, height, width = rows.shape
    sheet = rows.transpose(0, 3, 1, 4, 2).reshape(down * height, across * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet if channels == 3 else sheet[..., 0]).save(file, "PNG")
    return Strip(base64.b64encode(file.getvalue()).decode(), across, down)


def _rows(name: str, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[down, across, channels, height, width]."""
    if pictures.ndim == 5:
        return pictures
    across = SAMPLES_ACROSS if name == "samples" and len(pictures) % SAMPLES_ACROSS == 0 else len(pictures)
    return pictures.reshape(-1, across, *pictures.shape[1:])
