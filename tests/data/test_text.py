"""Sentences become tokens and come back; vocabulary, splits and identity are what the files say."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from klsweep.data import Grammar, Ptb, Text
from klsweep.data.dataset import Facts
from klsweep.data.grammar import entropy_nats, sentences
from klsweep.data.vocabulary import vocabulary
from klsweep.errors import DataError
from klsweep.tokens import BOS, EOS, PAD, SPECIAL, UNK, sentence

PTB = Path(os.environ.get("KLSWEEP_DATA", "")) / "ptb" / "ptb.train.txt"

LINES = [
    f"the {noun} {verb} {'very ' * times}well"
    for noun in "abcdefg"
    for verb in ("ran", "sat")
    for times in (0, 1, 4)
]


def saved(folder: Path, lines: list[str] = LINES, name: str = "own.txt") -> Path:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def text(folder: Path, **given: object) -> Text:
    part = Text.model_validate({"path": str(saved(folder)), "words": 5, "vocabulary": 20, **given})
    return part.locate(download=False)[0]


def said(part: Text | Grammar | Ptb, split: str = "train") -> list[str]:
    data = part.load(PTB.parents[1])
    return [sentence(row.astype(np.int64), data.words) for row in getattr(data.splits, split)]


def test_every_short_line_comes_back_once_and_longer_ones_not_at_all(tmp_path: Path) -> None:
    part = text(tmp_path)
    back = Counter(line for split in ("train", "valid", "test") for line in said(part, split))
    assert back == Counter(line for line in LINES if len(line.split()) <= 5)


def test_a_sentence_is_its_words_the_end_and_padding(tmp_path: Path) -> None:
    data = text(tmp_path).load()
    for row in np.concatenate(data.splits).astype(int):
        (length,) = np.flatnonzero(row == EOS)
        assert not {PAD, BOS} & set(row[:length])
        assert set(row[length + 1 :]) <= {PAD}
        assert len(row) == 6
    np.testing.assert_array_equal(data.lengths, [len(line.split()) + 1 for line in said(text(tmp_path))])


def test_facts_are_those_of_the_data(tmp_path: Path) -> None:
    part = text(tmp_path)
    data = part.load()
    sizes = (len(data.train), len(data.valid), len(data.test))
    assert part.facts() == Facts((6,), sizes, unit_interval=False, vocabulary=len(data.words))
    assert sum(sizes) == 28


def test_the_vocabulary_is_the_commonest_words_in_order() -> None:
    pool = [("b", "a", "c"), ("b", "a"), ("b", SPECIAL[UNK])]
    assert vocabulary(pool, 7) == (*SPECIAL, "b", "a", "c")
    assert vocabulary(pool, 6) == (*SPECIAL, "b", "a")
    assert vocabulary([("y", "x")], 5) == (*SPECIAL, "x")


def test_the_vocabulary_is_of_the_training_split_alone_and_other_words_are_unknown(tmp_path: Path) -> None:
    """Words of held-out sentences choose nothing, not even what a token is."""
    part = text(tmp_path, vocabulary=100)
    data = part.load()
    trained = {word for line in said(part) for word in line.split()}
    assert set(data.words) == trained | set(SPECIAL)
    other = Text(path=str(saved(tmp_path, ["new words here", *LINES[:3]], "test.txt")), words=5)
    apart = Text(path=part.path, test_path=other.path, words=5, vocabulary=100)
    assert sorted(said(apart, "test")) == sorted(["<unk> <unk> <unk>", LINES[0], LINES[1]])


def test_files_of_their_own_are_the_splits(tmp_path: Path) -> None:
    names = {"path": LINES[:6], "valid_path": LINES[6:12], "test_path": LINES[12:18]}
    part = Text.model_validate(
        {field: str(saved(tmp_path, lines, f"{field}.txt")) for field, lines in names.items()} | {"words": 8}
    )
    for split, lines in zip(("train", "valid", "test"), names.values(), strict=True):
        assert len(said(part, split)) == len(lines)
    assert part.locate(download=False)[0].fingerprint != text(tmp_path).fingerprint
    limited = part.model_copy(update={"limit": 4})
    assert limited.facts().sizes == (4, 4, 4)


def test_the_identity_is_the_content_and_not_the_path(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    here = text(tmp_path)
    there = Text(path=str(saved(tmp_path / "b")), words=5, vocabulary=20).locate(download=False)[0]
    other = Text(path=str(saved(tmp_path / "b", LINES[1:])), words=5, vocabulary=20).locate(download=False)[0]
    assert here.model_dump() == there.model_dump()
    assert here.fingerprint != other.fingerprint


def test_a_file_that_changes_is_read_again_and_not_taken_for_what_was_meant(tmp_path: Path) -> None:
    part = text(tmp_path)
    before = part.facts()
    saved(tmp_path, [*LINES, "one more line"])
    with pytest.raises(DataError, match=r"fingerprint.*the spec says"):
        part.load()
    anew = part.model_copy(update={"fingerprint": ""})
    assert sum(anew.facts().sizes) == sum(before.sizes) + 1


@pytest.mark.parametrize(
    ("content", "said_so"),
    [
        (b"", ["has no sentence"]),
        (b"\n \n\t\n", ["has no sentence"]),
        (b"good line\nbad \xe9 line\n", ["line 2", "not UTF-8", "0xe9", "iconv"]),
        (
            b"a b c d e f g h\n" * 3,
            ["dataset.words", "5 words or fewer", "the shortest has 8", "raise words"],
        ),
        (b"fine\nnot <eos> fine\n", ["line 2", "<eos>", "take it out"]),
        (b"only one\n", ["no training data"]),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(content: bytes, said_so: list[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Text(path=str(file), words=5).facts()
    assert [words for words in said_so if words not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("given", "said_so"),
    [
        ({}, "path: give the file"),
        ({"path": "x", "valid_path": "y", "valid": 0.3}, "valid has no effect"),
        ({"path": "x", "test_path": "y", "test": 0.3}, "test has no effect"),
        ({"path": "x", "binarize": "static"}, "words are none"),
        ({"path": "x", "vocabulary": 4}, "greater than 4"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, object], said_so: str) -> None:
    with pytest.raises(ValidationError, match=said_so):
        Text.model_validate(given)


def test_windows_line_ends_and_a_byte_order_mark_are_no_words(tmp_path: Path) -> None:
    file = tmp_path / "dos.txt"
    file.write_bytes("\ufeff".encode() + "\r\n".join(LINES).encode())
    assert Text(path=str(file), words=5, vocabulary=20).load().words == text(tmp_path).load().words


# ---- the grammar


class Every:
    """Instead of chance: all ways of choosing, one after the other, each with its probability."""

    def __init__(self, chosen: list[int]) -> None:
        self.chosen, self.open, self.chance = chosen, [], 1.0

    def integers(self, options: int) -> int:
        place = len(self.open)
        self.open.append(options)
        self.chance /= options
        return self.chosen[place] if place < len(self.chosen) else 0


def every_sentence() -> dict[tuple[str, ...], float]:
    found: Counter[tuple[str, ...]] = Counter()
    chosen: list[int] = []
    while True:
        way = Every(chosen)
        found[next(sentences(1, way))] += way.chance  # type: ignore[arg-type]
        chosen = [*chosen, *[0] * (len(way.open) - len(chosen))]
        while chosen and chosen[-1] + 1 == way.open[len(chosen) - 1]:
            chosen.pop()
        if not chosen:
            return dict(found)
        chosen[-1] += 1


def test_the_entropy_of_the_grammar_is_that_of_all_its_sentences() -> None:
    chances = np.array(list(every_sentence().values()))
    assert len(chances) == 41_472
    assert chances.sum() == pytest.approx(1, rel=1e-12)  # 41,472 terms, each exact to 2e-16
    assert -(chances * np.log(chances)).sum() == pytest.approx(entropy_nats(), rel=1e-12)
    assert f"{entropy_nats():.2f} nats" in Grammar.source


def test_the_grammar_draws_the_same_sentences_again_and_fills_its_length() -> None:
    one, again = Grammar(size=400).load(), Grammar(size=400).load()
    np.testing.assert_array_equal(one.train, again.train)
    assert one.train.shape[1] == 10
    assert (np.concatenate(one.splits) == UNK).sum() == 0  # its 83 tokens are all common
    longest = max(len(words) for words in every_sentence())
    assert longest == 9
    assert Grammar().facts().vocabulary == len({word for words in every_sentence() for word in words}) + len(
        SPECIAL
    )


# ---- the Penn Treebank


@pytest.mark.skipif(not PTB.is_file(), reason=f"needs ptb/{PTB.name} in KLSWEEP_DATA")
def test_the_penn_treebank_has_its_known_sizes() -> None:
    """42,068, 3,370 and 3,761 lines of at most 82 words, 9,999 words of which one is <unk> (Mikolov et al. 2010)."""
    facts = Ptb(words=100, vocabulary=2**17).facts(PTB.parents[1])
    assert facts.sizes == (42_068, 3_370, 3_761)
    assert facts.vocabulary == 9_998 + len(SPECIAL)


@pytest.mark.skipif(not PTB.is_file(), reason=f"needs ptb/{PTB.name} in KLSWEEP_DATA")
def test_short_sentences_of_the_penn_treebank_are_those_of_its_lines() -> None:
    part = Ptb(words=5, vocabulary=2**17)
    lines = [" ".join(line.split()) for line in PTB.read_text().splitlines() if 0 < len(line.split()) <= 5]
    assert Counter(said(part)) == Counter(lines)


def test_without_its_files_the_penn_treebank_says_where_to_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KLSWEEP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"licence allows no download.*ptb\.train\.txt.*dataset: grammar"):
        Ptb().locate(tmp_path, download=True)
    with pytest.raises(ValidationError, match="leave valid out"):
        Ptb(valid=0.3)
