"""Data from outside that lie, are damaged, or unpack to far more than they are: told, in bounded memory."""

import gzip
import io
import random
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.lib import format as npy
from PIL import Image

from klsweep import api
from klsweep.data import idx, images, stored, tables
from klsweep.data.arrays import Npy, Npz
from klsweep.data.images import Images
from klsweep.data.tables import Csv
from klsweep.errors import DataError, KlsweepError
from klsweep.store import Store, checkpoint, codec
from klsweep.store.codec import DamagedError

BYTES = b"\0" * 400


def lying(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """A .npy of 400 bytes of zeros, whatever its header says."""
    stream = io.BytesIO()
    npy.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": descr})
    return stream.getvalue() + BYTES


LIES = {
    "a terabyte": lying((10**12, 10)),
    "more than a machine counts": lying((10**30, 10)),
    "less than nothing": lying((-1, 10)),
    "objects": lying((10, 10), "|O"),
    "of no size": lying((10**18, 10), "|V0"),
    "one value more": lying((101, 1)),
    "a header that is no literal": b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16,
    "a header without end": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535,
    "an unknown version": b"\x93NUMPY\x07\x00" + BYTES,
    "a version of named fields": b"\x93NUMPY\x03\x00" + lying((10, 10))[8:],
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_told_before_memory_is_asked_for(lie, tmp_path):
    (tmp_path / "x.npy").write_bytes(LIES[lie])
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", LIES[lie])
    for part in (Npy(path=str(tmp_path / "x.npy")), Npz(path=str(tmp_path / "x.npz"))):
        with pytest.raises(DataError, match=r"x\.np[yz]"):
            part.facts()
    with pytest.raises(DamagedError):
        codec.decode_arrays((tmp_path / "x.npz").read_bytes())


def bomb(path: Path, count: int) -> Path:
    """An archive of `count` zeros, a thousandth of their size."""
    np.savez_compressed(path, x=np.zeros((count, 1), np.uint8))
    assert path.stat().st_size < count / 500
    return path


def test_an_archive_unpacks_to_so_many_bytes_and_no_more(tmp_path, monkeypatch):
    path = bomb(tmp_path / "bomb.npz", 1_000_000)
    assert Npz(path=str(path)).facts().sizes[0] == 720_000
    monkeypatch.setattr(stored, "LARGEST_ARRAY", 999_999)
    other = bomb(tmp_path / "other.npz", 1_000_000)
    with pytest.raises(DataError, match="1,000,000 bytes of values, and at most 999,999 are read"):
        Npz(path=str(other)).facts()
    monkeypatch.setattr(codec, "LARGEST_ARRAYS", 999_999)
    with pytest.raises(DamagedError, match="unpacks to 1,000,000 bytes, and at most 999,999 are read"):
        codec.decode_arrays(path.read_bytes())


def test_the_names_of_arrays_are_told_without_unpacking_them(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "two.npz", a=np.zeros((10, 2)), b=np.zeros((10**6, 9)))
    monkeypatch.setattr(stored, "LARGEST_ARRAY", 0)
    with pytest.raises(DataError, match=r"2 arrays: one of a \[10, 2\] float64, b \[1000000, 9\] float64"):
        Npz(path=str(tmp_path / "two.npz")).facts()


def test_an_encrypted_archive_and_one_packed_in_an_unknown_way_are_told(tmp_path):
    whole = bomb(tmp_path / "x.npz", 1_000_000).read_bytes()
    local, central = whole.index(b"PK\x03\x04"), whole.index(b"PK\x01\x02")
    for offset, value in ((6, 1), (8, 77)):  # flags: encrypted; method: none that is known
        changed = bytearray(whole)
        changed[local + offset], changed[central + offset + 2] = value, value
        (tmp_path / "x.npz").write_bytes(changed)
        with pytest.raises(DataError, match="cannot be read"):
            Npz(path=str(tmp_path / "x.npz")).facts()


def test_a_packed_table_unpacks_to_so_much_text_and_no_more(tmp_path, monkeypatch):
    with gzip.open(tmp_path / "x.csv.gz", "wb") as file:
        file.write(b"a,b\n" + b"0,0\n" * 250_000)
    assert Csv(path=str(tmp_path / "x.csv.gz")).facts().input_dim == 2
    monkeypatch.setattr(tables, "LARGEST_TEXT", 999_999)
    (tmp_path / "x.csv.gz").rename(tmp_path / "y.csv.gz")
    with pytest.raises(DataError, match="more than 999,999 bytes of text"):
        Csv(path=str(tmp_path / "y.csv.gz")).facts()
    (tmp_path / "line.csv").write_bytes(b"a,b\n" + b"1" * 1_000_000)
    with pytest.raises(DataError, match="more than 999,999 bytes of text"):
        Csv(path=str(tmp_path / "line.csv")).facts()


def test_a_picture_has_so_many_pixels_and_no_more(tmp_path):
    side = 10_001
    assert side * side > images.LARGEST_PICTURE
    Image.new("1", (side, side)).save(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size < 100_000
    with pytest.raises(DataError, match=r"10001x10001 pixels: at most 100,000,000"):
        Images(path=str(tmp_path), height=8).facts()


def test_so_many_pictures_and_no_more(tmp_path, monkeypatch):
    for number in range(3):
        Image.new("L", (8, 8)).save(tmp_path / f"{number}.png")
    monkeypatch.setattr(images, "MOST_VALUES", 100)
    with pytest.raises(DataError, match="3 pictures of 8x8 in grey are 192 values: at most 100"):
        Images(path=str(tmp_path), height=8, colour="grey").facts()


@pytest.mark.parametrize("excess", [0, 1, 10_000_000])
def test_an_idx_file_larger_than_it_says_is_told_and_not_unpacked_whole(tmp_path, excess, monkeypatch):
    monkeypatch.setattr(idx, "LARGEST_FILE", 16 + 2 * 28 * 28)
    header = b"\0\0\x08\x03" + np.array([2, 28, 28], ">u4").tobytes()
    with gzip.open(tmp_path / "x.gz", "wb") as file:
        file.write(header + bytes(2 * 28 * 28 + excess))
    if excess:
        with pytest.raises(DataError, match="not an IDX file"):
            idx.read_idx(tmp_path / "x.gz")
    else:
        assert idx.read_idx(tmp_path / "x.gz").shape == (2, 28, 28)


def test_data_that_do_not_fit_into_memory_are_told(tmp_path, monkeypatch):
    def full(*_):
        raise MemoryError

    np.save(tmp_path / "x.npy", np.zeros((20, 2)))
    monkeypatch.setattr("klsweep.data.files.scaled", full)
    with pytest.raises(DataError, match=r"x\.npy: does not fit into memory: give fewer data"):
        Npy(path=str(tmp_path / "x.npy")).facts()


def whole(kind: str, noise: np.random.Generator) -> bytes:
    """A good file of a kind."""
    stream = io.BytesIO()
    values = noise.integers(0, 255, (20, 6), dtype=np.uint8)
    picture = Image.fromarray(noise.integers(0, 255, (9, 9, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "turned"
    {
        "npz": lambda: np.savez_compressed(stream, x=values, y=np.arange(20)),
        "npy": lambda: np.save(stream, values),
        "csv": lambda: stream.write(b"a,b,c\n" + b"1,2,3.5\n4,5,6\n" * 6),
        "png": lambda: picture.save(stream, "PNG"),
        "jpg": lambda: picture.save(stream, "JPEG", exif=exif),
    }[kind]()
    return stream.getvalue()


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        here = rng.randrange(len(changed))
        action = rng.randrange(4)
        if action == 0:
            changed[here] ^= 1 << rng.randrange(8)
        elif action == 1:
            del changed[here : here + rng.randint(1, 9)]
        elif action == 2:
            changed[here:here] = rng.randbytes(rng.randint(1, 5))
        else:
            changed[here] = rng.choice(b'\x00\xff0(,"')
    return bytes(changed)


@pytest.mark.parametrize("kind", ["npz", "npy", "csv", "png", "jpg"])
def test_a_mutated_data_file_is_read_or_told(kind, tmp_path):
    """100 of each; a warning of a library's is as much noise as a traceback."""
    path = tmp_path / f"x.{kind}"
    part = {
        "npz": lambda: Npz(path=str(path), key="x", labels="y"),
        "npy": lambda: Npy(path=str(path)),
        "csv": lambda: Csv(path=str(path)),
    }.get(kind, lambda: Images(path=str(tmp_path), height=8))
    outcomes = set()
    for seed in range(100):
        rng = random.Random(seed)
        path.write_bytes(mutated(whole(kind, np.random.default_rng(seed)), rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                part().unpack(path if path.suffix in (".npz", ".npy", ".csv") else tmp_path)
            outcomes.add("read")
        except KlsweepError:
            outcomes.add("told")
    assert outcomes == {"read", "told"}


def test_a_safetensors_file_that_lies_is_damage(tmp_path):
    content = safetensors.numpy.save({"w": np.eye(3, dtype=np.float32)})
    assert codec.decode_tensors(content)["w"].shape == (3, 3)
    lies = [
        b"\xff" * 8 + content[8:],  # a header of 2^64 bytes
        content.replace(b"[3,3]", b"[9,9]"),
        content.replace(b"[0,36]", b"[0,99]"),
        content.replace(b'"F32"', b'"F64"'),
        content[:-1],
        b"",
    ]
    for lie in lies:
        assert lie != content
        with pytest.raises(DamagedError):
            codec.decode_tensors(lie)
        tmp_path.joinpath(checkpoint.NAME).write_bytes(codec.sha256(lie).encode() + lie)
        assert checkpoint.load(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,step\n1,two\n",
        b"epoch,step\n1,2,3\n",
        b"\xff\xfe",
        b'epoch,step\n"1,2\n',
        b"epoch\n" + b"1" * 200_000,
    ],
)
def test_a_curve_of_nonsense_is_damage(content):
    with pytest.raises(DamagedError, match="no table of numbers"):
        codec.decode_curve(content)


def test_links_inside_a_results_directory_are_not_followed_where_files_are_removed(tmp_path):
    precious = tmp_path / "precious"
    (precious / "folder").mkdir(parents=True)
    for name in ("notes.tmp-1", "folder/file"):
        (precious / name).write_text("mine")
    for inside in ("work", "jobs", "spectra"):
        store = Store.open(tmp_path / inside, "sweep")
        if (store.path / inside).is_dir():
            for each in sorted((store.path / inside).rglob("*"), reverse=True):
                each.unlink() if each.is_file() else each.rmdir()
            (store.path / inside).rmdir()
        (store.path / inside).symlink_to(precious)
        with pytest.raises(KlsweepError, match=rf"{inside}: is a link to {precious}: needs a folder"):
            Store.open(tmp_path / inside, "sweep")
    store = Store.open(tmp_path / "results", "sweep")
    (store.path / "jobs" / ("0" * 12)).symlink_to(precious)
    (store.work.path / "fleet").symlink_to(precious)
    store.sweep_temporaries(older_than=0)
    store.set_aside_damaged()
    store.work.clear_fleets_but(())
    assert sorted(each.name for each in precious.rglob("*")) == ["file", "folder", "notes.tmp-1"]


@pytest.mark.parametrize("inside", ["report", "report/plots", "export"])
def test_reports_and_exports_are_not_written_through_links_that_came_with_the_results(
    copied, inside, tmp_path
):
    precious = tmp_path / "precious"
    precious.mkdir()
    for name in ("runs.csv", "old.png"):
        (precious / name).write_text("mine")
    link = copied / "small" / inside
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(precious)
    with pytest.raises(KlsweepError, match=rf"{inside}: is a link to {precious}: needs a folder"):
        api.export(copied / "small", to="csv") if inside == "export" else api.report(copied / "small")
    assert [each.read_text() for each in precious.iterdir()] == ["mine", "mine"]
