"""Affine maps of a fleet, by whichever matrix product the processor does fast.

torch multiplies float32 matrices by the MKL, which keeps to AVX2 on an AMD processor. oneDNN, which torch has on board
for convolutions, uses AVX-512 there and is twice as fast: see benchmarks/README.md. It has no batched product, so
members take turns, which pays where the matrices are large.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from klsweep.vae.processor import features

LARGE = 2**21
"""Multiplications of one member's product from which turns of oneDNN are faster than one batch of the MKL."""


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x @ weight + bias: [batch, in], [in, out], [out], or all three with a leading member axis."""
    if weight.dim() == 2:
        return affine(x[None], weight[None], bias[None])[0] if _by_turns(x, weight) else bias.addmm(x, weight)
    if _by_turns(x, weight):
        product: Tensor = _Turns.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return product
    return torch.baddbmm(bias.unsqueeze(1), x, weight)


@cache
def by_onednn() -> bool:
    """Whether large float32 products are oneDNN's here: on AMD processors with AVX-512, whose torch has it."""
    return (
        "AuthenticAMD" in features()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and "mkldnn::_linear_pointwise" in torch._C._dispatch_get_all_op_names()
    )


def _by_turns(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.shape[-2] * weight.shape[-2] * weight.shape[-1] >= LARGE
        and not torch.is_autocast_enabled("cpu")
        and by_onednn()
    )


class _Turns(torch.autograd.Function):
    """x [member, batch, in], weight [member, in, out], bias [member, out] -> [member, batch, out]."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return _stacked([_product(*each) for each in zip(x, weight.mT, bias, strict=True)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        of_x = (
            [_product(*each) for each in zip(gradient, weight, strict=True)]
            if ctx.needs_input_grad[0]
            else None
        )
        of_weight = (
            _stacked([_product(*each) for each in zip(x.mT, gradient.mT, strict=True)])
            if weight.stride(-1) == 1
            else _stacked([_product(*each) for each in zip(gradient.mT, x.mT, strict=True)]).mT
        )  # laid out as the weight is, or it would be copied once more
        return None if of_x is None else _stacked(of_x), of_weight, gradient.sum(1)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *given: Tensor) -> tuple[Tensor, int]:
        """Another member axis, outside the first: both are one."""
        wide = [
            each.expand(info.batch_size, *each.shape) if axis is None else each.movedim(axis, 0)
            for each, axis in zip(given, in_dims, strict=True)
        ]
        product: Tensor = _Turns.apply(*(each.flatten(0, 1) for each in wide))  # type: ignore[no-untyped-call]
        return product.view(info.batch_size, -1, *product.shape[1:]), 0


def _product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left [a, b] @ right [c, b] transposed, + bias [c]. [a, c]."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return product


def _stacked(products: list[Tensor]) -> Tensor:
    return torch.stack(products) if len(products) > 1 else products[0].unsqueeze(0)
