"""How alike two pictures are, where the data are pictures with values in [0, 1]."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from klsweep.metrics.decoding import expected
from klsweep.metrics.draws import rows
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 11  # pixels, the side of the Gaussian window of standard deviation 1.5 (Wang et al. 2004)
ROUNDING = 2.0**-24  # of a float32 below 1: no error under it can be told from none, which is 144.5 dB


def are_pictures(x: "Tensor") -> bool:
    """Whether data [n, *input_shape] are pictures, [n, c, h, w], with every value in [0, 1]."""
    return x.ndim == 4 and bool(x.min() >= 0) and bool(x.max() <= 1)


def psnr_db(squared_error: "Tensor") -> "Tensor":
    """10 log10(1 / squared_error): peak signal-to-noise ratio of pictures whose peak is 1.

    `squared_error` is the mean over the pixels of each picture, [n] float64; so is the result, in dB, at most 144.5.
    """
    return -10 * squared_error.clamp(min=ROUNDING**2).log10()


class Ssim(MetricPart):
    """Structural similarity of a picture and E[x|z], at sampled z and at the posterior mean."""

    source: ClassVar[str] = (
        "Wang, Bovik, Sheikh & Simoncelli 2004, with their window (11 pixels, standard deviation 1.5) and constants "
        "(0.01, 0.03), at data range 1; by scikit-image"
    )
    bias: ClassVar[str] = (
        "windows that reach over the border are left out, as in the paper; colours are averaged; none for data that "
        "are not pictures in [0, 1] or are narrower than the window"
    )
    cost: ClassVar[str] = "some milliseconds per picture of 64x64, on one CPU core"
    extra: ClassVar[str] = "images"
    needs: ClassVar[tuple[str, ...]] = ("skimage",)

    kind: Literal["ssim"] = "ssim"
    size: Annotated[int, Field(gt=0)] = Field(
        default=500, description="held-out pictures to compare, at most"
    )

    def measure(self, evidence: Evidence) -> Values:
        """`ssim` and `ssim_at_mean`, each in [-1, 1] and 1 for a perfect reconstruction."""
        held_out = evidence.held_out
        if not are_pictures(held_out.x) or min(held_out.x.shape[-2:]) < WINDOW:
            return {"ssim": None, "ssim_at_mean": None}
        chosen = rows(len(held_out), self.size, evidence.generator("ssim held-out")).to(held_out.x.device)
        x = held_out.x[chosen]
        return {
            "ssim": _mean_ssim(x, expected(evidence.model, evidence.z[chosen])),
            "ssim_at_mean": _mean_ssim(x, expected(evidence.model, held_out.mean[chosen])),
        }


def _mean_ssim(x: "Tensor", guess: "Tensor") -> float:
    """The mean over pictures [n, c, h, w] of the SSIM of each."""
    from skimage.metrics import structural_similarity

    pairs = zip(x.double().cpu().numpy(), guess.double().cpu().numpy(), strict=True)
    each = [
        structural_similarity(
            a,
            b,
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,  # the paper's moments are plain weighted means
        )
        for a, b in pairs
    ]
    return float(np.mean(each))
