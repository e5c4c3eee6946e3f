"""Lanes: several pieces of training that are interleaved in one process.

A piece of work is a generator. It yields whenever other work may run: between steps, and when it would have to wait for
the device. On a GPU every lane has a stream of its own, so that small models fill the device side by side. Numbers are
those of each piece alone: only the order of execution changes.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Generic, TypeAlias, TypeVar

import torch

from warmstart.basics import check_at_least, global_states, restore_global_states

Result = TypeVar("Result")
Item = TypeVar("Item")
# What work yields: None if it can continue at once, else the event that it would wait for.
Pause: TypeAlias = torch.cuda.Event | None
Work: TypeAlias = Generator[Pause, None, Result]


class Lane(Generic[Item]):
    """One piece of work with a stream and a random state of its own; an iterator over what the work yields.

    Between two turns the global generators are for the caller as the caller left them, and for the work likewise.

    Args:
        work: The work.
        device: Where it computes; None: anywhere, on the current stream.
    """

    def __init__(self, work: Generator[Item, None, Any], device: torch.device | None) -> None:
        self.result: Any = None
        self._work = work
        self._random: Any = None
        self._stream: torch.cuda.Stream | None = None
        self._pause: Item | None = None
        if device is not None and device.type == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            free = _free_streams[torch.device("cuda", index)]
            self._stream = free.pop() if free else torch.cuda.Stream(index)
            # What the work reads, such as data and model, may still be in the making on the current stream.
            self._stream.wait_stream(torch.cuda.current_stream(device))

    def __iter__(self) -> Iterator[Item]:
        """Return itself."""
        return self

    def __next__(self) -> Item:
        """Take the next turn."""
        try:
            with self._inside():
                self._pause = next(self._work)
                return self._pause
        except BaseException as end:
            self.result = end.value if isinstance(end, StopIteration) else None
            self._leave()
            raise

    def _leave(self) -> None:
        """Give the stream back."""
        if self._stream is not None:
            # The caller continues with the results on another stream.
            self._stream.synchronize()
            _free_streams[self._stream.device].append(self._stream)
            self._stream = None

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Use the lane's stream and random state within the context."""
        # The work may draw from the global generators, as dropout does; numbers must not depend on who else runs.
        outside = global_states()
        if self._random is not None:
            restore_global_states(self._random)
        try:
            with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
                yield
        finally:
            self._random = global_states()
            restore_global_states(outside)

    @property
    def is_waiting(self) -> bool:
        """Whether the next turn would only wait for the device."""
        return isinstance(self._pause, torch.cuda.Event) and not self._pause.query()

    def close(self) -> None:
        """Abort the work."""
        with self._inside():
            self._work.close()
        self._leave()


# Streams of ended lanes, to be used again: PyTorch caches memory per stream, and new streams would each keep their own.
_free_streams: defaultdict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)


def run_alone(work: Work[Result], device: torch.device | None) -> Result:
    """Run one piece of work to its end, and return its result."""
    lane = Lane(work, device)
    for _ in lane:
        pass
    return lane.result


def interleave(draw: Callable[[], Work[Any] | None], *, lanes: int, device: torch.device) -> None:
    """Run pieces of work side by side; when one has ended, the next takes its lane.

    Args:
        draw: Returns the next piece; None while there is none. Called again whenever a lane is free.
        lanes: Pieces in progress at once, at least 1.
        device: Where they compute.
    """
    check_at_least("lanes", lanes, 1)
    running: deque[Lane[Pause]] = deque()
    ended = object()
    try:
        while True:
            while len(running) < lanes and (work := draw()) is not None:
                running.append(Lane(work, device))
            if not running:
                return
            # The first lane that need not wait; if all would, the one that has waited longest, at the front.
            ready = next((index for index, lane in enumerate(running) if not lane.is_waiting), 0)
            lane = running[ready]
            del running[ready]
            if next(lane, ended) is not ended:
                running.append(lane)
    finally:
        for lane in running:
            lane.close()


def run_lanes(works: Iterable[Work[Result]], *, device: torch.device | str = "cpu", lanes: int = 8) -> list[Result]:
    """Run pieces of work side by side, and return their results in order.

    Args:
        works: As returned by :func:`fitting`.
        device: Where their models and data are.
        lanes: Pieces in progress at once, at least 1.

    Example:
        >>> def counting(to):
        ...     for _ in range(to):
        ...         yield None
        ...     return to
        >>> run_lanes([counting(3), counting(1)], lanes=2)
        [3, 1]
    """
    results: dict[int, Result] = {}

    def store(index: int, work: Work[Result]) -> Work[None]:
        results[index] = yield from work

    waiting = (store(index, work) for index, work in enumerate(works))
    interleave(lambda: next(waiting, None), lanes=lanes, device=torch.device(device))
    return [results[index] for index in sorted(results)]
