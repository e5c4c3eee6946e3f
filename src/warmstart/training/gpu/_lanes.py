"""Lanes: several pieces of training that take turns in one process.

A piece of work is a generator. It yields whenever others may go on: between steps, and when it would have to wait for
the device. On a GPU every lane has a stream of its own, so that small models fill the device side by side; numbers are
those of each piece alone, for nothing of what is computed changes, only when.
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
Pause: TypeAlias = torch.cuda.Event | None
"""What a piece of work yields: None where it can go on at once, else the event that it would wait for."""
Work: TypeAlias = Generator[Pause, None, Result]


class Lane(Generic[Item]):
    """One piece of work with a stream and a random state of its own.

    It is an iterator over what the work yields. Between two turns the caller finds the global generators as it left
    them, and so does the work.

    Args:
        work: What to do.
        device: Where it computes; None: wherever, on the stream that is the current one.
    """

    def __init__(self, work: Generator[Item, None, Any], device: torch.device | None) -> None:
        self.result: Any = None
        self._work = work
        self._random: Any = None
        self._stream = _free_stream(device) if device is not None and device.type == "cuda" else None
        self._pause: Item | None = None
        if self._stream is not None:
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
        """Wait until the stream has done everything, for others may go on with the results, and give it back."""
        if self._stream is not None:
            self._stream.synchronize()
            _free_streams[self._stream.device].append(self._stream)
            self._stream = None

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Be on the lane's stream and in its random state, and out of both afterwards."""
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
        """End the work where it is."""
        with self._inside():
            self._work.close()
        self._leave()


_free_streams: defaultdict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)
"""Streams that no lane has. Memory once used on a stream is kept for it: new streams would each keep their own."""


def _free_stream(device: torch.device) -> torch.cuda.Stream:
    index = torch.cuda.current_device() if device.index is None else device.index
    free = _free_streams[torch.device("cuda", index)]
    return free.pop() if free else torch.cuda.Stream(index)


def alone(work: Work[Result], device: torch.device | None) -> Result:
    """Do one piece of work to its end, and return its result."""
    lane = Lane(work, device)
    for _ in lane:
        pass
    return lane.result


def take_turns(draw: Callable[[], Work[Any] | None], *, lanes: int, device: torch.device) -> None:
    """Do pieces of work side by side; where one has ended, the next takes its lane.

    Args:
        draw: Returns the next piece; None while there is none. Asked again whenever a lane is free.
        lanes: Pieces under way at once, at least 1.
        device: Where they compute.
    """
    check_at_least("lanes", lanes, 1)
    under_way: deque[Lane[Pause]] = deque()
    try:
        while True:
            while len(under_way) < lanes and (work := draw()) is not None:
                under_way.append(Lane(work, device))
            if not under_way:
                return
            lane = _next(under_way)
            if next(lane, _ENDED) is not _ENDED:
                under_way.append(lane)
    finally:
        for lane in under_way:
            lane.close()


_ENDED = object()


def _next(lanes: deque[Lane[Pause]]) -> Lane[Pause]:
    """Take out the first lane that need not wait; where all do, the one that has waited longest."""
    ready = next((index for index, lane in enumerate(lanes) if not lane.is_waiting), 0)
    lane = lanes[ready]
    del lanes[ready]
    return lane


def run_lanes(works: Iterable[Work[Result]], *, device: torch.device | str = "cpu", lanes: int = 8) -> list[Result]:
    """Do pieces of work side by side, and return their results in order.

    Args:
        works: Such as :func:`fitting` gives.
        device: Where their models and data are.
        lanes: Pieces under way at once, at least 1.

    Example:
        >>> def counting(to):
        ...     for _ in range(to):
        ...         yield None
        ...     return to
        >>> run_lanes([counting(3), counting(1)], lanes=2)
        [3, 1]
    """
    results: dict[int, Result] = {}
    waiting = enumerate(works)

    def kept(index: int, work: Work[Result]) -> Work[None]:
        results[index] = yield from work

    def draw() -> Work[None] | None:
        found = next(waiting, None)
        return None if found is None else kept(*found)

    take_turns(draw, lanes=lanes, device=torch.device(device))
    return [results[index] for index in sorted(results)]
