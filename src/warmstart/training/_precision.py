"""In which arithmetic a step is computed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import torch


class Precision(StrEnum):
    """Arithmetic of forward and backward passes; parameters and the optimizer's state are float32 always.

    ``FP32``: float32 throughout, the reference. ``TF32``: products of a GPU round their factors to 10 bits of mantissa;
    on other devices it is FP32. ``BF16``: bfloat16 where autocast finds it safe, float32 elsewhere.
    """

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute in ``precision`` within the context, and put PyTorch's switches back afterwards.

    FP32 has to be asked for, too: by default PyTorch lets a GPU's convolutions use TF32.

    Example:
        >>> with arithmetic(Precision.BF16, torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    switches = _switches() if device.type == "cuda" else []
    before = [_read(switch) for switch in switches]
    try:
        for switch in switches:
            _put(switch, _value(precision is Precision.TF32))
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


def _has_later_switches() -> bool:
    return hasattr(torch.backends.cudnn, "conv")


def _value(allowed: bool) -> str | bool:
    return ("tf32" if allowed else "ieee") if _has_later_switches() else allowed


def _read(switch: Any) -> str | bool:
    return switch.fp32_precision if _has_later_switches() else switch.allow_tf32


def _put(switch: Any, value: str | bool) -> None:
    setattr(switch, "fp32_precision" if _has_later_switches() else "allow_tf32", value)
