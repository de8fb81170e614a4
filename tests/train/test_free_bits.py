"""Free bits keep every latent coded where its weight would switch it off."""

from klsweep.data import Gaussian
from klsweep.spec.job import Job, Train
from klsweep.train import Setting, train
from klsweep.vae.likelihoods import Mse
from klsweep.vae.models import Linear
from klsweep.vae.objectives import FreeBits

DATA = Gaussian(spectrum=(8.0, 4.0, 2.0, 1.0, 0.5, 0.25), size=65536, test=0.75, valid=0.0)


def test_free_bits_keep_each_latent_at_or_above_its_floor_where_nothing_else_would() -> None:
    """At theta = 4, in half of SSE, only the first eigenvalue would be coded, and at 10 none."""
    floor = 0.2
    jobs = [
        Job(
            dataset=DATA,
            model=Linear(),
            latent_dim=3,
            likelihood=Mse(),
            objective=FreeBits(floor=floor),
            beta=beta,
            train=Train(epochs=100, batch_size=1024, lr=0.03, lr_decay="cosine"),
        )
        for beta in (8.0, 20.0)
    ]
    for result in train(jobs, DATA.load(), Setting()):
        rates = result.arrays["rate_per_latent_nats"]
        # The floor is under the mean of a batch of 1024. A rate of 0.2 has means of variance 1 - e^-0.4 = 0.33, so
        # it spreads by 0.33 / sqrt(2) over the data: 4 standard errors of a batch are 0.029.
        assert (rates >= floor - 0.029).all()
        assert rates.min() < 2 * floor  # held there, and not coded for its own sake
