"""Steps that are recorded once and replayed: on a GPU, a whole step then is one launch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial

import torch

from warmstart.training._data import TensorData, batches
from warmstart.training._parallel import Shard
from warmstart.training._passes import Step, Tally, TensorPass, shuffled

from ._standing import stands_alone

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes a function that only works on fixed places in memory, and returns what repeats it."""

_STEPS_BEFORE_RECORDING = 3
"""So many steps of a size are taken plainly: the first ones make the optimizer's state, and a recording, which costs
about as much as a step, has to be worth its while."""

_CHECKED_REPLAYS = 2
"""So many replays of each recording are checked. One is not enough: what a recording reads from a place that is no
longer the current one is right at first, and out of date from then on."""

_TOLERANCE = 0.01
"""A replayed step may differ from the plain one by this share of what the plain one changes. On the CPU there is no
difference at all; some kernels of a GPU add up in any order. A step on other samples differs by about all of it."""

Changed = Mapping[str, Sequence[torch.Tensor]]


class RecordedPass(TensorPass):
    """Goes through the data as :class:`TensorPass` does, with steps that know their place in the order by themselves.

    A step reads its samples from a fixed place that holds the epoch's order, at a position that it moves on itself, and
    writes its numbers to a fixed place, too. Nothing about it comes from the host, so that it can be replayed.

    The first replays of each recording are checked: the same step is taken plainly and replayed, both from the same
    start. Where they differ, the plain one counts, and nothing is recorded any more.

    Args:
        data: On the device.
        batch_size: Samples of a step at most.
        step: Takes one.
        record: Records one.
        held: Returns what a recording takes from the host; when that has changed in a new epoch, steps are recorded
            anew.
        changed: Returns all that a step may change, by kind, as it is bound at the moment.
        note: Takes a sentence that the reader of the results should see.
    """

    def __init__(
        self,
        data: TensorData,
        batch_size: int,
        step: Step,
        *,
        record: Record,
        held: Callable[[], Hashable],
        changed: Callable[[], Changed],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(data, batch_size, Shard(), step)
        device = data.device
        self._record, self._held, self._recorded_for = record, held, held()
        self._changed, self._note = changed, note
        self._sizes = [len(part) for part in batches(torch.arange(len(data)), batch_size)]
        self._order = torch.zeros(len(data), dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._number = torch.zeros(1, dtype=torch.int64, device=device)
        self._correct = torch.zeros(len(self._sizes), dtype=torch.int64, device=device)
        self._losses = torch.zeros(len(self._sizes), device=device)
        self._may_record = True
        self._taken: Counter[int] = Counter()
        self._replays: dict[int, Callable[[], None]] = {}
        self._checked: Counter[int] = Counter()

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
            self._forget()
        self._recorded_for = held

    def _forget(self) -> None:
        self._replays.clear()
        self._checked.clear()

    def _take(self, size: int) -> None:
        """Take a step of a size, plainly at first."""
        step = partial(self._step_in_place, size)
        self._taken[size] += 1
        if self._may_record and self._taken[size] > _STEPS_BEFORE_RECORDING:
            if size not in self._replays:
                self._replays[size] = self._record(step)
            self._checked[size] += 1
            if self._checked[size] <= _CHECKED_REPLAYS:
                self._take_checked(step, self._replays[size])
            else:
                self._replays[size]()
        elif self._taken[size] == _STEPS_BEFORE_RECORDING:
            self._may_record = stands_alone(step, self.data.device) and self._may_record
        else:
            step()

    def _take_checked(self, step: Callable[[], None], replay: Callable[[], None]) -> None:
        """Take a step plainly, and again by replaying it; where the two differ, only the plain one counts."""
        self._correct.index_fill_(0, self._number, 0)  # what an earlier epoch left here says nothing of this step
        self._losses.index_fill_(0, self._number, 0)
        start = _copies(self._all_changed())
        step()
        plain = _copies(self._all_changed())
        if _shapes(plain) != _shapes(start):
            self._give_up("a step changes what there is to change")
            return
        _put(start, self._all_changed())
        replay()
        replayed = self._all_changed()
        differing = {kind: _distance(replayed[kind], plain[kind]) for kind in plain}
        sizes = {kind: _distance(plain[kind], start[kind]) for kind in plain}
        if wrong := [kind for kind in plain if not differing[kind] <= _TOLERANCE * sizes[kind]]:
            _put(plain, self._all_changed())
            self._give_up(f"replayed, a step gave other {', '.join(wrong)} than the same step taken plainly")

    def _give_up(self, reason: str) -> None:
        """Take all further steps plainly, and say why."""
        self._may_record = False
        self._forget()
        self._note(f"Steps are not recorded any more: {reason}.")

    def _all_changed(self) -> dict[str, Sequence[torch.Tensor]]:
        own = {"place": [self._position, self._number], "correct": [self._correct], "loss": [self._losses]}
        return {**self._changed(), **own}

    def _step_in_place(self, size: int) -> None:
        where = self._position + torch.arange(size, device=self._position.device)
        inputs, labels = self.data.batch(self._order.index_select(0, where))
        correct, loss = self.step(inputs, labels, 1.0)
        self._correct.index_copy_(0, self._number, correct[None])
        self._losses.index_copy_(0, self._number, loss[None].float())
        self._position.add_(size)
        self._number.add_(1)


def _copies(changed: Changed) -> dict[str, list[torch.Tensor]]:
    return {kind: [tensor.detach().clone() for tensor in tensors] for kind, tensors in changed.items()}


def _shapes(changed: Changed) -> dict[str, list[torch.Size]]:
    return {kind: [tensor.shape for tensor in tensors] for kind, tensors in changed.items()}


@torch.no_grad()
def _put(values: Changed, where: Changed) -> None:
    """Write values where they belong: in the tensors that are bound now, which need not be those of before."""
    for kind, tensors in where.items():
        for tensor, value in zip(tensors, values[kind], strict=True):
            tensor.copy_(value)


@torch.no_grad()
def _distance(ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> float:
    """Return the norm of the difference of all tensors together; NaN is as far from NaN as a number from itself."""
    wide = [torch.promote_types(one.dtype, torch.float64) for one in ones]
    norms = [
        torch.linalg.vector_norm(one.to(kind).nan_to_num() - other.to(kind).nan_to_num())
        for one, other, kind in zip(ones, others, wide, strict=True)
    ]
    return torch.stack(norms).norm().item() if norms else 0.0
