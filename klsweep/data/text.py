"""Sentences in files: the user's own, one a line, and the Penn Treebank as language models are measured on it."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from klsweep.data import sources
from klsweep.data.corpus import Corpus, CorpusPart
from klsweep.data.dataset import DataPart, TestShare
from klsweep.data.sources import Archive, KnownFile, Progress
from klsweep.data.stored import FINGERPRINT_DIGITS, changed, find, one_file
from klsweep.data.vocabulary import Sentence
from klsweep.errors import DataError, Problem
from klsweep.part import kind_of
from klsweep.tokens import SPECIAL, UNK

LARGEST_TEXT = 2**30
"""Bytes of one file at most: 1 GiB, some 200 million words."""

RESERVED = frozenset(SPECIAL) - {SPECIAL[UNK]}


class Text(CorpusPart):
    """Sentences of a text file, one a line, words between blanks; [n, words + 1] tokens, padded."""

    kind: Literal["text"] = "text"
    source: ClassVar[str] = "a file of your own, in UTF-8"

    path: str = Field(
        default="",
        exclude=True,
        description="the file; a relative path is taken against the current folder, then the data folder",
    )
    valid_path: str = Field(
        default="", exclude=True, description="the file of the validation split, where it has its own"
    )
    test_path: str = Field(default="", exclude=True, description="the file of the test split, likewise")
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{12,64})?$")] = Field(
        default="", description="first hex digits of the SHA-256 of the content; filled in by klsweep"
    )
    test: TestShare = Field(default=0.2, description="share of all sentences held out, without a test_path")

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if not (self.path or self.fingerprint):
            raise ValueError("path: give the file, for example path: data/sentences.txt")
        shares = {"valid": self.valid_path, "test": self.test_path}
        for share, path in shares.items():
            if path and getattr(self, share) != type(self).model_fields[share].default:
                raise ValueError(
                    f"{share}_path: the split has its own file, so {share} has no effect; leave it out"
                )
        return self

    @property
    def name(self) -> str:
        """The file's stem in letters, digits, `_` and `-`; the kind where there is no path."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(self.path).stem).strip("-") or kind_of(type(self))

    @property
    def test_share(self) -> float:
        """`test`."""
        return self.test

    def locate(
        self,
        data_dir: Path | None = None,
        *,
        download: bool,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[Self, tuple[str, ...]]:
        """The same with absolute paths and the fingerprint of the content."""
        files = self._files(data_dir)
        found = _fingerprint(files)
        if not found.startswith(self.fingerprint):
            raise DataError([_other_content(files, found, self.fingerprint)])
        paths = {field: str(file) for field, file in files.items()}
        return self.model_copy(update={**paths, "fingerprint": found[:FINGERPRINT_DIGITS]}), ()

    def state(self, data_dir: Path | None = None) -> tuple[int, ...]:
        """Times and sizes of the files."""
        return tuple(number for file in self._files(data_dir).values() for number in changed(file))

    def corpus(self, data_dir: Path | None = None) -> Corpus:
        """The files' lines."""
        files = self._files(data_dir)
        if self.fingerprint and not (found := _fingerprint(files)).startswith(self.fingerprint):
            raise DataError([_other_content(files, found, self.fingerprint)])
        read = {field: read_sentences(file) for field, file in files.items()}
        return Corpus(read["path"], read.get("valid_path"), read.get("test_path"))

    def _files(self, data_dir: Path | None) -> dict[str, Path]:
        """The files by the setting that names each."""
        given = {"path": self.path, "valid_path": self.valid_path, "test_path": self.test_path}
        return {
            field: one_file(find(path, data_dir)) for field, path in given.items() if path or field == "path"
        }


class Ptb(CorpusPart):
    """Penn Treebank sentences of Mikolov's language-model files, with their splits; [n, words + 1] tokens, padded."""

    kind: Literal["ptb"] = "ptb"
    source: ClassVar[str] = (
        "Marcus et al. 1993 as prepared by Mikolov et al. 2010: lower case, numbers as N, rare words as <unk>; "
        "licensed by the LDC, so it is never downloaded"
    )
    archive: ClassVar[Archive] = Archive(
        name="ptb",
        folders=("ptb", "simple-examples/data"),  # the second is that of Mikolov's package
        mirrors=(),
        files=tuple(
            KnownFile(name, sha256=content, unpacked_sha256=content)
            for name, content in (
                ("ptb.train.txt", "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
                ("ptb.valid.txt", "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
                ("ptb.test.txt", "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
            )
        ),
    )

    @model_validator(mode="after")
    def _has_its_own_splits(self) -> Self:
        if self.valid != DataPart.model_fields["valid"].default:
            raise ValueError("valid: the Penn Treebank has a validation split of its own; leave valid out")
        return self

    @property
    def name(self) -> str:
        """`ptb`."""
        return self.kind

    @property
    def test_share(self) -> float:
        """None: there is a test split."""
        return 0.0

    def locate(
        self,
        data_dir: Path | None = None,
        *,
        download: bool,  # noqa: ARG002
        progress: Progress | None = None,  # noqa: ARG002
    ) -> tuple[Self, tuple[str, ...]]:
        """The set itself, if its files are here."""
        self._paths(data_dir)
        return self, ()

    def state(self, data_dir: Path | None = None) -> tuple[int, ...]:
        """Times and sizes of the files."""
        return tuple(number for file in self._paths(data_dir) for number in changed(file))

    def corpus(self, data_dir: Path | None = None) -> Corpus:
        """The files' lines."""
        return Corpus(*map(read_sentences, self._paths(data_dir)))

    def _paths(self, data_dir: Path | None) -> list[Path]:
        """The three files, in the order of the archive."""
        search = sources.find(self.archive, data_dir)
        if search.paths is None:
            raise DataError(
                [
                    Problem(
                        "dataset",
                        f"ptb is not here: looked in {', '.join(search.looked)}; its licence allows no download",
                        f"needs {', '.join(file.name for file in self.archive.files)}",
                        f"put them into a folder ptb below one that --data-dir or {sources.VARIABLE} names, or use "
                        "dataset: grammar, which needs no files, or a text of your own: {kind: text, path: FILE}",
                    )
                ]
            )
        return [search.paths[file.name] for file in self.archive.files]


def read_sentences(file: Path) -> list[Sentence]:
    """The lines of a file as words; lines without any are left out. `DataError` where it is no text or has none."""
    lines = _text(file).split("\n")
    sentences = [tuple(line.split()) for line in lines]
    for number, sentence in enumerate(sentences, 1):
        if taken := RESERVED.intersection(sentence):
            raise DataError(
                [
                    Problem(
                        f"{file}, line {number}",
                        f"the word {min(taken)} stands for what is no word in every vocabulary",
                        f"of these only {SPECIAL[UNK]}, a word that is not known",
                        "take it out: the end of a line is the end of its sentence",
                    )
                ]
            )
    found = [sentence for sentence in sentences if sentence]
    if not found:
        raise DataError(
            [Problem(str(file), "has no sentence", "one sentence a line", "give a file with words")]
        )
    return found


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST_TEXT:
            what = f"has {file.stat().st_size:,} bytes"
            raise DataError([Problem(str(file), what, f"at most {LARGEST_TEXT:,}", "give a part of it")])
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = f"is not UTF-8: byte {error.object[error.start]:#04x}"
        fix = "save it as UTF-8: iconv -f LATIN1 -t UTF-8 makes it of Latin-1"
        raise DataError([Problem(f"{file}, line {line}", what, "text in UTF-8", fix)]) from error
    except OSError as error:
        raise DataError([Problem(str(file), f"cannot be read: {error.strerror or error}")]) from error


def _fingerprint(files: dict[str, Path]) -> str:
    """Hex digits of the content; of several files, of their digests by the setting that names each."""
    if len(files) == 1:
        return sources.sha256(files["path"])
    each = "".join(f"{field}:{sources.sha256(file)}\n" for field, file in files.items())
    return hashlib.sha256(each.encode()).hexdigest()


def _other_content(files: dict[str, Path], found: str, expected: str) -> Problem:
    return Problem(
        "dataset.fingerprint",
        f"{', '.join(map(str, files.values()))}: the content is {found[: len(expected)]}",
        f"the spec says {expected}",
        "give the file that was meant, or leave fingerprint out to study the new content",
    )
