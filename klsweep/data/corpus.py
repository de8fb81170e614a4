"""What every data set of sentences has: how long they may be, a vocabulary, and splits as tokens."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from klsweep.data.dataset import Data, DataPart, Facts
from klsweep.data.split import Rows, Splits, generator, held_out, rows
from klsweep.data.vocabulary import Sentence, Sentences, encoded, vocabulary
from klsweep.errors import DataError, Problem
from klsweep.tokens import PAD, SPECIAL

LARGEST_VOCABULARY = 2**17
"""Tokens at most: their number is that of the decoder's outputs at every place of every sentence of a batch."""


@dataclass(frozen=True)
class Corpus:
    """Sentences as they are found, those that are too long among them; None for a split that is to be dealt."""

    train: Sentences
    valid: Sentences | None = None
    test: Sentences | None = None


class CorpusPart(DataPart):
    """Sentences as tokens, float32 [n, words + 1]: the words' numbers, the end, then padding.

    N, the number of dimensions of a datum, is words + 1, padding included, whatever the length of a sentence.
    """

    vocabulary: Annotated[int, Field(gt=len(SPECIAL), le=LARGEST_VOCABULARY)] = Field(
        default=2000,
        description="tokens at most: <pad> <bos> <eos> <unk> and the commonest words of the training split",
    )
    words: Annotated[int, Field(gt=0, le=1000)] = Field(
        default=20, description="words of a sentence at most; longer ones are left out of every split"
    )

    @model_validator(mode="after")
    def _names_are_no_shares(self) -> Self:
        if self.binarize != "none":
            raise ValueError(
                f"binarize: {self.binarize} makes coins of numbers, and words are none; leave it out"
            )
        return self

    def facts(self, data_dir: Path | None = None) -> Facts:
        """Found by reading the sentences, once for as long as they do not change."""
        return _facts(self, data_dir, self.state(data_dir))

    def read(self, data_dir: Path | None = None) -> Data:
        """The sentences that are short enough, split, as tokens of the training split's vocabulary."""
        split = self._split(self._short(self.corpus(data_dir)))
        words = vocabulary(split.train, self.vocabulary)
        train, valid, test = (encoded(part, words, length=self.words + 1) for part in split)
        return Data(train, valid, test, lengths=(train != PAD).sum(1), words=words)

    @property
    @abstractmethod
    def test_share(self) -> float:
        """The share of all sentences held out where the corpus has no test split of its own."""

    @abstractmethod
    def corpus(self, data_dir: Path | None = None) -> Corpus:
        """The sentences; `DataError` where they cannot be had."""

    @abstractmethod
    def state(self, data_dir: Path | None = None) -> tuple[int, ...]:
        """Numbers that change when the sentences do, found without reading them."""

    def _short(self, corpus: Corpus) -> Corpus:
        """The sentences of at most `words` words; `DataError` where a split is left with none."""
        named = {"training": corpus.train, "validation": corpus.valid, "test": corpus.test}
        splits = {name: each for name, each in named.items() if each is not None}
        kept = {name: _up_to(each, self.words) for name, each in splits.items()}
        empty = [
            Problem(
                "dataset.words",
                f"no {name} sentence has {self.words} words or fewer; the shortest has {min(map(len, splits[name]))}",
                fix="raise words",
            )
            for name, short in kept.items()
            if not short
        ]
        if empty:
            raise DataError(empty)
        return Corpus(kept["training"], kept.get("validation"), kept.get("test"))

    def _split(self, corpus: Corpus) -> Splits[list[Sentence]]:
        """Shuffled and dealt; a split of the corpus's own is kept apart and cut to `limit`."""
        total = len(corpus.train)
        testing = held_out(total, self.test_share) if corpus.test is None else len(corpus.test)
        pool = total - testing if corpus.test is None else total
        dealt = self if corpus.valid is None else self.model_copy(update={"valid": 0.0})
        cut = dealt.sizes(pool, testing)
        at = rows(total, cut, seed=self.split_seed, test=None if corpus.test is None else testing)
        train, valid = _at(corpus.train, at.train), _at(corpus.train, at.valid)
        test = _at(corpus.train if corpus.test is None else corpus.test, at.test)
        if corpus.valid is not None:
            order = generator(self.split_seed, "valid").permutation(len(corpus.valid))[: self.limit]
            valid = _at(corpus.valid, np.sort(order))
        return Splits(train, valid, test)


@lru_cache(maxsize=32)
def _facts(part: CorpusPart, data_dir: Path | None, _state: tuple[int, ...]) -> Facts:
    data = part.read(data_dir)
    train, valid, test = data.splits
    sizes = (len(train), len(valid), len(test))
    return Facts(train.shape[1:], sizes, unit_interval=False, vocabulary=len(data.words))


def _up_to(sentences: Sentences, words: int) -> Sentences:
    return [sentence for sentence in sentences if len(sentence) <= words]


def _at(sentences: Sentences, at: Rows) -> list[Sentence]:
    return [sentences[row] for row in at]
