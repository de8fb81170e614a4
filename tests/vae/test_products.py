"""Whoever multiplies float32 matrices, products and gradients are those of float64 up to float32's rounding."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from klsweep.vae import products
from klsweep.vae.networks import Dense
from klsweep.vae.products import LARGE, float32_products

EPS = torch.finfo(torch.float32).eps
CPU = torch.device("cpu")
ONEDNN = pytest.mark.skipif(not products.by_onednn(), reason="here products are torch's own")
SIZES = ((5, 7, 3), (128, 200, 96), (33, 65, 17))  # batch, in, out


def values(sizes: tuple[int, int, int], members: int) -> list[Tensor]:
    """x, weight and bias, that want gradients."""
    batch, inputs, outputs = sizes
    random = torch.Generator().manual_seed(0)
    shapes = ((batch, inputs), (inputs, outputs), (outputs,))
    return [torch.randn((members, *shape), generator=random).requires_grad_() for shape in shapes]


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What `Dense` makes of x with these parameters."""
    layer = Dense(*weight.shape[-2:])
    return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))  # type: ignore[no-any-return]


def slopes(product: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Gradients of a sum of squares, which has another slope everywhere."""
    return list(torch.autograd.grad(product.double().square().sum() / 2, of))


@pytest.fixture(params=["as torch does", "as fast as can be"])
def quick(request: pytest.FixtureRequest) -> Iterator[None]:
    """Few multiplications, and many."""
    with float32_products(CPU, multiplications=LARGE if "fast" in request.param else 1):
        yield


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("sizes", SIZES)
def test_an_affine_map_and_its_gradients_are_those_of_float64(
    sizes: tuple[int, int, int], members: int
) -> None:
    given = values(sizes, members)
    exact = [each.detach().double().requires_grad_() for each in given]
    found, expected = affine(*given), exact[0] @ exact[1] + exact[2].unsqueeze(1)
    sums = [(exact[0].abs() @ exact[1].abs() + exact[2].abs().unsqueeze(1)).detach()]
    # A sum of n products in any order errs by (n + 1) EPS of the sum of their sizes (Higham 2002, eq. 3.5). Factors
    # that were rounded to bfloat16 would err by 2^-8, 500 times as much as the 128 terms here.
    batch, inputs, outputs = sizes
    assert ((found - expected).abs() <= (inputs + 1) * EPS * sums[0]).all()
    size = sums[0].max()  # of what the gradients multiply, which has the error above itself
    bounds = [(outputs + inputs + 2), (batch + inputs + 2), (batch + inputs + 2)]
    factors = [exact[1].abs().sum(-1).max(), exact[0].abs().sum(1).max(), batch]
    for one, other, bound, factor in zip(
        slopes(found, given), slopes(expected, exact), bounds, factors, strict=True
    ):
        assert ((one - other).abs() <= bound * EPS * size * factor).all()


@pytest.mark.usefixtures("quick")
def test_the_members_of_a_fleet_have_the_bits_of_larger_fleets_on_any_number_of_threads() -> None:
    given = values(SIZES[1], 5)
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        product = affine(*given)
        found.append([product.detach(), *slopes(product, given)])
    torch.set_num_threads(before)
    fewer = [each[1:4].detach().requires_grad_() for each in given]
    product = affine(*fewer)
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))
    for whole, part in zip(found[0], [product, *slopes(product, fewer)], strict=True):
        assert torch.equal(whole[1:4], part)


@ONEDNN
def test_products_with_a_unit_matrix_lose_no_bit() -> None:
    numbers = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(1))
    with float32_products(CPU):
        assert torch.equal(numbers @ torch.eye(128), numbers)
        assert torch.equal(torch.eye(128) @ numbers, numbers)


@ONEDNN
def test_large_work_is_onednns_and_small_work_is_torchs() -> None:
    with float32_products(CPU, multiplications=LARGE):
        assert torch.get_float32_matmul_precision() == "medium"
    with float32_products(CPU, multiplications=LARGE - 1):
        assert torch.get_float32_matmul_precision() == "highest"


def test_small_work_is_one_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with float32_products(CPU, multiplications=LARGE):
            assert torch.get_num_threads() == 2
        with float32_products(CPU, multiplications=LARGE - 1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_settings_of_torch_are_afterwards_what_they_were() -> None:
    def settings() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32

    before = settings()
    with float32_products(torch.device("cuda"), tf32=True):
        assert settings() == ("high", True)
        with float32_products(torch.device("cuda")):
            assert settings() == ("highest", False)
        assert settings() == ("high", True)
    assert settings() == before


def test_no_other_processor_is_allowed_to_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(products, "_exact", lambda: True)
    told = {"GenuineIntel": False, "AuthenticAMD": True, "AuthenticAMD amx_bf16": False}
    for words, allowed in told.items():
        monkeypatch.setattr(products, "features", lambda words=words: frozenset(words.split()))
        assert products.by_onednn.__wrapped__() == allowed


def test_a_processor_that_rounds_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert products._exact() or not products.by_onednn()
    multiply = torch.Tensor.__matmul__
    monkeypatch.setattr(
        torch.Tensor, "__matmul__", lambda one, other: multiply(one.bfloat16().float(), other)
    )
    assert not products._exact()


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
