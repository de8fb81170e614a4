"""The default question at full size: nine betas of a VAE 784-512-16 on MNIST, by klsweep and by its rivals.

    python benchmarks/nine_betas.py --data DIR --pythae ENV/bin/python
    python benchmarks/nine_betas.py --data DIR --pythae ENV/bin/python --network conv --betas 1 10 --epochs 1

Whole commands are timed, from their start to their end: 60,000 pictures, 3 epochs, batches of 128, Adam at 1e-3. What
klsweep measures and stores is in its time; what the rivals measure here is taken off theirs. Distortion and rate on the
test split stand beside, so that nobody wins by training less. `--pythae` names the Python of an environment that has
pythae; without it one is made with pip, in a folder that is thrown away. DIR holds the files of MNIST in `mnist`.
The share of the peak is that of the arithmetic in klsweep's training seconds, against large products measured in the
same run: as torch multiplies by itself, and as fast as klsweep can have it multiply. `--device cuda` asks the same of
a GPU.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from klsweep.running.devices import cores
from klsweep.store import Store
from klsweep.vae.products import float32_products

HERE = Path(__file__).parent
BETAS = tuple(10 ** (exponent / 4) for exponent in range(-4, 5))
SHOWN = (0, 4, 8)  # of them, in the table: 0.1, 1, 10
INPUTS, HIDDEN, LATENT, BATCH, IMAGES = 784, 512, 16, 128, 60_000

Ends = Mapping[float, tuple[float, float]]  # distortion and rate by beta


@dataclass(frozen=True)
class Timed:
    """One whole command: wall seconds, what became of each beta, and the training's seconds where known."""

    seconds: float
    ends: Ends
    training: float | None = None


MODELS = {
    "mlp": {"kind": "mlp", "hidden": [HIDDEN]},
    "conv": {"kind": "conv", "channels": [32, 64], "hidden": 256},
}


@dataclass(frozen=True)
class Question:
    """What all contestants are asked to train."""

    data: Path
    betas: Sequence[float]
    epochs: int
    device: str
    network: str


