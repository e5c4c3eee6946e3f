"""The state of one round's loop: what trains, how it goes through the data, and what it has cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from warmstart.penalties import Penalty

from ._batches import Data, device_of
from ._cost import Cost
from ._data import TensorData
from ._flops import flops_per_sample
from ._layout import align_state_, lay_out_, with_channels_first
from ._loss import explained, loss_of
from ._normalization import evaluate_recalibrated
from ._parallel import Shard, unwrapped
from ._passes import LoaderPass, Pass, Tally, TensorPass
from ._precision import arithmetic
from ._recipe import Recipe
from ._released_code import released_code_accuracy
from ._stopping import EpochReport, Measure, StoppingRule
from .gpu import Pause, Record, RecordedPass, Work, capturable, changed_by_a_step, recorder, settings_of

_STEPS_A_TURN = 32
"""After so many steps others have their turn: enough of them that the device is never idle, and few enough that its
queue holds work of every lane."""


class Engine:
    """Trains a model epoch by epoch.

    Args:
        model: Trained in place, in training mode.
        data: Laid out for the model.
        optimizer: Over the model's parameters.
        recipe: Batch size, precision, and what follows a step.
        penalty: Added to the loss.
        flops_per_sample: Operations of a step for each sample, where they are known; else they are counted, at the end.
        try_layout: Whether the channels are last in memory for speed alone: if the model cannot have them so, which
            shows at the first step, they come first.
        graphs: Whether steps are recorded where they can be.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        penalty: Penalty | None,
        flops_per_sample: float | None = None,
        *,
        try_layout: bool = False,
        graphs: bool = False,
    ) -> None:
        self.model, self.data, self.optimizer, self.recipe, self.penalty = model, data, optimizer, recipe, penalty
        self.cost = Cost()
        self.device = device_of(model)
        self.share = Shard.of_model(model)
        self.notes: list[str] = []
        self._pass = self._way_through(graphs=graphs)
        self.flops_per_sample = flops_per_sample
        self._try_layout = try_layout
        self._first_batch: tuple[torch.Tensor, torch.Tensor] | None = None
        self._watch = _Watch(self.device)

    def _way_through(self, *, graphs: bool) -> Pass:
        """Return how to go through the data."""
        if not isinstance(self.data, TensorData):
            return LoaderPass(self.data, self.model, self._step)
        record = recorder(self.model, self.optimizer) if graphs else None
        if record is not None:
            return RecordedPass(
                self.data,
                self.recipe.batch_size,
                self._step,
                record=self._recording_with(record),
                held=self._what_is_recorded,
                changed=partial(changed_by_a_step, self.model, self.optimizer),
                note=self.notes.append,
            )
        return TensorPass(self.data, self.recipe.batch_size, self.share, self._step)

    def epoch(self, stop: StoppingRule, generator: torch.Generator, number: int) -> Work[EpochReport]:
        """Train one epoch, or what the limit on steps leaves of it.

        Args:
            stop: Its limit on steps, and what it measures.
            generator: Decides the order.
            number: The epoch's, counted from 1.
        """
        tally = Tally()
        limit = None if stop.max_steps is None else stop.max_steps - self.cost.steps
        self._watch.begin()
        yield from self._in_turns(self._pass.steps(tally, generator, limit))
        yield from self._watch.pause(_event(self.device))
        numbers = self._numbers(tally)
        self._pay(len(tally.sizes), sum(size for _, _, size in numbers))
        accuracy = self._accuracy(stop.measure, numbers)
        return EpochReport(number, self.cost.steps, accuracy, _mean_loss(numbers), tally.is_whole)

    def finish(self) -> None:
        """Leave the model as one process would have left it, with no gradients, and count what it has cost."""
        self.optimizer.zero_grad()
        # Only now, so that nothing comes before the first step; training has not changed how many there are.
        if self.flops_per_sample is None and self._first_batch is not None:
            self._count_operations(*self._first_batch)
        flops = self.flops_per_sample
        self.cost = replace(self.cost, flops=None if flops is None else self.cost.samples * flops)
        self.share.agree_on_buffers_(self.model)

    def close(self) -> None:
        """Let go of what was recorded, which holds memory of the device, now and not when garbage is collected."""
        del self._pass

    def _recording_with(self, record: Record) -> Record:
        def recorded(function: Callable[[], None]) -> Callable[[], None]:
            with capturable(self.optimizer):
                return record(function)

        return recorded

    def _what_is_recorded(self) -> Hashable:
        """Return all that a recording takes from the host."""
        return (
            settings_of(self.optimizer),
            tuple((parameter.data_ptr(), parameter.requires_grad) for parameter in self.model.parameters()),
            tuple(module.training for module in self.model.modules()),
        )

    def _in_turns(self, steps: Iterator[None]) -> Iterator[Pause]:
        """Take steps, with a pause for others now and then."""
        while True:
            taken = sum(1 for _ in zip(range(_STEPS_A_TURN), steps, strict=False))
            if taken < _STEPS_A_TURN:
                return
            yield from self._watch.pause(None)

    def _step(self, inputs: torch.Tensor, labels: torch.Tensor, weight: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step; return how many samples were right, and their mean loss."""
        if self._first_batch is not None:
            # A batch of another size may be one that the model cannot take: of one sample, for BatchNorm.
            is_usual = len(labels) == len(self._first_batch[1])
            with nullcontext() if is_usual else explained(inputs):
                return self._plain_step(inputs, labels, weight)
        if self._try_layout:
            with self._watch.stopped():
                inputs = self._with_layout_tried(inputs, labels)
        with explained(inputs):
            found = self._plain_step(inputs, labels, weight)
        self._first_batch = inputs, labels
        return found

    def _plain_step(
        self, inputs: torch.Tensor, labels: torch.Tensor, weight: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # For this step alone: the switches are everybody's, and what autocast remembers of weights is soon out of date.
        # A callback may have left gradients off.
        with arithmetic(self.recipe.precision, self.device), torch.enable_grad():
            known = self._all_labels(labels) if self._first_batch is None else None
            logits, loss = loss_of(self.model, inputs, labels, self.penalty, check=known)
            self._pass.classes = logits.shape[1]
            self.optimizer.zero_grad(set_to_none=True)
            (loss if weight == 1.0 else loss * weight).backward()
        self.optimizer.step()
        self.recipe.after_step_(self.model)
        return (logits.argmax(1) == labels).sum(), loss.detach()

    def _all_labels(self, labels: torch.Tensor) -> torch.Tensor:
        return self.data.labels if isinstance(self.data, TensorData) else labels

    def _with_layout_tried(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the inputs with their channels first, from now on, if the model cannot have them last.

        If it fails either way, the step itself will show why.
        """
        self._count_operations(inputs, labels)
        if self.flops_per_sample is not None or lay_out_(self.model, channels_last=False):
            return inputs
        align_state_(self.optimizer)
        self._pass.lay_out(channels_last=False)
        return with_channels_first(inputs) if inputs.ndim == 4 else inputs

    def _count_operations(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        model = unwrapped(self.model)
        self.flops_per_sample = flops_per_sample(model, inputs, labels, self.penalty, check=self._all_labels(labels))

    def _numbers(self, tally: Tally) -> list[tuple[int, float, int]]:
        """Return right samples, mean loss and size of every step, over all processes; waits for the device."""
        # The one moment of the epoch at which the host waits for the device.
        found = torch.stack([torch.stack(tally.correct).float(), torch.stack(tally.losses).float()]).cpu().double()
        if self.share.group is None:
            correct, losses = found.tolist()
            return [(int(c), loss, size) for c, loss, size in zip(correct, losses, tally.sizes, strict=True)]
        sizes = torch.tensor(tally.sizes, dtype=torch.float64)
        all_parts = torch.stack([found[0], found[1] * sizes, sizes]).to(self.device)
        correct, losses, whole = self.share.summed(all_parts).tolist()
        return [(int(c), loss / n, int(n)) for c, loss, n in zip(correct, losses, whole, strict=True)]

    def _pay(self, steps: int, samples: int) -> None:
        self.cost += Cost(steps, samples, seconds=self._watch.end())

    def _accuracy(self, measure: Measure, numbers: Sequence[tuple[int, float, int]]) -> float:
        if measure is Measure.EVALUATION:
            self.share.agree_on_buffers_(self.model)
            # Of a loader, each process has seen its own part: all must come to the same end.
            accuracy = evaluate_recalibrated(self.model, self.data).accuracy
            if self.share.group is None:
                return accuracy
            return self.share.summed(torch.tensor(accuracy, device=self.device)).item() / self.share.count
        correct, sizes = [right for right, _, _ in numbers], [size for _, _, size in numbers]
        if measure is Measure.RELEASED_CODE:
            return released_code_accuracy(correct, sizes)
        return sum(correct) / sum(sizes)


def _mean_loss(numbers: Sequence[tuple[int, float, int]]) -> float:
    return sum(loss * size for _, loss, size in numbers) / sum(size for _, _, size in numbers)


def _event(device: torch.device) -> Pause:
    """Return the moment at which the device will have done all that it has been given so far."""
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record()
    return event


class _Watch:
    """Seconds of training.

    On the CPU they stand still while others have their turn. A GPU works on while they do, for all lanes at once, and
    there they do not.

    Args:
        device: Where training takes place.
    """

    def __init__(self, device: torch.device) -> None:
        self._runs_on = device.type != "cpu"
        self._seconds = self._since = 0.0

    def begin(self) -> None:
        """Begin at zero."""
        self._seconds, self._since = 0.0, time.perf_counter()

    def end(self) -> float:
        """Return the seconds since the beginning."""
        return self._seconds + time.perf_counter() - self._since

    def pause(self, pause: Pause) -> Iterator[Pause]:
        """Yield, and leave out what others do meanwhile."""
        if self._runs_on:
            yield pause
            return
        with self.stopped():
            yield pause

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out what happens within the context."""
        self._seconds = self.end()
        yield
        self._since = time.perf_counter()
