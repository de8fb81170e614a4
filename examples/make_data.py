"""Writes the small data sets of the examples into the current folder: blobs on a 12x12 grid, by two numbers each."""

from pathlib import Path

import numpy as np
from PIL import Image

COUNT, SIDE = 240, 12


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Pictures [n, 12, 12] in [0, 1] of a blob at a random place, and the quarter that it is in."""
    random = np.random.default_rng(0)
    centre = random.uniform(2, SIDE - 3, (COUNT, 2))
    row, column = np.mgrid[:SIDE, :SIDE]
    away = (row - centre[:, 0, None, None]) ** 2 + (column - centre[:, 1, None, None]) ** 2
    quarter = (centre > (SIDE - 1) / 2) @ [2, 1]
    return np.exp(-away / 4), quarter


def main() -> None:
    """The same pictures three times: as an archive, as a table, as a folder."""
    pictures, quarter = blobs()
    np.savez("blobs.npz", pictures=pictures.astype(np.float32), quarter=quarter)

    names = ",".join([*(f"p{index}" for index in range(SIDE * SIDE)), "quarter"])
    table = np.column_stack([pictures.reshape(COUNT, -1), quarter])
    np.savetxt("blobs.csv", table, fmt="%.4f", delimiter=",", header=names, comments="")

    folder = Path("blobs")
    folder.mkdir(exist_ok=True)
    for index, picture in enumerate(pictures):
        Image.fromarray((picture * 255).astype(np.uint8)).save(folder / f"{index:03}.png")


if __name__ == "__main__":
    main()