def klsweep(asked: Question, precision: str) -> Timed:
    """`klsweep run`, with everything it does by default."""
    spec = {
        "version": 1,
        "name": "nine",
        "fixed": {
            "dataset": {"kind": "mnist", "valid": 0.0},
            "model": MODELS[asked.network],
            "latent_dim": LATENT,
            "train": {"epochs": asked.epochs, "batch_size": BATCH, "lr": 1e-3, "precision": precision},
        },
        "grid": {"beta": list(asked.betas)},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nine.yaml"
        file.write_text(json.dumps(spec))
        options = ("--results", f"{folder}/results", "--data-dir", str(asked.data), "--device", asked.device)
        seconds, _ = timed([sys.executable, "-m", "klsweep", "run", str(file), *options])
        rows = [record.row for record in Store(Path(folder) / "results" / "nine").records()]
    ends = {float(row["beta"]): (float(row["distortion_nats"]), float(row["rate_nats"])) for row in rows}
    hands = cores() if asked.device == "cpu" else 1
    return Timed(seconds, ends, sum(float(row["train_seconds"]) for row in rows) / hands)


def rival(python: str, script: str, asked: Question, *options: str) -> Timed:
    """A rival's script in a process of its own, less what it takes for measuring."""
    betas = [str(beta) for beta in asked.betas]
    settings = {"epochs": asked.epochs, "data": asked.data, "device": asked.device, "network": asked.network}
    given = [text for name, value in settings.items() for text in (f"--{name}", str(value))]
    seconds, printed = timed([python, str(HERE / script), "--betas", *betas, *given, *options])
    said = json.loads(printed.splitlines()[-1])
    ends = {float(beta): (end[0], end[1]) for beta, end in said["ends"].items()}
    return Timed(seconds - said["measuring"], ends)


def timed(command: list[str]) -> tuple[float, str]:
    """Wall seconds and standard output; ends here with the output of one that fails."""
    started = time.perf_counter()
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ran.returncode:
        sys.exit(f"{' '.join(command)}\n{ran.stdout}\n{ran.stderr}")
    return seconds, ran.stdout


def with_pythae(folder: Path) -> str:
    """The Python of a new environment with pythae and the torch of this one."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    pinned = f"torch=={torch.__version__.partition('+')[0]}"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pythae", pinned], check=True)
    return python


def peak(dtype: torch.dtype, device: str, *, plain: bool) -> float:
    """Operations a second in products of 2048x2048 matrices on all threads: `plain`, or as klsweep has them made."""
    left, right = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
    found = []
    with contextlib.nullcontext() if plain else float32_products(torch.device(device)):
        for _ in range(11):
            started = time.perf_counter()
            (left @ right).flatten()[0].item()
            found.append(2 * 2048**3 / (time.perf_counter() - started))
    return max(found[1:])


def arithmetic(asked: Question) -> float:
    """Floating operations of all trainings of the MLP: three products a layer and step, but not for data's gradient."""
    layers = INPUTS * HIDDEN + HIDDEN * 2 * LATENT + LATENT * HIDDEN + HIDDEN * INPUTS
    return 2.0 * (3 * layers - INPUTS * HIDDEN) * IMAGES * asked.epochs * len(asked.betas)


def measure(contestants: Mapping[str, Callable[[], Timed]], repeats: int) -> dict[str, Timed]:
    """Each in turn, `repeats` times over; the run of median time of each."""
    runs: dict[str, list[Timed]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            runs[name].append(run())
            print(f"{name}: {runs[name][-1].seconds:.1f} s", file=sys.stderr, flush=True)
    middle = {name: statistics.median_low(each.seconds for each in several) for name, several in runs.items()}
    return {name: next(each for each in runs[name] if each.seconds == middle[name]) for name in runs}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KLSWEEP_DATA"), help="has mnist/*.gz")
    parser.add_argument("--pythae", help="the Python of an environment with pythae")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", help="contestants to run, by the beginning of their names")
    parser.add_argument("--network", choices=MODELS, default="mlp")
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)
    told = parser.parse_args()
    asked = Question(Path(told.data), told.betas, told.epochs, told.device, told.network)
    many, device = cores(), told.device
    with tempfile.TemporaryDirectory() as folder:
        pythae = told.pythae or with_pythae(Path(folder))
        everybody: dict[str, Callable[[], Timed]] = {
            "pythae": lambda: rival(pythae, "by_pythae.py", asked),
            f"by hand, 1 process of {many} threads": lambda: rival(
                sys.executable, "by_hand.py", asked, "--threads", str(many)
            ),
            f"by hand, {many} processes of 1 thread": lambda: rival(
                sys.executable, "by_hand.py", asked, "--processes", str(many)
            ),
            "klsweep fp32": lambda: klsweep(asked, "fp32"),
            "klsweep bf16": lambda: klsweep(asked, "bf16"),
        }
        if device != "cpu":
            del everybody[f"by hand, {many} processes of 1 thread"]
        chosen = {
            name: run for name, run in everybody.items() if not told.only or name.startswith(tuple(told.only))
        }
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
        peaks = {
            name: (peak(of, device, plain=True), peak(of, device, plain=False)) for name, of in dtypes.items()
        }
        found = measure(chosen, told.repeats)
    show(found, peaks, asked)


def show(found: Mapping[str, Timed], peaks: Mapping[str, tuple[float, float]], asked: Question) -> None:
    """The table of what was found."""
    shown = [asked.betas[index] for index in SHOWN] if len(asked.betas) > max(SHOWN) else asked.betas
    operations = arithmetic(asked) if asked.network == "mlp" else 0.0
    table = Table(
        "",
        "seconds",
        "x pythae",
        "of torch's peak",
        "of the best",
        *(f"D + R, beta {beta:g}" for beta in shown),
    )
    pythae = found.get("pythae")
    for name, each in found.items():
        ends = [min(each.ends.items(), key=lambda end: abs(end[0] - beta))[1] for beta in shown]
        rate = operations / each.training if each.training else 0.0
        shares = [f"{100 * rate / one:.0f} %" if rate else "" for one in peaks.get(name.split()[-1], (1, 1))]
        ratio = f"{pythae.seconds / each.seconds:.2f}" if pythae else ""
        table.add_row(
            name, f"{each.seconds:.1f}", ratio, *shares, *(f"{one:.2f} + {two:.2f}" for one, two in ends)
        )
    console = Console(width=150)
    console.print(table)
    said = ", ".join(
        f"{name} {torchs / 1e9:.0f} as torch comes and {best / 1e9:.0f} GF/s at best"
        for name, (torchs, best) in peaks.items()
    )
    console.print(f"products here: {said}; torch {torch.__version__}, {cores()} cores")


if __name__ == "__main__":
    main()
