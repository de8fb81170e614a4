"""Recurrent networks over tokens: an encoder that reads a sentence, and a decoder that says it word by word.

The decoder sees the code at its start and at every step (Bowman et al. 2015, section 3), and the tokens before. All
are written for one model; `Adapted` makes networks of them that `train` can take.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from klsweep.tokens import BOS, FIRST, PAD, UNK
from klsweep.vae.adapted import Adapted
from klsweep.vae.models import Shape
from klsweep.vae.models.sentences import Recurrent

Cell = Literal["lstm", "gru"]
CELLS: dict[Cell, type[nn.LSTM | nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}

Memory = Tensor | tuple[Tensor, Tensor]
"""What a cell remembers, [1, batch, hidden]; an LSTM does so twice."""


class Reader(nn.Module):
    """Tokens to posterior mean and logvar, by the state after the end of the sentence."""

    def __init__(self, cell: Cell, sizes: tuple[int, int, int, int]) -> None:
        super().__init__()
        vocabulary, embedding, hidden, latent_dim = sizes
        self.embedding = word_vectors(vocabulary, embedding)
        self.cell = CELLS[cell](embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2 * latent_dim)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, length] -> [batch, latent] twice."""
        states = self.cell(self.embedding(tokens))[0]
        last = ((tokens != PAD).sum(1) - 1).clamp(min=0)
        mean, logvar = self.head(states[torch.arange(len(tokens), device=tokens.device), last]).chunk(
            2, dim=-1
        )
        return mean, logvar


class Teller(nn.Module):
    """Logits of the next token from those before and, with `latent_dim` > 0, the code."""

    def __init__(
        self, cell: Cell, sizes: tuple[int, int, int, int], *, word_dropout: float, dropout: float
    ) -> None:
        super().__init__()
        vocabulary, embedding, hidden, latent_dim = sizes
        self.latent_dim, self.word_dropout = latent_dim, word_dropout
        self.embedding = word_vectors(vocabulary, embedding)
        self.cell = CELLS[cell](embedding + latent_dim, hidden, batch_first=True)
        self.memories = 2 if cell == "lstm" else 1
        self.start = nn.Linear(latent_dim, self.memories * hidden) if latent_dim else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden, vocabulary - FIRST)

    def forward(self, z: Tensor, tokens: Tensor) -> Tensor:
        """z [batch, latent] and tokens [batch, length] -> logits [batch, length, vocabulary - 2], each seen before."""
        before = torch.cat([torch.full_like(tokens[:, :1], BOS), tokens[:, :-1]], dim=1)
        if self.training and self.word_dropout:  # Bowman et al. 2015, section 3.1: the beginning stays
            dropped = torch.rand(before.shape, device=before.device) < self.word_dropout
            before = before.masked_fill(dropped & (before != BOS), UNK)
        states = self.step(z, before, self.memory(z))[0]
        logits: Tensor = self.output(self.dropout(states))
        return logits

    def memory(self, z: Tensor) -> Memory | None:
        """What the cell remembers before the first step; None for nothing."""
        if self.start is None:
            return None
        parts = [part.unsqueeze(0).contiguous() for part in self.start(z).chunk(self.memories, dim=-1)]
        return (parts[0], parts[1]) if self.memories == 2 else parts[0]

    def step(self, z: Tensor, before: Tensor, memory: Memory | None) -> tuple[Tensor, Memory]:
        """States [batch, length, hidden] after each of `before` [batch, length], and the memory after the last."""
        seen = self.dropout(self.embedding(before))
        if self.latent_dim:
            seen = torch.cat([seen, z.unsqueeze(1).expand(-1, before.shape[1], -1)], dim=-1)
        states, after = self.cell(seen, memory)
        return states, after


class Sentences(nn.Module):
    """The whole: `encode`, `decode` by its own likeliest words, and `decode_given` a sentence."""

    def __init__(self, length: int, reader: Reader | None, teller: Teller, latent_dim: int) -> None:
        super().__init__()
        self.length, self.latent_dim = length, latent_dim
        self.reader, self.teller = reader, teller

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logvar [batch, latent] of x [batch, length]; the prior's own where there is no code."""
        if self.reader is None:
            nothing = x.new_zeros(len(x), self.latent_dim)
            return nothing, nothing
        mean, logvar = self.reader(up_to_the_longest(x))
        return mean, logvar

    def decode_given(self, z: Tensor, x: Tensor) -> Tensor:
        """Logits [batch, longest, vocabulary - 2], the words of `x` before each place given (teacher forcing)."""
        logits: Tensor = self.teller(z, up_to_the_longest(x))
        return logits

    def decode(self, z: Tensor) -> Tensor:
        """Logits [batch, length, vocabulary - 2], the likeliest word at each place taken for given at the next."""
        memory = self.teller.memory(z)
        token = torch.full((len(z), 1), BOS, device=z.device)
        found = []
        for _ in range(self.length):
            state, memory = self.teller.step(z, token, memory)
            found.append(self.teller.output(state))
            token = found[-1].argmax(-1) + FIRST
        return torch.cat(found, dim=1)


class OneForAll(nn.Module):
    """The same mass function at every place, whatever was said before: one logit for each token."""

    def __init__(self, length: int, outputs: int, latent_dim: int) -> None:
        super().__init__()
        self.length, self.latent_dim = length, latent_dim
        self.logits = nn.Parameter(torch.zeros(outputs))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The prior's mean and logvar: there is no code."""
        nothing = x.new_zeros(len(x), self.latent_dim)
        return nothing, nothing

    def decode_given(self, z: Tensor, x: Tensor) -> Tensor:  # noqa: ARG002
        """The logits at each place of the longest sentence: [batch, longest, outputs]."""
        return self.logits.expand(*up_to_the_longest(x).shape, -1)

    def decode(self, z: Tensor) -> Tensor:
        """The logits at every place: [batch, length, outputs]."""
        return self.logits.expand(len(z), self.length, -1)


def recurrent(model: Recurrent, shapes: tuple[Shape, int, int]) -> Adapted:
    """The network of an `lstm` or a `gru`."""
    (length,), latent_dim, outputs = shapes
    vocabulary = outputs + FIRST
    inner = (vocabulary, model.embedding, model.hidden)
    reader = None if model.plain else Reader(model.kind, (*inner, latent_dim))
    teller = Teller(
        model.kind,
        (*inner, 0 if model.plain else latent_dim),
        word_dropout=model.word_dropout,
        dropout=model.dropout,
    )
    draws = bool(model.word_dropout or model.dropout)
    module = Sentences(length, reader, teller, latent_dim)
    return Adapted(module, shapes[0], stacks=False, draws=draws, sees=True)


def unigram(shapes: tuple[Shape, int, int]) -> Adapted:
    """The network of a `unigram`."""
    (length,), latent_dim, outputs = shapes
    return Adapted(OneForAll(length, outputs, latent_dim), shapes[0], stacks=False, draws=False, sees=True)


def word_vectors(vocabulary: int, width: int) -> nn.Embedding:
    """Uniform in +-0.1, as Zaremba et al. 2014 start theirs: torch's N(0, 1) would outweigh the code at the start."""
    vectors = nn.Embedding(vocabulary, width)
    nn.init.uniform_(vectors.weight, -0.1, 0.1)
    return vectors


def up_to_the_longest(x: Tensor) -> Tensor:
    """The tokens [batch, longest] of a batch [batch, length], as whole numbers, without what is padding in all."""
    tokens = x.long()
    longest = int((tokens != PAD).sum(1).max()) if len(tokens) else 0
    return tokens[:, : max(1, longest)]
