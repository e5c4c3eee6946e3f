"""Recording on a GPU."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress

import torch

# Takes a function that only works on fixed memory, and returns what repeats it.
Record = Callable[[Callable[[], None]], Callable[[], None]]


def cuda_graph(function: Callable[[], None]) -> Callable[[], None]:
    """Record what a function does on the current stream as a CUDA graph, without doing it; return what replays it.

    On the default stream nothing can be recorded, and the function itself is returned, as it is if recording fails.
    """
    if torch.cuda.current_stream() == torch.cuda.default_stream():
        return function
    graph = torch.cuda.CUDAGraph()
    torch.cuda.current_stream().synchronize()
    # No garbage is collected meanwhile: destroying an old recording within this one would spoil it.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        # Not torch.cuda.graph: it waits for all streams, and empties the cache of memory that other trials are using.
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            function()
        except BaseException as error:
            with suppress(RuntimeError):  # PyTorch raises the same error once more
                graph.capture_end()
            torch.cuda.synchronize()
            if isinstance(error, RuntimeError):
                return function
            raise
        graph.capture_end()
    finally:
        if was_enabled:
            gc.enable()
    return graph.replay
