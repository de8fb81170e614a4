"""The same betas by pythae's BetaVAE and its training pipeline, one after another, as a rival.

`nine_betas.py` calls it with the Python of an environment that has pythae; klsweep does not need it. Prints what
`by_hand.py` prints.
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

import torch
from by_hand import conv, mnist
from pythae.models import BetaVAE, BetaVAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from torch.nn.functional import binary_cross_entropy


class Encoder(BaseEncoder):
    """That of `by_hand.conv`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = conv((32, 64), 256, 16)[0]

    def forward(self, x: torch.Tensor) -> ModelOutput:
        mean, logvar = self.layers(x).chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=logvar)


class Decoder(BaseDecoder):
    """That of `by_hand.conv`; pythae wants probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = conv((32, 64), 256, 16)[1]

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z).sigmoid())


def train(x: torch.Tensor, *, beta: float, epochs: int, folder: str, cuda: bool, network: str) -> BetaVAE:
    """One training by the pipeline, with pythae's own MLP, 784-512-16, or the convolutions of `by_hand.py`."""
    config = BetaVAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce", beta=beta)
    model = BetaVAE(config) if network == "mlp" else BetaVAE(config, Encoder(), Decoder())
    asked = BaseTrainerConfig(
        output_dir=folder,
        num_epochs=epochs,
        learning_rate=1e-3,
        per_device_train_batch_size=128,
        per_device_eval_batch_size=128,
        no_cuda=not cuda,
    )
    TrainingPipeline(model=model, training_config=asked)(train_data=x)
    return model


@torch.no_grad()
def measure(model: BetaVAE, x: torch.Tensor) -> tuple[float, float]:
    """Distortion and rate on `x`, in nats, at a sampled z."""
    model = model.cpu()
    code = model.encoder(x)
    mean, logvar = code.embedding, code.log_covariance
    given = model.decoder(mean + (0.5 * logvar).exp() * torch.randn_like(mean)).reconstruction
    distortion = binary_cross_entropy(given.flatten(1), x.flatten(1), reduction="none").sum(1)
    rate = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1)
    return distortion.mean().item(), rate.mean().item()


def main() -> None:
    """Train every beta and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--betas", type=float, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", choices=("mlp", "conv"), default="mlp")
    asked = parser.parse_args()
    logging.disable(logging.INFO)
    torch.manual_seed(0)
    x, test = (mnist(asked.data, name).view(-1, 1, 28, 28) for name in ("train", "t10k"))
    ends, measuring = {}, 0.0
    for beta in asked.betas:
        with tempfile.TemporaryDirectory() as folder:
            cuda = asked.device != "cpu"
            model = train(x, beta=beta, epochs=asked.epochs, folder=folder, cuda=cuda, network=asked.network)
        started = time.perf_counter()
        ends[beta] = measure(model.eval(), test)
        measuring += time.perf_counter() - started
    print(json.dumps({"measuring": measuring, "ends": ends}))


if __name__ == "__main__":
    main()
