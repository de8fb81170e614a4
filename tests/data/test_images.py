"""images: a folder of pictures in a fixed order, brought to one size, identified by what they show."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from klsweep.data import Facts, Images, images
from klsweep.errors import DataError

RANDOM = np.random.default_rng(0)


def write(folder: Path, count: int = 20, shape: tuple[int, ...] = (8, 8, 3)) -> np.ndarray:
    """Pictures of noise in a folder; their values [n, ...]."""
    folder.mkdir(parents=True, exist_ok=True)
    values = RANDOM.integers(0, 256, (count, *shape), dtype=np.uint8)
    for index, each in enumerate(values):
        Image.fromarray(each).save(folder / f"{index:02}.png")
    return values


def rows_of(*splits: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(tuple(row) for split in splits for row in split.reshape(len(split), -1).tolist())


def test_pictures_of_the_right_size_keep_every_value(tmp_path: Path) -> None:
    values = write(tmp_path / "p")
    part = Images(path=str(tmp_path / "p"), height=8)
    assert part.facts() == Facts((3, 8, 8), (14, 2, 4), unit_interval=True)
    assert rows_of(*part.load().splits) == rows_of(values.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def test_grey_is_the_luma_of_itu_r_601(tmp_path: Path) -> None:
    values = write(tmp_path / "p")
    luma = rows_of(values @ [0.299, 0.587, 0.114] / 255)
    data = Images(path=str(tmp_path / "p"), height=8, colour="grey").load()
    # a byte is rounded, and Pillow's weights are so to 2^-16: within one level
    assert np.abs(np.array(rows_of(*data.splits)) - luma).max() < 1 / 255


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_sizes_are_made_alike_and_a_crop_keeps_the_middle(tmp_path: Path, fit) -> None:
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 8:16] = 255
    for index in range(10):
        Image.fromarray(wide).save(tmp_path / f"{index}.png")
    data = Images(path=str(tmp_path), height=8, fit=fit, colour="grey").load()
    assert data.train.shape[1:] == (1, 8, 8)
    if fit == "crop":
        assert data.train.min() == 1, "the middle third is white"
    else:  # a third of the width is white; bicubic keeps the mean but for clipped overshoot at two edges
        assert data.train.mean() == pytest.approx(1 / 3, abs=0.05)
    assert Images(path=str(tmp_path), height=4, width=6).facts().input_shape == (3, 4, 6)


def test_a_camera_held_upright_is_turned_back(tmp_path: Path) -> None:
    lying = np.zeros((8, 8), dtype=np.uint8)
    lying[:, :4] = 255  # the left half, which orientation 6 (turn by 90 degrees clockwise) brings to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    for index in range(10):
        Image.fromarray(lying).save(tmp_path / f"{index}.jpg", exif=exif, quality=100)
    train = Images(path=str(tmp_path), height=8, colour="grey").load().train
    assert train[:, 0, :3].min() > 0.9
    assert train[:, 0, 5:].max() < 0.1


def test_identity_is_what_the_pictures_show_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "a" / "inner", 6)
    write(tmp_path / "a", 6)

    def found(folder: str) -> Images:
        return Images(path=str(tmp_path / folder), height=8).locate(None, download=False)[0]

    one = found("a")
    assert re.fullmatch("[0-9a-f]{16}", one.fingerprint)
    assert str(tmp_path) not in one.model_dump_json()
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b" / "notes.txt").write_text("not a picture")
    assert found("b").model_dump(mode="json") == one.model_dump(mode="json")
    assert found("b").name == "b"
    (tmp_path / "b" / "00.png").rename(tmp_path / "b" / "99.png")
    assert found("b").fingerprint != one.fingerprint, "another order is another split"
    assert len(found("b").load().train) == 9, "12 pictures, 2 to test on, 1 to validate on"


def test_what_is_wrong_in_a_folder_is_said_for_every_file_at_once(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path / "p", 4)
    whole = (tmp_path / "p" / "00.png").read_bytes()
    (tmp_path / "p" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p" / "text.jpg").write_text("not a picture")
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(tmp_path / "p" / "deep.png")
    with pytest.raises(DataError) as raised:
        Images(path=str(tmp_path / "p"), height=8).load()
    said = str(raised.value).splitlines()
    assert [re.search(r"(\w+)\.\w+: (?:has|cannot)", line)[1] for line in said] == ["cut", "deep", "text"]
    assert "more than 8 bits" in said[1]
    assert str(tmp_path) in said[0]

    monkeypatch.setattr(images, "LARGEST_PICTURE", 63)
    with pytest.raises(DataError, match="has 8x8 pixels: at most 63"):
        Images(path=str(tmp_path / "p"), height=8).load()
    monkeypatch.setattr(images, "MOST_VALUES", 100)
    with pytest.raises(DataError, match=r"7 pictures of 8x8 in rgb are 1,344 values: at most 100"):
        Images(path=str(tmp_path / "p"), height=8).load()


def test_no_pictures_a_file_and_a_bad_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no pictures: files ending in \.png, \.jpg"):
        Images(path=str(tmp_path), height=8).load()
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(DataError, match=r"is a file: a folder"):
        Images(path=str(tmp_path / "a.png"), height=8).load()
    for height in (0, 4096, 8.0):
        with pytest.raises(ValidationError):
            Images(path="p", height=height)
