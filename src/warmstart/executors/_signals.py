"""Signals while processes start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""What asks a process to end."""


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold signals back while a process starts, from that process until it unblocks them."""
    # Ctrl-C reaches every process of a terminal: one that is importing PyTorch would print a traceback. And a process
    # that has been started, but not yet been stored in a variable, would outlive its parent.
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
