"""The state of one round's loop: what trains, how it goes through the data, and what it has cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import nn

from warmstart.basics import InputError
from warmstart.penalties import Penalty

from ._average import Average
from ._batches import Batch, Data, device_of
from ._best_state import BestState
from ._cost import Cost
from ._data import TensorData, batches
from ._flops import flops_per_sample
from ._loss import Loss, Objective, balanced_weights, explained, loss_of
from ._memory_format import align_state_, is_channels_last, set_memory_format_, with_channels_first
from ._normalization import recalibrated_score_and_loss
from ._parallel import Shard, unwrapped
from ._passes import LoaderPass, Pass, Tally, TensorPass
from ._precision import arithmetic
from ._recipe import ClassWeights, Recipe
from ._released_code import released_code_score
from ._schedule import Schedule, ScheduledRate
from ._stopping import EpochReport, Measure, StoppingRule
from .gpu import Pause, RecordedPass, Work, recorder

# After so many steps other lanes run: enough of them that the device is never idle, and few enough that its queue holds
# work of every lane.
_STEPS_PER_TURN = 32


class Engine:
    """Trains a model in training mode, epoch by epoch, on data in its memory format."""

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        loss: Loss,
        penalty: Penalty | None,
        stop: StoppingRule,
        *,
        validation: Data | None = None,
        flops_per_sample: float | None = None,
        try_format: bool = False,
        graphs: bool = False,
    ) -> None:
        self.model, self.data, self.optimizer, self.recipe = model, data, optimizer, recipe
        self.loss, self.penalty, self.stop, self.validation = loss, penalty, stop, validation
        weights = None
        if recipe.class_weights is ClassWeights.BALANCED and isinstance(data, TensorData):
            weights = balanced_weights(data.labels)
        self.objective = Objective(loss, recipe.label_smoothing, weights)
        self.cost = Cost()
        self.device = device_of(model)
        self.shard = Shard.of_model(model)
        self.notes: list[str] = []
        # Where they are not known, they are counted at the end: the first step should not wait for that.
        self.flops_per_sample = flops_per_sample
        # Whether channels are last for speed alone: a model that cannot have them so gets them first at the first step.
        self._try_format = try_format
        self._first_batch: Batch | None = None
        self._average = Average(model, recipe.ema) if recipe.ema else None
        self._best = BestState(unwrapped(model), optimizer)
        self._rate = None
        if recipe.schedule is not Schedule.CONSTANT or recipe.warm_up:
            budget = _step_budget(data, recipe, stop)
            self._rate = ScheduledRate(optimizer, recipe.schedule, recipe.warm_up, budget)
        self._watch = _Watch(self.device)
        self._pass: Pass
        record = recorder(model, optimizer) if graphs and isinstance(data, TensorData) else None
        if record is not None and recipe.needs_host:
            self.notes.append(f"Steps are not recorded: {', '.join(recipe.needs_host)} of the recipe need the host.")
        if not isinstance(data, TensorData):
            self._pass = LoaderPass(data, model, loss, self._step, recipe.augmentation)
        elif record is not None and not recipe.needs_host:
            self._pass = RecordedPass(data, recipe.batch_size, self._step, model, optimizer, record, self.notes.append)
        else:
            self._pass = TensorPass(data, recipe.batch_size, self.shard, self._step, recipe.augmentation)

    def epoch(self, generator: torch.Generator, number: int) -> Work[EpochReport]:
        """Train one epoch, or what the limit on steps leaves of it; ``generator`` decides the order."""
        # Nothing is asked of the device here but at the end: the host only queues steps, up to an epoch ahead.
        tally, take = Tally(), self._pass.take
        limit = None if self.stop.max_steps is None else self.stop.max_steps - self.cost.steps
        self._watch.begin()
        batches = self._pass.batches(tally, generator, limit)
        with nullcontext() if self._rate is None else self._rate.for_epoch():
            for taken, (size, arguments) in enumerate(batches, 1):
                if self._rate is not None:
                    self._rate.set(self.cost.steps + taken - 1)
                score, loss = take(*arguments)
                tally.scores.append(score)
                tally.losses.append(loss)
                tally.sizes.append(size)
                if not taken % _STEPS_PER_TURN:
                    yield from self._watch.pause(None)
        event = None
        if self.device.type == "cuda":
            event = torch.cuda.Event()
            event.record()  # the moment at which the device will have done all steps
        yield from self._watch.pause(event)
        return self._report(tally, number)

    def averaged(self) -> AbstractContextManager[None]:
        """Return a context in which the model is what the round would end with now: the averaged weights, if any."""
        return nullcontext() if self._average is None else self._average.in_place()

    def finish(self) -> int | None:
        """Leave the model as one process would have left it, without gradients, and complete the cost.

        With early stopping it is that of the best epoch, whose number is returned; else of the last one, and None is.
        """
        if self._best.epoch is not None:
            self._best.restore_()
        elif self._average is not None:
            self._average.load()
        self.optimizer.zero_grad()
        # Only now, so that nothing comes before the first step; training has not changed how many there are.
        if self.flops_per_sample is None and self._first_batch is not None:
            self._count_flops(*self._first_batch)
        flops = self.flops_per_sample
        self.cost = replace(self.cost, flops=None if flops is None else self.cost.samples * flops)
        self.shard.broadcast_buffers_(self.model)
        return self._best.epoch

    def close(self) -> None:
        """Free what was recorded."""
        # It holds memory of the device. Engine and pass refer to each other: garbage collection might come too late.
        del self._pass

    def _step(self, inputs: torch.Tensor, labels: torch.Tensor, weight: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step; return the sum of the samples' scores, and their mean loss."""
        first = self._first_batch
        if first is None and self._try_format:
            with self._watch.stopped():
                inputs = self._with_format_tried(inputs, labels)
        # A batch of another size may be one that the model cannot take: of one sample, for BatchNorm.
        is_usual = first is not None and len(labels) == len(first[1])
        with nullcontext() if is_usual else explained(inputs):
            # For this step alone: the switches are global, and what autocast caches of weights is soon out of date.
            # A callback may have left gradients off.
            with arithmetic(self.recipe.precision, self.device), torch.enable_grad():
                check = self._all_labels(labels) if first is None else None
                outputs, loss = loss_of(
                    self.model, inputs, labels, self.penalty, loss=self.loss, objective=self.objective, check=check
                )
                self._pass.outputs = outputs.shape[-1]
                self.optimizer.zero_grad(set_to_none=True)
                (loss if weight == 1.0 else loss * weight).backward()
            self.recipe.clip_(self.model)
            self.optimizer.step()
            self.recipe.after_step_(self.model)
            if self._average is not None:
                self._average.update()
            score = self.loss.scores(outputs, labels).sum()
        if first is None:
            self._first_batch = inputs, labels
        return score, loss.detach()

    def _all_labels(self, labels: torch.Tensor) -> torch.Tensor:
        # Of tensors all at once, at the first step: on a GPU the host would wait for every batch.
        return self.data.labels if isinstance(self.data, TensorData) else labels

    def _with_format_tried(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the inputs with their channels first, from now on, if the model cannot have them last."""
        # The format in which operations can be counted is one that works. If neither does, the step will show why.
        self._count_flops(inputs, labels)
        if self.flops_per_sample is not None or set_memory_format_(self.model, channels_last=False):
            return inputs
        align_state_(self.optimizer)
        self._pass.set_memory_format(channels_last=False)
        return with_channels_first(inputs) if inputs.ndim == 4 else inputs

    def _count_flops(self, inputs: torch.Tensor, labels: torch.Tensor) -> None:
        check = self._all_labels(labels)
        self.flops_per_sample = flops_per_sample(
            unwrapped(self.model), inputs, labels, self.penalty, loss=self.loss, check=check
        )

    def _report(self, tally: Tally, number: int) -> EpochReport:
        """Return the report of an epoch whose steps were taken, and add its cost."""
        # The one moment of the epoch at which the host waits for the device.
        found = torch.stack([torch.stack(tally.scores).float(), torch.stack(tally.losses).float()]).cpu().double()
        if self.shard.group is None:
            scores, losses = found.tolist()
            sizes = tally.sizes
        else:
            own = torch.tensor(tally.sizes, dtype=torch.float64)
            parts = torch.stack([found[0], found[1] * own, own]).to(self.device)
            scores, sums, whole = self.shard.all_reduce_(parts).tolist()
            sizes = [int(size) for size in whole]
            losses = [total / size for total, size in zip(sums, whole, strict=True)]
        self.cost += Cost(len(sizes), sum(sizes), seconds=self._watch.end())
        loss = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        if self.stop.measure is Measure.RELEASED_CODE:
            score = released_code_score(scores, sizes)
        else:
            score = sum(scores) / sum(sizes)
        evaluates = self.stop.measure is Measure.EVALUATION
        if not evaluates and self.validation is None:
            return EpochReport(number, self.cost.steps, score, loss, tally.is_whole)
        self.shard.broadcast_buffers_(self.model)
        validation_score = validation_loss = None
        with self.averaged():
            if evaluates:
                score, _ = recalibrated_score_and_loss(self.model, self.data, self.loss)
                if self.shard.group is not None:
                    # Of a loader, each process has seen its own part: all must come to the same end.
                    score = self.shard.all_reduce_(torch.tensor(score, device=self.device)).item() / self.shard.count
            if self.validation is not None:
                if isinstance(self.validation, TensorData) and self.validation.is_image:
                    channels_last = is_channels_last(self.model)
                    self.validation = self.validation.to_memory_format(channels_last=channels_last)
                found = recalibrated_score_and_loss(self.model, self.data, self.loss, on=self.validation)
                together = torch.tensor(found, dtype=torch.float64, device=self.device)
                validation_score, validation_loss = self.shard.broadcast_(together).tolist()
            report = EpochReport(
                number, self.cost.steps, score, loss, tally.is_whole, validation_loss, validation_score
            )
            if self.stop.stops_early:
                self._best.see(report)
        return report


def _step_budget(data: Data, recipe: Recipe, stop: StoppingRule) -> int:
    """Return how many steps a round takes at most."""
    per_epoch = None
    if isinstance(data, TensorData):
        per_epoch = len(batches(torch.arange(len(data)), recipe.batch_size))
    elif isinstance(data, Sized):
        per_epoch = len(data)
    limits = [stop.max_steps, None if per_epoch is None else per_epoch * stop.max_epochs]
    if not (known := [limit for limit in limits if limit]):
        raise InputError(
            f"max_steps must be given for the schedule {recipe.schedule} with warm_up {recipe.warm_up} on data of "
            "unknown length, got none."
        )
    return min(known)


class _Watch:
    """Seconds of training on a device."""

    def __init__(self, device: torch.device) -> None:
        # On the CPU the watch stands still while other lanes run. A GPU keeps working meanwhile, for all lanes at once.
        self._runs_on = device.type != "cpu"
        self._seconds = self._since = 0.0

    def begin(self) -> None:
        """Begin at zero."""
        self._seconds, self._since = 0.0, time.perf_counter()

    def end(self) -> float:
        """Return the seconds since the beginning."""
        return self._seconds + time.perf_counter() - self._since

    def pause(self, pause: Pause) -> Iterator[Pause]:
        """Yield, without counting what others do meanwhile."""
        with nullcontext() if self._runs_on else self.stopped():
            yield pause

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Do not count what happens within the context."""
        self._seconds = self.end()
        yield
        self._since = time.perf_counter()
