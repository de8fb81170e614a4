"""A trained linear VAE lands on its forecast, on held-out data that are not like the training data."""

import numpy as np
import pytest

from klsweep.data import Data, Gaussian
from klsweep.spec import Job, Train
from klsweep.theory.forecast import of_data
from klsweep.theory.linear import optimum
from klsweep.train import Setting, train
from klsweep.vae.likelihoods import Gaussian as GaussianLikelihood
from klsweep.vae.models import Linear

DATA = Gaussian(spectrum=(8.0, 4.0, 2.0, 1.0, 0.5, 0.25), size=4000, test=0.5, valid=0.0)


@pytest.mark.slow
def test_a_trained_linear_vae_lands_on_its_forecast_for_data_it_has_not_seen() -> None:
    given, betas = DATA.load(), (0.3, 1.5, 6.0)
    # as if the test data came from somewhere else: 1.2 times as large, stretched further along one axis, shifted
    elsewhere = given.test * np.array([1.2, 1.2, 1.6, 1.2, 1.2, 1.2], np.float32) + np.float32(0.3)
    data = Data(given.train, given.valid, elsewhere)
    jobs = [
        Job(
            dataset=DATA,
            model=Linear(),
            latent_dim=4,
            likelihood=GaussianLikelihood(variance=1.0),
            train=Train(epochs=100, batch_size=200, lr=0.03, lr_decay="cosine"),
            beta=beta,
        )
        for beta in betas
    ]
    spectrum = of_data(data, axes=4)
    for beta, result in zip(betas, train(jobs, data, Setting()), strict=True):
        best = optimum(spectrum, beta, latent_dim=4)
        # as near as Adam comes, 0.5 %; a squared error spreads by 1.5 times itself at most: 3 % over 2,000 data
        assert result.row["rate_nats"] == pytest.approx(float(best.held.rate_nats), rel=0.01, abs=0.01)
        assert result.row["recon_sse"] == pytest.approx(float(best.held.recon_sse), rel=0.03)
        assert result.row["active_units"] == best.held.active_units
        # and it is the held-out data that are foreseen: the training data are further away than all of that
        assert abs(float(best.held.rate_nats / best.train.rate_nats) - 1) > 0.05
        assert abs(float(best.held.recon_sse / best.train.recon_sse) - 1) > 0.1
