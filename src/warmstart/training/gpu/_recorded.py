"""Steps that are recorded once and replayed: on a GPU, a whole step then is one launch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import nn

from warmstart.training._data import TensorData, batches
from warmstart.training._passes import Pass, Step, Steps, Tally, shuffled

from ._cuda_graph import Record
from ._host import needs_host
from ._recordable import changed_by_a_step, host_state

# Steps of a size that are taken plainly before it is recorded: the first ones make the optimizer's state, and a
# recording, which costs about as much as a step, has to pay off.
_STEPS_BEFORE_RECORDING = 3

# Replays of each recording that are checked. One is not enough: what a recording reads from memory that is no longer
# the current one is right at first, and out of date from then on.
_CHECKED_REPLAYS = 2

# A replayed step may differ from the plain one by this share of what the plain one changes. On the CPU there is no
# difference at all; some kernels of a GPU add up in any order. A step on other samples differs by about all of it.
_TOLERANCE = 0.01

Changed = Mapping[str, Sequence[torch.Tensor]]


class RecordedPass(Pass):
    """Goes through the data as :class:`TensorPass` does, with steps that need nothing from the host, and replays them.

    Args:
        data: On the device.
        batch_size: Samples per step at most.
        step: Takes a step.
        model: In training.
        optimizer: The model's.
        record: Records a step.
        note: Takes a sentence that a reader of the results should see.
    """

    # A step reads its samples from a fixed tensor that holds the epoch's order, at a position that it advances itself,
    # and writes its numbers to fixed tensors: nothing in it depends on the host.

    def __init__(
        self,
        data: TensorData,
        batch_size: int,
        step: Step,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        record: Record,
        note: Callable[[str], None],
    ) -> None:
        device = data.device
        self.data, self._step = data, step
        self._model, self._optimizer, self._record, self._note = model, optimizer, record, note
        self._recorded_for = host_state(model, optimizer)
        self._sizes = [len(part) for part in batches(torch.arange(len(data)), batch_size)]
        self._order = torch.zeros(len(data), dtype=torch.int64, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._number = torch.zeros(1, dtype=torch.int64, device=device)
        self._scores = torch.zeros(len(self._sizes), device=device)
        self._losses = torch.zeros(len(self._sizes), device=device)
        # Views of each step's numbers, made once: indexing would be work of the host in every step.
        self._results = list(zip(self._scores.unbind(), self._losses.unbind(), strict=True))
        self._may_record = True
        self._taken: Counter[int] = Counter()
        self._replays: dict[int, Callable[[], None]] = {}
        self._checked: Counter[int] = Counter()

    def set_memory_format(self, *, channels_last: bool) -> None:
        """Give images the channels last in memory, or first, from the next batch on."""
        self.data = self.data.to_memory_format(channels_last=channels_last)

    def batches(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Steps:
        """Yield the size of every batch; the samples are gathered by the step."""
        # A mode or a learning rate, say, that was changed between epochs is part of a recording.
        if (state := host_state(self._model, self._optimizer)) != self._recorded_for:
            self._forget()
            self._recorded_for = state
        self._order.copy_(shuffled(self.data, generator), non_blocking=True)
        self._position.zero_()
        self._number.zero_()
        tally.is_whole = limit is None or limit >= len(self._sizes)
        for number, size in enumerate(self._sizes[:limit]):
            yield size, (number, size)

    def _forget(self) -> None:
        self._replays.clear()
        self._checked.clear()

    def take(self, number: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the step of a number in its epoch, of so many samples: plainly at first, then by replaying it."""
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
            self._may_record = not needs_host(step, self.data.device) and self._may_record
        else:
            step()
        return self._results[number]

    def _take_checked(self, step: Callable[[], None], replay: Callable[[], None]) -> None:
        """Take a step plainly, and again by a replay from the same start; where they differ, the plain one counts."""
        self._scores.index_fill_(0, self._number, 0)  # an earlier epoch's number would hide that nothing was written
        self._losses.index_fill_(0, self._number, 0)
        start = _copies(self._changed())
        step()
        plain = _copies(self._changed())
        shapes = [{kind: [each.shape for each in found[kind]] for kind in found} for found in (start, plain)]
        if shapes[0] != shapes[1]:  # as of a buffer that grows with every step
            self._give_up("a step changes what there is to change")
            return
        _put(start, self._changed())
        replay()
        replayed = self._changed()
        differing = {kind: _distance(replayed[kind], plain[kind]) for kind in plain}
        sizes = {kind: _distance(plain[kind], start[kind]) for kind in plain}
        if wrong := [kind for kind in plain if not differing[kind] <= _TOLERANCE * sizes[kind]]:
            _put(plain, self._changed())
            self._give_up(f"replayed, a step gave other {', '.join(wrong)} than the same step taken plainly")

    def _give_up(self, reason: str) -> None:
        """Take all further steps plainly, and note why."""
        self._may_record = False
        self._forget()
        self._note(f"Steps are not recorded any more: {reason}.")

    def _changed(self) -> dict[str, Sequence[torch.Tensor]]:
        """Return all that a step may change, by kind."""
        own = {"position": [self._position, self._number], "score": [self._scores], "loss": [self._losses]}
        return {**changed_by_a_step(self._model, self._optimizer), **own}

    def _step_in_place(self, size: int) -> None:
        where = self._position + torch.arange(size, device=self._position.device)
        inputs, labels = self.data.batch(self._order.index_select(0, where))
        score, loss = self._step(inputs, labels, 1.0)
        self._scores.index_copy_(0, self._number, score[None].float())
        self._losses.index_copy_(0, self._number, loss[None].float())
        self._position.add_(size)
        self._number.add_(1)


def _copies(changed: Changed) -> dict[str, list[torch.Tensor]]:
    return {kind: [tensor.detach().clone() for tensor in tensors] for kind, tensors in changed.items()}


@torch.no_grad()
def _put(values: Changed, where: Changed) -> None:
    """Write values to the tensors that are bound now, which need not be those of before."""
    for kind, tensors in where.items():
        for tensor, value in zip(tensors, values[kind], strict=True):
            tensor.copy_(value)


@torch.no_grad()
def _distance(ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> float:
    """Return the norm of the difference of all tensors together; the distance of NaN from NaN is 0."""
    wide = [torch.promote_types(one.dtype, torch.float64) for one in ones]
    norms = [
        torch.linalg.vector_norm(one.to(kind).nan_to_num() - other.to(kind).nan_to_num())
        for one, other, kind in zip(ones, others, wide, strict=True)
    ]
    return torch.stack(norms).norm().item() if norms else 0.0
