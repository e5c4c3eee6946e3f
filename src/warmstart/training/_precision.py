"""In which arithmetic a step is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import torch


class Precision(StrEnum):
    """Arithmetic of forward and backward passes; parameters and the optimizer's state are float32 always.

    ``FP32``: float32 throughout, the reference. ``TF32``: products of a GPU round their factors to 10 bits of mantissa;
    on other devices it is FP32. ``BF16``: bfloat16 where autocast finds it safe, float32 elsewhere. ``AUTO``: BF16 on a
    device that has instructions for it, else FP32; see :meth:`on`.
    """

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    AUTO = "auto"

    def on(self, device: torch.device | str) -> Precision:
        """Return what this is on a device: AUTO becomes BF16 or FP32, all others are what they are.

        BF16 on a GPU of compute capability 8.0 (Ampere) or later, and on a processor with AVX512-BF16 or AMX. Other
        processors compute bfloat16 up to a hundred times as slowly as float32. PyTorch before 2.12 cannot say what a
        processor has: AUTO is FP32 there, as it is on all other kinds of devices.

        Args:
            device: Where a model trains.

        Example:
            >>> Precision.TF32.on("cpu"), Precision.AUTO.on("cpu") in (Precision.FP32, Precision.BF16)
            (<Precision.TF32: 'tf32'>, True)
        """
        if self is not Precision.AUTO:
            return self
        return Precision.BF16 if _has_bfloat16(torch.device(device)) else Precision.FP32


def _has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for products of bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_available() and torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if device.type != "cpu" or capabilities is None:
        return False
    return any(capabilities().get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute in ``precision`` within the context, and put PyTorch's switches back afterwards.

    FP32 has to be asked for, too: by default PyTorch lets a GPU's convolutions use TF32, and after
    ``torch.set_float32_matmul_precision("medium")`` a processor rounds the factors of float32 products to bfloat16.

    Example:
        >>> with arithmetic(Precision.BF16, torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    precision = precision.on(device)
    switches = _switches() if device.type == "cuda" else _loose_switches() if device.type == "cpu" else []
    before = [_read(switch) for switch in switches]
    try:
        for switch in switches:
            _put(switch, _value(precision is Precision.TF32 and device.type == "cuda"))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision is Precision.BF16, cache_enabled=False):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            _put(switch, value)


def _switches() -> list[Any]:
    """Return what decides about TF32: one switch for all of cuDNN before PyTorch 2.9, one for each kind of layer since.

    The later ones are all set alike: PyTorch refuses to read the former one while they differ.
    """
    cudnn: Any = torch.backends.cudnn
    layers = [cudnn.conv, cudnn.rnn] if _has_later_switches() else [cudnn]
    return [torch.backends.cuda.matmul, *layers]


def _loose_switches() -> list[Any]:
    """Return those of a processor that do not say float32; none before PyTorch 2.9.

    Strict ones are left alone: written back, a value that was inherited from a wider switch would no longer follow it.
    """
    onednn: Any = torch.backends.mkldnn
    kinds = [onednn.matmul, onednn.conv, onednn.rnn] if hasattr(onednn, "matmul") else []
    return [switch for switch in kinds if switch.fp32_precision not in ("none", "ieee")]


def _has_later_switches() -> bool:
    return hasattr(torch.backends.cudnn, "conv")


def _value(allowed: bool) -> str | bool:
    return ("tf32" if allowed else "ieee") if _has_later_switches() else allowed


def _read(switch: Any) -> str | bool:
    return switch.fp32_precision if _has_later_switches() else switch.allow_tf32


def _put(switch: Any, value: str | bool) -> None:
    setattr(switch, "fp32_precision" if _has_later_switches() else "allow_tf32", value)
