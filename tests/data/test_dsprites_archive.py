"""The published archive: its rows and factors, read in pieces and without its Python objects."""

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from klsweep.data import Dataset, Dsprites, Facts, dsprites
from klsweep.data.silhouettes import COUNTS, FACTORS
from klsweep.errors import DataError

ANY = TypeAdapter(Dataset)
NAME = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of the archive was run')",)


def arrays(count: int) -> dict[str, Any]:
    """What the published archive holds, for fewer and smaller pictures that can be told apart."""
    random = np.random.default_rng(0)
    classes = np.stack([random.integers(0, values, count) for values in COUNTS], 1)
    return {
        "metadata": np.array(Bomb(), dtype=object),
        "imgs": random.integers(0, 2, (count, 8, 6), dtype=np.uint8),
        "latents_classes": classes,
        "latents_values": classes / 2,
    }


def save(folder: Path, **content: Any) -> Path:
    path = folder / "dsprites" / NAME
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **content)
    return path


def test_rows_come_in_the_order_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = arrays(100)
    path = save(tmp_path, **content)
    at = np.array([57, 3, 99, 0, 20])
    for size in (1, 7 * 48, 2**22):  # a picture, 7 pictures and the whole at once
        monkeypatch.setattr(dsprites, "CHUNK_BYTES", size)
        images, classes = dsprites.pictures(path, at)
        assert images.dtype == np.float32
        assert np.array_equal(images[:, 0], content["imgs"][at])
        assert np.array_equal(classes, content["latents_classes"][at])


def test_factors_stay_with_the_pictures_of_the_archive(tmp_path: Path) -> None:
    content = arrays(100)
    save(tmp_path, **content)
    known = {
        picture.tobytes(): tuple(row)
        for picture, row in zip(content["imgs"], content["latents_classes"], strict=True)
    }
    seen = []
    for options in ({"size": 80}, {"limit": 20}, {"valid": 0.3, "split_seed": 2}):
        data = Dsprites(**options).load(tmp_path)
        assert data.factors is not None
        assert data.factor_names == FACTORS
        for split, images in data.splits._asdict().items():
            found = [known[image.astype(np.uint8).tobytes()] for image in images[:, 0]]
            assert found == [tuple(row) for row in data.factors[split]]
        seen.append(sum(map(len, data.splits)))
    assert seen == [80, 40, 100]


def test_facts_are_read_from_the_header(tmp_path: Path) -> None:
    save(tmp_path, **arrays(100))
    part = Dsprites(limit=50)
    data = part.load(tmp_path)
    assert part.facts(tmp_path) == Facts((1, 8, 6), tuple(map(len, data.splits)), unit_interval=True)
    assert data.train.shape == (45, 1, 8, 6)


def test_identity_is_the_content(tmp_path: Path) -> None:
    save(tmp_path, **arrays(100))
    located, notes = Dsprites().locate(tmp_path, download=False)
    assert not notes
    assert located.name == "dsprites"
    assert len(located.fingerprint) == 16
    written = located.model_dump(mode="json")
    assert "path" not in written
    again = ANY.validate_python(written)
    assert again.load(tmp_path).train.shape == located.load().train.shape == (72, 1, 8, 6)
    save(tmp_path, **arrays(101))
    with pytest.raises(DataError, match=r"dataset\.fingerprint: .* has the content"):
        again.load(tmp_path)


def test_pictures_are_unpacked_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsprites, "CHUNK_BYTES", 2**20)
    content = arrays(10)
    many = np.zeros((20_000, 32, 32), np.uint8)
    many[11_234] = 1
    path = save(tmp_path, **{**content, "imgs": many, "latents_classes": np.zeros((20_000, 6), np.int64)})
    tracemalloc.start()
    images, _ = dsprites.pictures(path, np.array([19_000, 11_234]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert images.mean((1, 2, 3)).tolist() == [0, 1]
    # two pieces, one read and one before it is let go, joined from parts by the reader; and the classes once or twice
    assert peak < 4 * 2**20 + 2 * 20_000 * 6 * 8 < many.nbytes / 2


def test_an_absent_archive_is_an_error_that_says_where_it_goes(tmp_path: Path) -> None:
    said = rf"no file 'dsprites/{NAME}': looked in .*{tmp_path.name}.*: put the archive .* or write dataset: shapes"
    with pytest.raises(DataError, match=said):
        Dsprites().locate(tmp_path, download=True)
    with pytest.raises(DataError, match="is a folder"):
        Dsprites(path=str(tmp_path)).facts()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"imgs": np.zeros((10, 8, 6))},
            r"imgs are float64 of shape \[10, 8, 6\]: bytes of shape \[n, H, W\]",
        ),
        ({"imgs": np.zeros((10, 48), np.uint8)}, r"imgs are uint8 of shape \[10, 48\]"),
        ({"imgs": np.full((10, 8, 6), 255, np.uint8)}, "imgs go up to 255: 0 and 1"),
        ({"latents_classes": np.zeros((10, 5), np.int64)}, r"latents_classes are int64 of shape \[10, 5\]"),
        ({"latents_classes": np.zeros((9, 6), np.int64)}, r"latents_classes are int64 of shape \[9, 6\]"),
        ({"latents_classes": np.zeros((10, 6))}, r"latents_classes are float64"),
        ({"latents_classes": np.array([Bomb()])}, "cannot be read: Object arrays"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    save(tmp_path, **{**arrays(10), **changed})
    with pytest.raises(DataError, match=said):
        Dsprites().load(tmp_path)


@pytest.mark.parametrize("absent", ["imgs", "latents_classes"])
def test_an_archive_without_an_array_is_refused(tmp_path: Path, absent: str) -> None:
    save(tmp_path, **{name: values for name, values in arrays(10).items() if name != absent})
    with pytest.raises(DataError, match=rf"no item named '{absent}\.npy'.*: imgs and latents_classes"):
        Dsprites().load(tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, **arrays(2000))
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("imgs.npy").header_offset
    damaged = (b"", whole[:-100], whole[: start + 300] + bytes(2000) + whole[start + 2300 :])
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read: .*fetch .* again"):
            Dsprites().load(tmp_path)
