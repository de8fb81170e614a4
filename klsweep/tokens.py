"""Sentences as numbers: what the first four tokens of every vocabulary mean, and the way back to words.

A sentence of w words is w tokens, the end, and padding up to the length that all data of a set have in common.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PAD, BOS, EOS, UNK = range(4)
"""Padding after the end; the beginning, which a decoder starts from; the end; a word that is not in the vocabulary."""

SPECIAL = ("<pad>", "<bos>", "<eos>", "<unk>")

FIRST = EOS
"""The first token that can follow another: neither padding nor a beginning is ever drawn."""


def sentence(tokens: NDArray[np.int64], words: Sequence[str]) -> str:
    """The words of tokens [length] up to the end or to padding, separated by blanks."""
    ends = np.flatnonzero((tokens == EOS) | (tokens == PAD))
    return " ".join(words[token] for token in tokens[: ends[0] if len(ends) else None])
