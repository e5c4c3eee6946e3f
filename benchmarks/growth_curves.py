"""What a curve of growth is, and how one is measured."""

import ctypes
import gc
import math
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Action = Callable[[], float]
Prepare = Callable[[int, Path], Action]

UPPER_DECADES = 2
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Curve:
    """A cost that is measured at several sizes.

    Args:
        axis: What grows: "samples", "rounds", "classes", "parameters", "epochs" or "trials".
        name: What costs.
        why: Why the cost grows so, in a sentence or two.
        sizes: The sizes at which it is measured.
        prepare: Takes a size and an empty folder; returns an action that does the work once and returns its seconds.
        memory: Whether memory is measured as well.
    """

    axis: str
    name: str
    why: str
    sizes: Sequence[int]
    prepare: Prepare
    memory: bool = False


def timed(work: Callable[[], object]) -> Action:
    """Return an action that does ``work`` and returns its seconds."""

    def action() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return action


def measured(curve: Curve, *, repeats: int, sizes: Sequence[int]) -> dict[str, Any]:
    """Return what a curve costs at these sizes: all seconds, the memory, and the exponent of the medians."""
    points = [_point(curve, size, repeats) for size in sizes]
    medians = [statistics.median(point["seconds"]) for point in points]
    return {"axis": curve.axis, "name": curve.name, "points": points, "exponent": exponent(sizes, medians)}


def _point(curve: Curve, size: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        action = curve.prepare(size, Path(folder))
        # Memory first: what an action has freed stays with the process, and would not count the next time.
        memory = {"mebibytes": _mebibytes(action)} if curve.memory else {}
        return {"size": size, "seconds": _seconds(action, repeats)} | memory


def _seconds(action: Action, repeats: int) -> list[float]:
    """Repeat an action, the longest ones less often."""
    first = action()
    # The first repetition includes what is set up once, which is negligible in an action that takes long.
    found = [first] if first > PATIENCE_SECONDS / 10 else []
    while not found or (len(found) < repeats and sum(found) < PATIENCE_SECONDS):
        found.append(action())
    return found


def _mebibytes(action: Action) -> float:
    """Return how much memory an action needs at its peak, beyond what its process has already."""
    # Forked, since a process's peak never goes down again: the child's own begins at what it has in memory.
    # Freed memory that the process keeps would make an action seem to need less.
    gc.collect()
    with suppress(OSError, AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=_send_peak, args=(action, theirs))
    child.start()
    found = ours.recv()
    child.join()
    return found


def _send_peak(action: Action, pipe: Connection) -> None:
    before = _peak()
    action()
    pipe.send((_peak() - before) / 2**20)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the power of the size with which values grow over the upper two decades: the slope on logarithms.

    Example:
        >>> round(exponent([1, 10, 100, 1000], [5.0, 2.0, 20.0, 200.0]), 6)
        1.0
    """
    upper = [(size, value) for size, value in zip(sizes, values, strict=True) if size * 10**UPPER_DECADES >= max(sizes)]
    logarithms = [(math.log(size), math.log(value)) for size, value in upper]
    return statistics.linear_regression(*zip(*logarithms, strict=True)).slope
