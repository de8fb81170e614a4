"""In which precision the networks of a fleet compute; nats, gradients' sums and parameters are float32 always."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

from klsweep.spec.job import Precision
from klsweep.vae.processor import features

FAST = frozenset({"avx512_bf16", "amx_bf16"})
"""Instruction sets with products of bfloat16; without one of them a CPU only imitates these, at a loss."""


def resolved(asked: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """What `asked` is on this device: `auto` is bf16 where the hardware multiplies it. Alike on machines of a kind."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"  # Ampere and later
    return "bf16" if features() & FAST else "fp32"


def autocast(precision: Literal["fp32", "bf16"], device: torch.device) -> AbstractContextManager[None]:
    """Where networks compute in `precision`: under bf16 each product casts its factors, each weight once."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
