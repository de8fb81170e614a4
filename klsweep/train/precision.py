"""In which precision the networks of a fleet compute; nats, gradients' sums and parameters are float32 always."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from klsweep.spec.job import Precision
from klsweep.vae.processor import features

Resolved = Literal["fp32", "tf32", "bf16"]
FAST = frozenset({"avx512_bf16", "amx_bf16"})
"""Instruction sets with products of bfloat16; without one of them a CPU only imitates these, at a loss."""


def resolved(asked: Precision, device: torch.device) -> Resolved:
    """What `asked` is on this device: `auto` is bf16 where the hardware multiplies it. Alike on machines of a kind."""
    if device.type == "cuda":
        modern = torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere and later
        if asked == "auto":
            return "bf16" if modern else "fp32"
        return "fp32" if asked == "tf32" and not modern else asked
    if asked == "auto":
        return "bf16" if features() & FAST else "fp32"
    return "fp32" if asked == "tf32" else asked  # a CPU has no tf32, and nothing to gain from its rounding


def autocast(precision: Resolved, device: torch.device) -> AbstractContextManager[None]:
    """Where networks compute in `precision`: under bf16 each product casts its factors, each weight once."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
