"""Recording on a GPU."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch


def cuda_graph(function: Callable[[], None]) -> Callable[[], None]:
    """Record what a function does on the current stream as a CUDA graph; return what replays it.

    Recording does nothing but to record. On the default stream nothing can be recorded, and the function is returned
    as it is; so it is if recording fails all the same.
    """
    if torch.cuda.current_stream() == torch.cuda.default_stream():
        return function
    graph = torch.cuda.CUDAGraph()
    torch.cuda.current_stream().synchronize()
    with _no_garbage_collected():
        # Not torch.cuda.graph: it waits for all streams, and empties the cache of memory that other trials are using.
        graph.capture_begin(capture_error_mode="thread_local")
        try:
            function()
        except BaseException as error:
            with suppress(RuntimeError):  # PyTorch complains of it once more
                graph.capture_end()
            torch.cuda.synchronize()
            if isinstance(error, RuntimeError):
                return function
            raise
        graph.capture_end()
    return graph.replay


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Collect no garbage: recordings among it would be destroyed within this one, which spoils it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
