"""How float32 matrices are multiplied: by whichever library of torch's does it fast here, and exactly.

On a CPU torch multiplies them by the MKL, which keeps to AVX2 on an AMD processor. oneDNN, which it has on board too,
uses AVX-512 there and is twice as fast (`benchmarks/README.md`), but torch takes it for float32 only where it may
round the factors to bfloat16. On processors without instructions for that oneDNN never does; so it is let, there
alone, and after it has shown that nothing is rounded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from klsweep.vae.processor import features

ROUNDING = frozenset({"amx_tile", "amx_bf16"})
"""Instruction sets by which oneDNN does round, where it may."""


LARGE = 2**24
"""Multiplications of a pass from which oneDNN is faster than the MKL, for a product costs it some 30 microseconds more;
and from which several threads are faster than one, which they are not where they wake for less."""


_ALLOWED = {"cpu": "medium", "cuda": "high"}  # in torch's words: bfloat16, and TF32


@contextmanager
def float32_products(
    device: torch.device, *, multiplications: int = LARGE, tf32: bool = False
) -> Iterator[None]:
    """Within, `device` multiplies and convolves float32 as fast as it can without rounding the factors.

    `multiplications` is how many there are in a pass through all networks, for batches: small work is one thread's.
    With `tf32` a GPU may round factors to 11 bits; a CPU never does.
    """
    try:
        before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    except RuntimeError:  # somebody has set it by torch's other interface, which does not go with this one
        yield
        return
    threads = torch.get_num_threads()
    quick = tf32 if device.type == "cuda" else products_by_onednn(device, multiplications)
    try:
        torch.set_float32_matmul_precision(_ALLOWED[device.type] if quick else "highest")
        torch.backends.cudnn.allow_tf32 = tf32
        if multiplications < LARGE:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def products_by_onednn(device: torch.device, multiplications: int) -> bool:
    """Whether float32 products of so much work are oneDNN's on this device."""
    return device.type == "cpu" and multiplications >= LARGE and by_onednn()


@cache
def by_onednn() -> bool:
    """Whether float32 products of the CPU are oneDNN's: on AMD processors with AVX-512, where they are exact."""
    return (
        "AuthenticAMD" in features()
        and not features() & ROUNDING
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and _exact()
    )


def _exact() -> bool:
    """Whether products by oneDNN keep all 24 bits of their factors: those with a unit matrix change nothing."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        numbers = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0))
        unit = torch.eye(64).expand(2, 64, 64).contiguous()
        return all(
            torch.equal(product, numbers if product.dim() == 3 else numbers[0])
            for product in (numbers @ unit, unit @ numbers, numbers[0] @ unit[0], unit[0] @ numbers[0])
        )
    finally:
        torch.set_float32_matmul_precision(before)
