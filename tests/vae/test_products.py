"""Whoever multiplies, an affine map and its gradients are those of float64 up to float32's rounding."""

import pytest
import torch
from torch import Tensor

from klsweep.vae import products
from klsweep.vae.products import LARGE, affine

EPS = torch.finfo(torch.float32).eps
ONEDNN = pytest.mark.skipif(not products.by_onednn(), reason="here products are torch's own")
LARGEST, SMALL = (128, 200, 96), (5, 7, 3)  # batch, in, out
assert LARGEST[0] * LARGEST[1] * LARGEST[2] >= LARGE


def values(sizes: tuple[int, int, int], members: int) -> list[Tensor]:
    """x, weight and bias, that want gradients."""
    batch, inputs, outputs = sizes
    random = torch.Generator().manual_seed(0)
    shapes = ((batch, inputs), (inputs, outputs), (outputs,))
    return [torch.randn((members, *shape), generator=random).requires_grad_() for shape in shapes]


def slopes(product: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Gradients of a sum of squares, which has another slope everywhere."""
    return list(torch.autograd.grad(product.double().square().sum() / 2, of))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("sizes", [SMALL, LARGEST])
def test_an_affine_map_and_its_gradients_are_those_of_float64(
    sizes: tuple[int, int, int], members: int
) -> None:
    given = values(sizes, members)
    exact = [each.detach().double().requires_grad_() for each in given]
    found, expected = affine(*given), exact[0] @ exact[1] + exact[2].unsqueeze(1)
    sums = [(exact[0].abs() @ exact[1].abs() + exact[2].abs().unsqueeze(1)).detach()]
    # A sum of n products in any order errs by (n + 1) EPS of the sum of their sizes (Higham 2002, eq. 3.5).
    batch, inputs, outputs = sizes
    assert ((found - expected).abs() <= (inputs + 1) * EPS * sums[0]).all()
    size = sums[0].max()  # of what the gradients multiply, which has the error above itself
    bounds = [(outputs + inputs + 2), (batch + inputs + 2), (batch + inputs + 2)]
    factors = [exact[1].abs().sum(-1).max(), exact[0].abs().sum(1).max(), batch]
    for one, other, bound, factor in zip(
        slopes(found, given), slopes(expected, exact), bounds, factors, strict=True
    ):
        assert ((one - other).abs() <= bound * EPS * size * factor).all()


@ONEDNN
def test_one_model_has_the_bits_of_a_fleet_of_one() -> None:
    x, weight, bias = values(LARGEST, 1)
    assert torch.equal(affine(x[0], weight[0], bias[0]), affine(x, weight, bias)[0])


@ONEDNN
def test_a_large_product_has_the_same_bits_in_any_fleet_and_on_any_number_of_threads() -> None:
    given = values(LARGEST, 3)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        product = affine(*given)
        found.append([product.detach(), *slopes(product, given)])
    torch.set_num_threads(before)
    alone = [each[1:2].detach().requires_grad_() for each in given]
    product = affine(*alone)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))
    for whole, part in zip(found[0], [product, *slopes(product, alone)], strict=True):
        assert torch.equal(whole[1:2], part)


@ONEDNN
def test_members_may_share_their_batch_without_a_copy_of_it() -> None:
    x, weight, bias = values(LARGEST, 3)
    shared = x[:1].expand_as(x)
    assert torch.equal(affine(shared, weight, bias), affine(shared.contiguous(), weight, bias))


@ONEDNN
@pytest.mark.parametrize("transposed", [False, True])
def test_under_vmap_an_affine_map_is_that_of_a_fleet(transposed: bool) -> None:
    x, weight, bias = values(LARGEST, 3)
    stored = weight.detach().mT.contiguous().requires_grad_() if transposed else weight
    product = torch.func.vmap(lambda x, w, b: affine(x, w.mT if transposed else w, b))(x, stored, bias)
    assert torch.equal(product, affine(x, weight, bias))
    found, expected = slopes(product, [x, stored, bias]), slopes(affine(x, weight, bias), [x, weight, bias])
    assert found[1].stride() == stored.stride(), "no copy is needed to keep it"
    # the other order of the product sums as many terms in another way
    near = {"rtol": 0, "atol": (LARGEST[0] + 1) * EPS * float(expected[1].abs().max())}
    torch.testing.assert_close(found[1].mT if transposed else found[1], expected[1], **near)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[2], expected[2])


@ONEDNN
def test_a_batch_that_wants_no_gradient_is_given_none() -> None:
    x, weight, bias = values(LARGEST, 2)
    affine(x.detach(), weight, bias).sum().backward()
    assert x.grad is None
    assert weight.grad is not None


def test_other_processors_keep_to_torchs_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "features", lambda: frozenset({"GenuineIntel", "avx512f"}))
    assert not products.by_onednn.__wrapped__()


def test_what_linux_tells_of_a_processor_is_read_where_there_is_linux() -> None:
    from pathlib import Path

    from klsweep.vae.processor import features

    told = Path("/proc/cpuinfo")
    if not told.exists():
        assert features() == frozenset()
        return
    words = set(told.read_text().split())
    assert features() <= words
    if "flags" in words:
        assert {"fpu", "sse2"} <= features()
