"""A good hand-written loop, as a rival: logits, one head for mean and logvar, fused Adam, batches by indexing.

    python benchmarks/by_hand.py --betas 0.1 1 10 --epochs 3 --data DIR --processes 2 --threads 1

trains one beta after another in each process and prints, as JSON, the seconds of measuring afterwards and each beta's
distortion and rate on the test split. `nine_betas.py` and `fleets.py` call it. Needs torch and numpy, no klsweep.
"""

import argparse
import gzip
import json
import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

Widths = tuple[int, int, int]


def mlp(inputs: int, hidden: int, latent: int) -> tuple[nn.Module, nn.Module]:
    """Encoder to mean and logvar, decoder to logits, one hidden layer each."""
    encoder = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
    decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, inputs))
    return encoder, decoder


def conv(channels: tuple[int, int], hidden: int, latent: int) -> tuple[nn.Module, nn.Module]:
    """The same of 28x28 pictures, with two strided convolutions each way."""
    first, second = channels
    inner = second * 49
    encoder = nn.Sequential(
        nn.Conv2d(1, first, 4, 2, 1), nn.ReLU(), nn.Conv2d(first, second, 4, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(inner, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, inner), nn.Unflatten(1, (second, 7, 7)), nn.ReLU(),
        nn.ConvTranspose2d(second, first, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(first, 1, 4, 2, 1),
    )  # fmt: skip
    return encoder, decoder


def terms(network: tuple[nn.Module, nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """Distortion and rate of each datum, in nats, at a sampled z."""
    mean, logvar = network[0](x).chunk(2, dim=1)
    logits = network[1](mean + (0.5 * logvar).exp() * torch.randn_like(mean))
    distortion = binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    return distortion, 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1)


def train(
    network: tuple[nn.Module, nn.Module], x: Tensor, *, beta: float, epochs: int, batch: int = 128
) -> tuple[nn.Module, nn.Module]:
    """Minimise distortion + beta * rate over `epochs` passes through `x`."""
    parameters = [parameter for part in network for parameter in part.to(x.device).parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(x), device=x.device)
        for low in range(0, len(x), batch):
            distortion, rate = terms(network, x[order[low : low + batch]])
            optimizer.zero_grad(set_to_none=True)
            (distortion + beta * rate).mean().backward()
            optimizer.step()
    return network


def mnist(data: Path, name: str) -> Tensor:
    """Pictures [n, 784] in [0, 1] from the file as it is published."""
    raw = gzip.decompress((data / "mnist" / f"{name}-images-idx3-ubyte.gz").read_bytes())
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784) / np.float32(255))


NETWORKS = {"mlp": lambda: mlp(784, 512, 16), "conv": lambda: conv((32, 64), 256, 16)}


def _one(given: tuple[float, int, Path, int, str, str]) -> tuple[float, float, float, float]:
    """(beta, distortion, rate, seconds of measuring) of one training."""
    beta, epochs, data, threads, device, name = given
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = (-1, 784) if name == "mlp" else (-1, 1, 28, 28)
    x, test = (mnist(data, split).view(shape).to(device) for split in ("train", "t10k"))
    network = train(NETWORKS[name](), x, beta=beta, epochs=epochs)
    started = time.perf_counter()
    with torch.no_grad():
        distortion, rate = (each.mean().item() for each in terms(network, test))
    return beta, distortion, rate, time.perf_counter() - started


def main() -> None:
    """Train every beta and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--betas", type=float, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", choices=NETWORKS, default="mlp")
    asked = parser.parse_args()
    settings = (asked.epochs, asked.data, asked.threads, asked.device, asked.network)
    work = [(beta, *settings) for beta in asked.betas]
    if asked.processes == 1:
        ends = [_one(each) for each in work]
    else:
        with multiprocessing.get_context("fork").Pool(asked.processes) as pool:
            ends = pool.map(_one, work, chunksize=1)
    found = {beta: [distortion, rate] for beta, distortion, rate, _ in ends}
    print(json.dumps({"measuring": sum(end[3] for end in ends) / asked.processes, "ends": found}))


if __name__ == "__main__":
    main()
