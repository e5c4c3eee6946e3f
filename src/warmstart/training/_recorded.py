"""Steps that are recorded once and replayed: on a GPU, a whole step then is one launch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from functools import partial

import torch

from ._data import TensorData, batches
from ._parallel import Share
from ._passes import Step, Tally, TensorPass, shuffled
from ._standing import stands_alone

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a function that only works on fixed places in memory, and returns what repeats it."""

_STEPS_BEFORE_RECORDING = 3
"""So many steps of a size are taken plainly: the first ones make the optimizer's state, and a recording, which costs
about as much as a step, has to be worth its while."""


class RecordedPass(TensorPass):
    """Goes through the data as :class:`TensorPass` does, with steps that know their place in the order by themselves.

    A step reads its samples from a fixed place that holds the epoch's order, at a position that it moves on itself, and
    writes its numbers to a fixed place, too. Nothing about it comes from the host, so that it can be replayed.

    Args:
        data: On the device.
        batch_size: Samples of a step at most.
        step: Takes one.
        record: Records one.
        held: Returns what a recording takes from the host; when that has changed in a new epoch, steps are recorded
            anew.
    """

    def __init__(
        self, data: TensorData, batch_size: int, step: Step, record: Record, held: Callable[[], Hashable]
    ) -> None:
        super().__init__(data, batch_size, Share(), step)
        device = data.device
        self._record, self._held, self._recorded_for = record, held, held()
        self._sizes = [len(part) for part in batches(torch.arange(len(data)), batch_size)]
        self._order = torch.zeros(len(data), dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._number = torch.zeros(1, dtype=torch.int64, device=device)
        self._correct = torch.zeros(len(self._sizes), dtype=torch.int64, device=device)
        self._losses = torch.zeros(len(self._sizes), device=device)
        self._stands_alone = True
        self._taken: Counter[int] = Counter()
        self._replays: dict[int, Callable[[], None]] = {}

    def steps(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Iterator[None]:
        """Take the steps of an epoch."""
        self._forget_if_changed()
        self._order.copy_(shuffled(self.data, generator), non_blocking=True)
        self._position.zero_()
        self._number.zero_()
        tally.is_whole = limit is None or limit >= len(self._sizes)
        for size in self._sizes[:limit]:
            self._take(size)
            tally.sizes.append(size)
            yield
        # One tensor each, not one a step: they are stacked later on all the same.
        tally.correct.extend(self._correct[: len(tally.sizes)].clone().unbind())
        tally.losses.extend(self._losses[: len(tally.sizes)].clone().unbind())

    def _forget_if_changed(self) -> None:
        """Forget what was recorded if what it took from the host has changed."""
        held = self._held()
        if held != self._recorded_for:
            self._replays.clear()
        self._recorded_for = held

    def _take(self, size: int) -> None:
        """Take a step of a size, plainly at first."""
        step = partial(self._step_in_place, size)
        self._taken[size] += 1
        if size in self._replays:
            self._replays[size]()
        elif self._stands_alone and self._taken[size] > _STEPS_BEFORE_RECORDING:
            self._replays[size] = self._record(step)
            self._replays[size]()
        elif self._taken[size] == _STEPS_BEFORE_RECORDING:
            self._stands_alone = stands_alone(step, self.data.device) and self._stands_alone
        else:
            step()

    def _step_in_place(self, size: int) -> None:
        where = self._position + torch.arange(size, device=self._position.device)
        inputs, labels = self.data.batch(self._order.index_select(0, where))
        correct, loss = self.step(inputs, labels, 1.0)
        self._correct.index_copy_(0, self._number, correct[None])
        self._losses.index_copy_(0, self._number, loss[None].float())
        self._position.add_(size)
        self._number.add_(1)
