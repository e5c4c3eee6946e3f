"""Peak rates of the device."""

from typing import Any

import torch

from bench._turns import spread
from warmstart.training import Precision
from warmstart.training._precision import arithmetic

from ._place import Place

PRECISIONS = (Precision.FP32, Precision.TF32, Precision.BF16)


def ceilings(place: Place) -> dict[str, Any]:
    """Return FLOP/s of large matrix products in each precision, and bytes per second of a large copy."""
    size = place.some(8192, 256)
    found = {f"products, {precision}, FLOP/s": _products(place, size, precision) for precision in PRECISIONS}
    return {name: spread(rates) for name, rates in {**found, "copy, bytes/s": _copies(place)}.items()}


def _products(place: Place, size: int, precision: Precision) -> list[float]:
    kind = torch.bfloat16 if precision is Precision.BF16 else torch.float32
    one, other = (torch.randn(size, size, device=place.device, dtype=kind) for _ in range(2))
    repeats = place.some(10, 1)
    with arithmetic(precision, torch.device(place.device)):
        torch.mm(one, other)
        seconds = [place.seconds(lambda: [torch.mm(one, other) for _ in range(repeats)]) for _ in range(place.repeats)]
    return [repeats * 2 * size**3 / one_turn for one_turn in seconds]


def _copies(place: Place) -> list[float]:
    source = torch.ones(place.some(2**30, 2**20), dtype=torch.uint8, device=place.device)
    target, repeats = torch.empty_like(source), place.some(20, 1)
    target.copy_(source)
    seconds = [place.seconds(lambda: [target.copy_(source) for _ in range(repeats)]) for _ in range(place.repeats)]
    return [repeats * 2 * len(source) / one_turn for one_turn in seconds]
