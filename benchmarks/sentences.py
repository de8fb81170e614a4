"""What training on sentences costs: klsweep's own loop against a plain PyTorch LSTM-VAE, in tokens a second.

    python benchmarks/sentences.py            # about two minutes

The networks are of the same layers, sizes and optimiser; the data are made-up sentences of 3 to 15 words, drawn by
Zipf's law from 2,000, in batches of 32. `plain` pads each batch to its longest, `packed` leaves the padding out by
torch's packed sequences; klsweep's loop has batches of any lengths, or, as it trains, of like ones. Alternately, in one
thread; CPU seconds, so that other work on the machine counts less.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence

from klsweep.data import Data
from klsweep.spec.job import Job
from klsweep.tokens import BOS, EOS, FIRST, PAD, UNK
from klsweep.train import Setting, train

VOCABULARY, LONGEST, BATCH = 2000, 15, 32
LATENT, EMBEDDING, HIDDEN = 16, 64, 64
SENTENCES, EPOCHS = 3200, 2


def made_up() -> Data:
    """Sentences to train on, and one to test on."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, LONGEST + 1, SENTENCES)
    chances = 1 / np.arange(1, VOCABULARY - UNK)
    words = rng.choice(np.arange(UNK + 1, VOCABULARY), (SENTENCES, LONGEST + 1), p=chances / chances.sum())
    places = np.arange(LONGEST + 1)
    words[places == lengths[:, None]] = EOS
    words[places > lengths[:, None]] = PAD
    x = words.astype(np.float32)
    return Data(x, x[:0], x[:1], lengths=lengths + 1)


class Plain(nn.Module):
    """A VAE of sentences as one writes it for a single experiment."""

    def __init__(self, *, packs: bool) -> None:
        super().__init__()
        self.packs = packs
        self.heard, self.said = nn.Embedding(VOCABULARY, EMBEDDING), nn.Embedding(VOCABULARY, EMBEDDING)
        self.encoder = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 2 * LATENT)
        self.start = nn.Linear(LATENT, 2 * HIDDEN)
        self.decoder = nn.LSTM(EMBEDDING + LATENT, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, VOCABULARY - FIRST)

    def forward(self, x: Tensor) -> Tensor:
        """Negative ELBO of sentences [batch, length], the mean."""
        lengths = (x != PAD).sum(1)
        x = x[:, : int(lengths.max())]
        heard = self.heard(x)
        if self.packs:
            last = self.encoder(pack_padded_sequence(heard, lengths, batch_first=True, enforce_sorted=False))[
                1
            ][0][0]
        else:
            last = self.encoder(heard)[0][torch.arange(len(x)), lengths - 1]
        mean, logvar = self.head(last).chunk(2, dim=-1)
        z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        before = torch.cat([torch.full_like(x[:, :1], BOS), x[:, :-1]], dim=1)
        seen = torch.cat([self.said(before), z[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        hidden, cell = (part[None].contiguous() for part in self.start(z).chunk(2, dim=-1))
        target = torch.where(x == PAD, -100, x - FIRST)
        if self.packs:
            packed = pack_padded_sequence(seen, lengths, batch_first=True, enforce_sorted=False)
            order = packed.sorted_indices
            states = self.decoder(packed, (hidden, cell))[0].data
            wanted = pack_padded_sequence(target[order], lengths[order], batch_first=True).data
            loss = cross_entropy(self.output(states), wanted, reduction="sum")
        else:
            logits = self.output(self.decoder(seen, (hidden, cell))[0])
            loss = cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100, reduction="sum")
        rate = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()
        return (loss + rate) / len(x)


def plainly(data: Data, *, packs: bool) -> None:
    """Train the plain network for `EPOCHS`."""
    network = Plain(packs=packs)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    x = torch.from_numpy(data.train).long()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = network(x[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def by_klsweep(data: Data) -> None:
    """Train the same by klsweep's loop."""
    job = Job.model_validate(
        {
            "dataset": "grammar",
            "model": {"kind": "lstm", "hidden": HIDDEN, "embedding": EMBEDDING},
            "latent_dim": LATENT,
            "likelihood": {"kind": "tokens", "vocabulary": VOCABULARY},
            "beta": 1.0,
            "train": {"epochs": EPOCHS, "batch_size": BATCH},
        }
    )
    train([job], data, Setting())


def seconds(run: Callable[[], None]) -> float:
    """CPU seconds of a training."""
    started = time.process_time()
    run()
    return time.process_time() - started


def main() -> None:
    """Measure alternately and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="times each is measured")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    data = made_up()
    unsorted = replace(data, lengths=None)
    ways: dict[str, Callable[[], None]] = {
        "plain PyTorch, padded": lambda: plainly(data, packs=False),
        "plain PyTorch, packed": lambda: plainly(data, packs=True),
        "klsweep, any lengths": lambda: by_klsweep(unsorted),
        "klsweep, like lengths": lambda: by_klsweep(data),
    }
    for run in ways.values():
        seconds(run)  # first calls load and allocate
    rounds = [{name: seconds(run) for name, run in ways.items()} for _ in range(repeats)]
    tokens = EPOCHS * int((data.train != PAD).sum())
    table = Table("loop", "tokens a second", "as much as plain, padded")
    for name in ways:
        took = statistics.median(each[name] for each in rounds)
        ratio = statistics.median(each["plain PyTorch, padded"] / each[name] for each in rounds)
        table.add_row(name, f"{tokens / took:,.0f}", f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
