"""Counts of used latents are those of the closed form, over every datum, whatever the thresholds."""

import io
import math

import pandas as pd
import pytest
import torch
from closed_models import evidence_of, normal
from pydantic import TypeAdapter, ValidationError
from scipy.stats import chi2, norm

from klsweep.metrics.usage import ActiveUnits

THETA = 0.5
SPECTRUM = torch.tensor([50.0, 5.0, 0.6, 0.52, 0.5005, 0.5], dtype=torch.float64)


def linear_vae(n: int):
    """The best linear VAE: means of variance 1 - theta/l about 0, exactly, and posterior variance theta/l.

    The codes are the n quantiles of a standard Gaussian, in another order for each latent, scaled to variance 1.
    """
    quantiles = torch.from_numpy(norm.ppf((torch.arange(n).double().numpy() + 0.5) / n))
    orders = [torch.randperm(n, generator=torch.Generator().manual_seed(k)) for k in range(len(SPECTRUM))]
    codes = torch.stack([quantiles[order] for order in orders], dim=1)
    codes = codes / codes.var(0, correction=0).sqrt()
    return evidence_of(codes * (1 - THETA / SPECTRUM).sqrt(), THETA / SPECTRUM)


def test_units_of_the_linear_vae_are_those_whose_eigenvalue_is_large_enough() -> None:
    """Var_x(E_q[z]) = 1 - theta/l > a where l > theta / (1 - a); E[sigma^2] = theta/l <= 0.8 where l >= theta / 0.8."""
    found = ActiveUnits(variances=(0.0005, 0.001, 0.01, 0.1, 0.5)).measure(linear_vae(1000))
    for least in (0.0005, 0.001, 0.01, 0.1, 0.5):
        assert found[f"active_units_var_{least}"] == int((THETA / (1 - least) < SPECTRUM).sum())
    assert [found[f"active_units_var_{least}"] for least in (0.0005, 0.001, 0.1)] == [5, 4, 3]
    assert found["active_units_sigma2_0.8"] == 2


@pytest.mark.parametrize("delta", [0.01, 0.3, 0.7])
@pytest.mark.parametrize("epsilon", [0.001, 0.02, 0.2])
def test_collapse_of_the_linear_vae_is_where_a_chi_squared_says(epsilon: float, delta: float) -> None:
    """KL_k(x) = ((1-r) g^2 + r - 1 - ln r) / 2 with g ~ N(0, 1), so P(KL < eps) is chi2_1's CDF.

    At 1000 quantiles the share below a bound is the CDF's within 1/1000; no latent is that near to a delta here.
    """
    r = (THETA / SPECTRUM).numpy()
    with_mass = r < 1
    bound = (2 * epsilon + 1 - r + pd.Series(r).map(math.log)) / (1 - r + (~with_mass))
    share = chi2.cdf(bound, df=1)
    share[~with_mass] = 1.0  # the prior itself, KL = 0
    assert (abs(share - (1 - delta)) > 0.002).all()
    found = ActiveUnits(epsilons=(epsilon,), delta=delta).measure(linear_vae(1000))
    assert found[f"collapsed_units_eps_{epsilon}_delta_{delta}"] == (share >= 1 - delta).sum()


def test_all_latents_can_be_used_and_none() -> None:
    used = ActiveUnits().measure(evidence_of(3 * normal(100, 7), 0.01))
    assert used == {
        "active_units_var_0.001": 7,
        "active_units_var_0.1": 7,
        "active_units_sigma2_0.8": 7,
        "collapsed_units_eps_0.01_delta_0.01": 0,
        "collapsed_units_eps_0.1_delta_0.01": 0,
    }
    assert list(ActiveUnits().measure(evidence_of(torch.zeros(100, 7), 1.0)).values()) == [0, 0, 0, 7, 7]


def test_the_definitions_differ_where_a_latent_is_the_same_narrow_posterior_for_every_datum() -> None:
    """It costs rate and says nothing: its mean does not vary, but its variance and its KL are not the prior's."""
    found = ActiveUnits().measure(evidence_of(torch.full((100, 1), 2.0), 0.1))
    assert list(found.values()) == [0, 0, 1, 0, 0]


def test_every_datum_counts() -> None:
    """The first 500 data do not use the latent; the 501st alone makes Var_x = 10^2 * 500/501^2 = 0.199."""
    mean = torch.zeros(501, 1)
    mean[500] = 10.0
    found = ActiveUnits(variances=(0.19, 0.2)).measure(evidence_of(mean, 1.0))
    assert (found["active_units_var_0.19"], found["active_units_var_0.2"]) == (1, 0)


def test_the_variance_is_over_the_data_themselves() -> None:
    """Means -1, 0, 1 have variance 2/3; divided by n - 1 it would be 1."""
    found = ActiveUnits(variances=(0.6, 0.7)).measure(evidence_of(torch.tensor([[-1.0], [0.0], [1.0]]), 1.0))
    assert (found["active_units_var_0.6"], found["active_units_var_0.7"]) == (1, 0)


def test_the_posterior_variance_is_averaged_and_not_its_logarithm() -> None:
    """Variances 1.5 and 0.2 have mean 0.85 > 0.8, and geometric mean 0.55."""
    found = ActiveUnits().measure(evidence_of(torch.zeros(2, 1), torch.tensor([[1.5], [0.2]])))
    assert found["active_units_sigma2_0.8"] == 0


def test_means_far_from_zero_keep_their_variance() -> None:
    """Means 1000 +- 0.25 in float32, whose squares there are 0.06 apart: Var = 1/16, and two passes find it."""
    mean = 1000 + 0.25 * (-1.0) ** torch.arange(2000.0)[:, None]
    found = ActiveUnits(variances=(0.062, 0.063)).measure(evidence_of(mean, 1.0))
    assert (found["active_units_var_0.062"], found["active_units_var_0.063"]) == (1, 0)


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_latent_that_exactly_the_allowed_share_uses_has_collapsed(percent: int) -> None:
    """Of 100 data `percent` use it: collapsed at delta = percent/100, and not at less."""
    mean = torch.zeros(100, 1)
    mean[:percent] = 1.0
    posteriors = evidence_of(mean, 1.0)
    for delta, collapsed in ((percent / 100, 1), (percent / 100 - 0.001, 0)):
        found = ActiveUnits(epsilons=(0.1,), delta=delta).measure(posteriors)
        assert list(found.values())[-1] == collapsed


def test_columns_survive_csv_and_a_query_and_carry_no_exponent() -> None:
    metric = ActiveUnits(variances=(1e-5, 0.001, 1.0), epsilons=(0.25,), delta=0.0)
    found = metric.measure(evidence_of(normal(50, 3), 0.5))
    assert list(found) == [
        "active_units_var_0.00001",
        "active_units_var_0.001",
        "active_units_var_1",
        "active_units_sigma2_0.8",
        "collapsed_units_eps_0.25_delta_0",
    ]
    read = pd.read_csv(io.StringIO(pd.DataFrame([found]).to_csv(index=False)))
    assert read.to_dict("records") == [found]
    assert len(read.query("`active_units_var_0.001` == 3")) == 1


@pytest.mark.parametrize(
    "wrong", [{"variances": [0]}, {"sigma2": -1.0}, {"epsilons": ["0.1"]}, {"delta": 1.0}]
)
def test_a_threshold_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ActiveUnits.model_validate(wrong)
    assert TypeAdapter(ActiveUnits).validate_python({"variances": [0.02]}).variances == (0.02,)
