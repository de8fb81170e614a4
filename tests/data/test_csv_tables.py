"""csv: the numbers that are in the file, with a header or not, and every mistake said with its line."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from klsweep.data import Csv, Facts
from klsweep.errors import DataError

ROWS = np.random.default_rng(0).random((20, 4)).round(6)


def saved(folder: Path, text: str, name: str = "table.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def lines(values: np.ndarray, *, header: str = "", delimiter: str = ",") -> str:
    rows = [delimiter.join(str(each) for each in row) for row in values.tolist()]
    return "\n".join([header, *rows] if header else rows) + "\n"


def rows_of(*splits: np.ndarray) -> list[tuple[float, ...]]:
    return sorted(tuple(row) for split in splits for row in split.reshape(len(split), -1).tolist())


def test_every_line_is_a_datum_with_a_header_or_without(tmp_path: Path) -> None:
    named = Csv(path=saved(tmp_path, lines(ROWS, header="a,b,c,d")))
    bare = Csv(path=saved(tmp_path, lines(ROWS), "bare.csv"), header=False)
    semicolons = Csv(
        path=saved(tmp_path, lines(ROWS, header="a;b;c;d", delimiter=";"), "s.csv"), delimiter=";"
    )
    for part in (named, bare, semicolons):
        assert rows_of(*part.load().splits) == rows_of(ROWS.astype(np.float32))
        assert part.facts() == Facts((4,), (14, 2, 4), unit_interval=True)


def test_a_packed_table_is_the_same_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(lines(ROWS, header="a,b,c,d").encode()))
    assert rows_of(*Csv(path=str(tmp_path / "t.csv.gz")).load().splits) == rows_of(ROWS.astype(np.float32))


@pytest.mark.parametrize(("header", "labels"), [("a,b,c,d,who", "who"), ("", "4")])
def test_labels_go_with_their_rows_and_are_no_data(tmp_path: Path, header: str, labels: str) -> None:
    texts = [",".join([*map(str, row), f"is {row[0]}"]) for row in ROWS.tolist()]
    path = saved(tmp_path, "\n".join([header, *texts] if header else texts))
    data = Csv(path=path, labels=labels, header=bool(header)).load()
    assert data.train.shape[1] == 4
    assert data.labels is not None
    for name, split in data.splits._asdict().items():
        assert [float(label.removeprefix("is ")) for label in data.labels[name]] == pytest.approx(
            split[:, 0], abs=1e-7
        )


def test_a_line_can_be_a_picture_and_scales_are_those_of_arrays(tmp_path: Path) -> None:
    path = saved(tmp_path, lines(ROWS * 9 - 3, header="a,b,c,d"))
    assert Csv(path=path, shape=(2, 2)).facts().input_shape == (1, 2, 2)
    train = Csv(path=path, scale="standardize").load().train
    assert train.mean(0, dtype=np.float64) == pytest.approx(
        np.zeros(4), abs=4 * 2**-24
    )  # float32 of at most 4
    unit = Csv(path=path, scale="unit").load()
    assert (unit.train.min(), unit.train.max()) == (0, 1)
    whole = Csv(path=saved(tmp_path, lines((ROWS * 9).astype(int), header="a,b,c,d"), "i.csv")).load()
    assert rows_of(*whole.splits) == rows_of((ROWS * 9).astype(int)), "whole numbers are not taken for bytes"


def test_identity_is_the_content_and_never_the_path(tmp_path: Path) -> None:
    path, again = (saved(tmp_path, lines(ROWS, header="a,b,c,d"), name) for name in ("one.csv", "two.csv"))
    one, other = (Csv(path=each).locate(None, download=False)[0] for each in (path, again))
    assert one.model_dump(mode="json") == other.model_dump(mode="json")
    assert re.fullmatch("[0-9a-f]{16}", one.fingerprint)
    assert str(tmp_path) not in one.model_dump_json()
    assert (one.name, other.name) == ("one", "two")


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        (lines(ROWS), {}, "first line of .* numbers only.*header: false"),
        (lines(ROWS, header="a,b,c,d"), {"header": False}, "not numbers: 0, 1, 2, 3.*'a'.*header: true"),
        (lines(ROWS, header="a,b,c,d"), {"labels": "e"}, "no column 'e'.*one of a, b, c, d"),
        (lines(ROWS, header="a,b,c,d"), {"shape": (3, 3)}, r"\[3, 3\] has 9 values and a line of .* 4"),
        ("a,b\n1,2\n3,\n5,6\n", {}, "1 values missing.*line 3, column b"),
        ("a,b\n1,x\n2,y\n", {}, "not numbers: b, the first with 'x' in line 2.*labels: NAME"),
        ("a,b\n1,2\n1,2,3\n", {}, "cannot be read"),
        ("a,b\n1,2,3\n4,5,6\n", {}, "cannot be read"),
        ("", {}, "cannot be read"),
        ("a,b\n", {}, "has a header and no line below it"),
        ("a,b\n1,2\n3,x\n5,6\n", {}, "not numbers: b, the first with 'x' in line 3"),
        ("a,b\n1,2\n\n3,x\n", {}, "not numbers: b, the first with 'x' in line 4"),
        ("a,b\n1,2\n\n3,4\n", {}, "2 values missing.*line 3, column a"),
        ("a,b\n1,2\n3,True\n", {}, "not numbers: b, the first with 'True' in line 3"),
        ("a,b\n1,True\n3,False\n", {}, "not numbers: b, the first with True in line 2"),
        ("a,b\n1,2\n", {}, "no training data"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_the_fix(
    tmp_path: Path, text: str, settings, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        Csv(path=saved(tmp_path, text), **settings).load()
    assert re.search(said, str(raised.value)), raised.value


def test_a_file_that_is_no_text_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(DataError, match="cannot be read"):
        Csv(path=str(tmp_path / "b.csv")).load()
    with pytest.raises(DataError, match=r"is a folder.*kind: images"):
        Csv(path=str(tmp_path)).load()
