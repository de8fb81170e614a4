"""How far the model's samples are from held-out data."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from klsweep.metrics.decoding import expected
from klsweep.metrics.draws import prior, rows
from klsweep.metrics.evidence import Evidence, Values
from klsweep.metrics.metric import MetricPart
from klsweep.metrics.neighbours import mmd_squared, precision_recall_density_coverage

if TYPE_CHECKING:
    from sklearn.decomposition import PCA
    from torch import Tensor

Features = NDArray[np.float64]

COLUMNS = (
    "sample_mmd_squared",
    "sample_precision",
    "sample_recall",
    "sample_density",
    "sample_coverage",
)

PCA_ROWS = 5000  # training data that the principal components are found in, at most


class Samples(MetricPart):
    """E[x|z] of z ~ N(0, I) against as many held-out data, in pixels or on principal components.

    The kernel of the MMD is exp(-d^2 / (2 s^2)) with s the median distance between the held-out data alone, so
    that every model of the same data is measured with the same kernel.
    """

    source: ClassVar[str] = (
        "Gretton et al. 2012, lemma 6 (MMD); Kynkäänniemi et al. 2019, eq. 1 and 2 (precision, recall); Naeem et al. "
        "2020 (density, coverage)"
    )
    bias: ClassVar[str] = (
        "E[x|z] lacks the noise of p(x|z): in many dimensions a blurred sample is nearer to each datum than the data "
        "are to each other, which flatters precision, density and coverage, of a collapsed model most, and keeps "
        "recall near 0; for n draws on each side of one distribution density is 1 on average and coverage "
        "1 - prod_{i<=k} (n-i)/(2n-i), but precision and recall depend on the distribution; the squared MMD is "
        "unbiased, so it can be below 0"
    )
    cost: ClassVar[str] = "three tables of size^2 distances; decodes size codes"

    kind: Literal["samples"] = "samples"
    size: Annotated[int, Field(ge=2)] = Field(
        default=1000, description="samples and held-out data, each, at most"
    )
    neighbours: Annotated[int, Field(gt=0)] = Field(
        default=5, description="k: balls reach to the k-th neighbour"
    )
    components: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="compare on so many principal components of the training data; null: in pixels",
    )

    def measure(self, evidence: Evidence) -> Values:
        """The squared MMD, precision, recall, density and coverage; None where the held-out data are too few.

        None of tokens, too, which have no distance.
        """
        if evidence.tokens:
            return dict.fromkeys(COLUMNS)
        data = evidence.held_out.x
        chosen = rows(len(data), self.size, evidence.generator("samples held-out"))
        real = _flat(data[chosen.to(data.device)])
        fake = _flat(expected(evidence.model, prior(evidence, len(chosen), "samples prior")))
        if self.components is None:
            return self._compared(real, fake)
        found = self._principal_components(evidence, self.components)
        return self._compared(found.transform(real), found.transform(fake))

    def _principal_components(self, evidence: Evidence, components: int) -> "PCA":
        """Those of (a part of) the training data, at most as many as there are data or dimensions."""
        import torch
        from sklearn.decomposition import PCA

        training = evidence.training().x
        generator = evidence.generator("samples components")
        points = _flat(training[rows(len(training), PCA_ROWS, generator).to(training.device)])
        start = int(torch.randint(2**31, (), generator=generator))  # of the randomised solver
        with np.errstate(all="ignore"):  # shares of no variance, which are not used
            return PCA(min(components, *points.shape), random_state=start).fit(points)

    def _compared(self, real: Features, fake: Features) -> Values:
        from sklearn.metrics import pairwise

        centre = real.mean(axis=0)  # near 0 the squares are small, and so is their rounding
        real, fake = real - centre, fake - centre
        pairs = ((real, real), (fake, fake), (real, fake))
        tables = [pairwise.euclidean_distances(a, b, squared=True) for a, b in pairs]
        values: Values = dict.fromkeys(COLUMNS)
        if len(real) < 2:
            return values
        bandwidth_squared = float(np.median(tables[0][np.triu_indices(len(real), 1)]))
        if bandwidth_squared > 0:
            values["sample_mmd_squared"] = mmd_squared(*tables, bandwidth_squared=bandwidth_squared)
        if self.neighbours < len(real):
            shares = precision_recall_density_coverage(*tables, k=self.neighbours)
            values |= dict(zip(COLUMNS[1:], shares, strict=True))
        return values


def _flat(x: "Tensor") -> Features:
    points: Features = x.flatten(1).double().cpu().numpy()
    return points
