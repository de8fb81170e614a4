"""Sentences of one trained model on text, kept with its result so that a report needs no model.

All are text arrays; each sentence is the decoder's own likeliest words from a code on (greedy decoding).
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from klsweep.data import Data
from klsweep.result import Sentences
from klsweep.tokens import sentence
from klsweep.train import streams
from klsweep.train.trained import TrainedModel

SHOWN = 8  # held-out sentences, and their reconstructions
SAMPLES = 8  # from the prior
PAIRS = 2  # of held-out sentences, one after the other, with the way from one code to the other between them
STEPS = 6  # codes on that way, both ends among them


def sentences(model: TrainedModel, data: Data, device: torch.device) -> dict[str, NDArray[Any]]:
    """Arrays by the names of `result.Sentences`; none where the data are no text.

    `originals` and `reconstructions` [8]: the first of the test split, and what is said from the means of their
    posteriors. `samples` [8]: from z of the prior, the same z for all jobs of one seed and latent size.
    `interpolations` [2, 6]: at equal steps in a straight line between the means of two of them.
    """
    if not data.words:
        return {}
    x = torch.from_numpy(data.test[:SHOWN]).to(device)
    mean, _ = model.encode(x)
    noise = torch.randn(SAMPLES, mean.shape[1], generator=streams.generator(model.job.seed, "picture"))
    found = {
        Sentences.ORIGINALS: x,
        Sentences.RECONSTRUCTIONS: model.expected(mean),
        Sentences.SAMPLES: model.expected(noise.to(device)),
    }
    said = {str(name): _words(tokens, data.words) for name, tokens in found.items()}
    pairs = min(PAIRS, len(mean) // 2)
    if pairs:
        way = _words(model.expected(_between(mean[: 2 * pairs])), data.words)
        said[str(Sentences.INTERPOLATIONS)] = way.reshape(pairs, STEPS)
    return said


def _between(ends: torch.Tensor) -> torch.Tensor:
    """Codes [pairs * STEPS, latent] on the lines between each two of `ends` [2 * pairs, latent]."""
    share = torch.linspace(0, 1, STEPS, device=ends.device)[None, :, None]
    first, second = ends[0::2, None], ends[1::2, None]
    return (first + share * (second - first)).flatten(0, 1)


def _words(tokens: torch.Tensor, words: tuple[str, ...]) -> NDArray[Any]:
    """Tokens [n, length] as sentences [n]."""
    return np.array([sentence(row, words) for row in tokens.cpu().numpy().astype(np.int64)])
