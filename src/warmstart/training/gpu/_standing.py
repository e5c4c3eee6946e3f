"""Whether a step needs the host."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch


def stands_alone(step: Callable[[], None], device: torch.device) -> bool:
    """Take a step; return whether a recording could take its place.

    A step that waits for the device looks at a number on the host, and would end a recording. One that draws random
    numbers on the host would draw them once and for all. And recordings of several lanes that draw on the device share
    the place of their seed before PyTorch 2.13.

    Args:
        step: Is taken, whatever is returned.
        device: Where it computes.
    """
    before = _states(device)
    waits = _waits(step) if device.type == "cuda" else step()
    return not waits and all(map(torch.equal, _states(device), before))


def _states(device: torch.device) -> list[torch.Tensor]:
    on_device = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *on_device]


def _waits(step: Callable[[], None]) -> bool:
    """Take a step; return whether it made the host wait for the device."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode(before)
    return any("synchroniz" in str(warning.message) for warning in heard)
