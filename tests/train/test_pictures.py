"""Pictures are those of the trained model: of the codes they say, in the order they say."""

import numpy as np
import torch
from small import digits, job, trained

from klsweep.data import Data
from klsweep.result import Pictures
from klsweep.train import TrainedModel, measured
from klsweep.train.pictures import GRID, SAMPLES, SHOWN, STEPS, pictures

CPU = torch.device("cpu")


def drawn(latent_dim=4, beta=0.1, data=None):
    one = job(beta, latent_dim=latent_dim, length={"epochs": 3})
    (result,) = trained(one, data=data)
    model = TrainedModel.restored(one, result.weights, (data or digits()).test.shape[1:], CPU)
    return model, pictures(model, data or digits(), CPU)


def test_originals_are_the_first_of_the_test_split_and_reconstructions_their_means():
    model, found = drawn()
    first = digits().test[:SHOWN]
    np.testing.assert_array_equal(found[Pictures.ORIGINALS], np.round(first * 255))
    mean, _ = model.encode(torch.from_numpy(first))
    np.testing.assert_array_equal(
        found[Pictures.RECONSTRUCTIONS], (model.expected(mean) * 255).round().to(torch.uint8).numpy()
    )


def test_traversals_move_one_latent_each_the_most_used_first():
    model, found = drawn(latent_dim=3)
    along, latents = found[Pictures.TRAVERSALS], found[Pictures.TRAVERSED]
    assert along.shape == (3, STEPS, 1, 8, 8)
    assert sorted(latents) == [0, 1, 2]
    start, _ = model.encode(torch.from_numpy(digits().test[:1]))
    code = start.clone()
    code[0, latents[0]] = -3.0
    np.testing.assert_array_equal(along[0, 0], (model.expected(code)[0] * 255).round().to(torch.uint8))


def test_jobs_of_one_seed_draw_their_samples_from_the_same_codes():
    model, found = drawn()
    other, _ = drawn(beta=0.2)
    assert found[Pictures.SAMPLES].shape == (SAMPLES, 1, 8, 8)
    noise = torch.randn(SAMPLES, 4, generator=torch.Generator().manual_seed(0))
    assert not np.array_equal(found[Pictures.SAMPLES], (model.expected(noise) * 255).round().to(torch.uint8))
    swapped = pictures(TrainedModel(other.job, model.network, model.own), digits(), CPU)
    np.testing.assert_array_equal(swapped[Pictures.SAMPLES], found[Pictures.SAMPLES])


def test_two_latents_have_a_manifold_symmetric_about_the_middle_of_the_prior():
    model, found = drawn(latent_dim=2)
    assert found[Pictures.MANIFOLD].shape == (GRID, GRID, 1, 8, 8)
    low = torch.tensor([[-1.7316644, -1.7316644]])  # the prior's quantile at 1/24
    np.testing.assert_allclose(found[Pictures.MANIFOLD][0, 0], model.expected(low)[0] * 255, atol=0.5 + 1e-3)


def test_data_that_are_no_images_have_no_pictures():
    flat = Data(*(split.reshape(len(split), -1) for split in digits().splits))
    assert drawn(data=flat)[1] == {}


def test_a_measured_result_keeps_its_pictures():
    one = job()
    (result,) = trained(one)
    kept = measured(result, one, digits(), metrics=[], device=CPU).arrays
    assert kept.keys() == result.arrays.keys() | set(map(str, Pictures)) - {"picture_manifold"}
