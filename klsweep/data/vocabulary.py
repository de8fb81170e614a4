"""Sentences to tokens: the vocabulary of the training sentences by frequency, and arrays padded to one length."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from klsweep.data.split import Array
from klsweep.tokens import EOS, SPECIAL, UNK

Sentence = tuple[str, ...]
"""One sentence, word by word."""

Sentences = Sequence[Sentence]


def vocabulary(sentences: Sentences, most: int) -> tuple[str, ...]:
    """The special tokens and the commonest words, `most` in all; equally common ones in the order of their letters."""
    counts = Counter(word for sentence in sentences for word in sentence)
    counts.pop(SPECIAL[UNK], None)  # as it stands in some corpora
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return (*SPECIAL, *ordered[: most - len(SPECIAL)])


def encoded(sentences: Sentences, words: Iterable[str], *, length: int) -> Array:
    """Tokens [n, length] of sentences that are shorter than that, each with its end, then padding; float32."""
    number = {word: token for token, word in enumerate(words)}
    array = np.zeros((len(sentences), length), np.float32)  # whole numbers up to 2^24 are exact
    for row, sentence in zip(array, sentences, strict=True):
        row[: len(sentence)] = [number.get(word, UNK) for word in sentence]
        row[len(sentence)] = EOS
    return array
