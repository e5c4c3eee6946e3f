"""Whether a step needs the host."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch


def needs_host(step: Callable[[], None], device: torch.device) -> bool:
    """Take a step; return whether it needs the host, so that a recording could not take its place."""
    # A step that waits for the device reads a number on the host, and would end a recording. One that draws random
    # numbers on the host would draw them once and for all. And recordings of several lanes that draw on the device
    # share the memory of their seed before PyTorch 2.13.
    on_gpu = device.type == "cuda"
    before = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
    waits = False
    if on_gpu:
        sync_debug_mode = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                step()
            finally:
                torch.cuda.set_sync_debug_mode(sync_debug_mode)
        waits = any("synchroniz" in str(warning.message) for warning in caught)
    else:
        step()
    after = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
    return waits or not all(map(torch.equal, after, before))
