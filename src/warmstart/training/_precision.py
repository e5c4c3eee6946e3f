"""The arithmetic of a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import torch


class Precision(StrEnum):
    """Arithmetic of forward and backward passes; parameters and the optimizer's state are float32 always.

    ``FP32``: float32 throughout, the reference. ``TF32``: products of a GPU round their factors to 10 bits of mantissa;
    on other devices it is FP32. ``BF16``: bfloat16 where autocast considers it safe, float32 elsewhere. ``AUTO``: BF16
    on a device that has instructions for it, else FP32; see :meth:`on`.
    """

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    AUTO = "auto"

    def on(self, device: torch.device | str) -> Precision:
        """Return the precision on a device: AUTO becomes BF16 or FP32, all others stay.

        BF16 on a GPU of compute capability 8.0 (Ampere) or later, and on a processor with AVX512-BF16 or AMX. Other
        processors compute bfloat16 up to a hundred times as slowly as float32. PyTorch before 2.12 does not report a
        processor's instructions: AUTO is FP32 there, as it is on all other kinds of devices.

        Args:
            device: Where a model trains.

        Example:
            >>> Precision.TF32.on("cpu"), Precision.AUTO.on("cpu") in (Precision.FP32, Precision.BF16)
            (<Precision.TF32: 'tf32'>, True)
        """
        if self is not Precision.AUTO:
            return self
        device = torch.device(device)
        has_bfloat16 = False
        if device.type == "cuda":
            has_bfloat16 = torch.cuda.is_available() and torch.cuda.get_device_capability(device) >= (8, 0)
        elif device.type == "cpu" and (capabilities := getattr(torch.cpu, "get_capabilities", None)) is not None:
            has_bfloat16 = any(capabilities().get(name, False) for name in ("avx512_bf16", "amx_bf16"))
        return Precision.BF16 if has_bfloat16 else Precision.FP32


# The attribute of PyTorch's switches that decides about TF32, and its values: since version 2.9, and before.
_SWITCH = "fp32_precision" if hasattr(torch.backends.cudnn, "conv") else "allow_tf32"
_VALUES = ("ieee", "tf32") if _SWITCH == "fp32_precision" else (False, True)


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute in ``precision`` within the context, and restore PyTorch's switches afterwards.

    Example:
        >>> with arithmetic(Precision.BF16, torch.device("cpu")):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    precision = precision.on(device)
    # FP32 has to be set, too: by default PyTorch lets a GPU's convolutions use TF32, and after
    # torch.set_float32_matmul_precision("medium") a processor rounds the factors of float32 products to bfloat16.
    switches: list[Any] = []
    if device.type == "cuda":
        # One switch for all of cuDNN before PyTorch 2.9, one for each kind of layer since. All of them are set alike:
        # PyTorch refuses to read the old one while they differ.
        cudnn: Any = torch.backends.cudnn
        switches = [torch.backends.cuda.matmul, *([cudnn.conv, cudnn.rnn] if hasattr(cudnn, "conv") else [cudnn])]
    elif device.type == "cpu" and hasattr(torch.backends.mkldnn, "matmul"):
        # Not those that are strict: written back, a value inherited from a wider switch would no longer follow it.
        onednn: Any = torch.backends.mkldnn
        kinds = (onednn.matmul, onednn.conv, onednn.rnn)
        switches = [switch for switch in kinds if switch.fp32_precision not in ("none", "ieee")]
    before = [getattr(switch, _SWITCH) for switch in switches]
    try:
        for switch in switches:
            setattr(switch, _SWITCH, _VALUES[precision is Precision.TF32 and device.type == "cuda"])
        # Without autocast's cache of converted weights, which a step makes out of date.
        with torch.autocast(device.type, torch.bfloat16, enabled=precision is Precision.BF16, cache_enabled=False):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            setattr(switch, _SWITCH, value)
