"""One round of training."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import InputError, seeded_globals
from warmstart.penalties import Penalty

from ._cost import Cost
from ._data import TensorData, batches
from ._evaluate import mode
from ._flops import flops_per_sample
from ._layout import align_state_
from ._loss import loss_of
from ._normalization import evaluate_recalibrated
from ._recipe import Recipe
from ._stop import Ending, EpochReport, Measure, StopRule

_SLIP_WINDOW = 10


@dataclass(frozen=True)
class FitResult:
    """How a round went.

    Args:
        ending: How it ended.
        history: Every epoch, in order.
        cost: Of the training alone.
    """

    ending: Ending
    history: tuple[EpochReport, ...]
    cost: Cost


def fit(
    model: nn.Module,
    data: TensorData,
    *,
    recipe: Recipe,
    stop: StopRule,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer | None = None,
    penalty: Penalty | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> FitResult:
    """Train a model on data until the stop rule says that the round is done.

    Every epoch is one pass in a new random order, with cross-entropy, plus a penalty if one is given, as the loss.
    The host waits for the device once an epoch. It always ends: at the latest at the stop rule's cap, or after an
    epoch whose loss is not finite.

    Args:
        model: Trained in place, on the device where model and data are; its modules' modes are put back afterwards.
        data: The round's training data, at least 2 samples.
        recipe: Optimizer, learning rate, batch size.
        stop: When the round is done.
        generator: A CPU generator; decides the order of the samples, dropout, and the noise of every step.
        optimizer: Goes on with this one instead of a new one; its hyper-parameters count, not the recipe's.
        penalty: Added to the loss of every batch.
        on_epoch: Called after every epoch; what it spends is no cost of training.

    Raises:
        InputError: If there are fewer than 2 samples, or nothing to train.

    Example:
        >>> from warmstart.basics import generator_for
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8), scale=1.0, offset=0.0)
        >>> result = fit(nn.Linear(2, 2), data, recipe=Recipe(learning_rate=0.1), stop=StopRule(),
        ...              generator=generator_for(0))
        >>> result.ending
        <Ending.REACHED: 'reached'>
    """
    if len(data) < 2:
        raise InputError(f"data must hold at least 2 samples to train on, got {len(data)}.")
    data = data.laid_out_for(model)
    optimizer = optimizer or recipe.build_optimizer(model)
    align_state_(optimizer)
    engine = _Engine(model, data, optimizer, recipe, penalty)
    history: list[EpochReport] = []
    with mode(model, training=True), seeded_globals(generator):
        while (ending := stop.ending(history)) is None:
            history.append(engine.epoch(stop, generator, history))
            if on_epoch is not None:
                on_epoch(history[-1])
    return FitResult(ending, tuple(history), engine.cost)


class _Engine:
    """The state of one round's loop: where it trains, and what it has cost."""

    def __init__(
        self,
        model: nn.Module,
        data: TensorData,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        penalty: Penalty | None,
    ) -> None:
        self.model = model
        self.data = data
        self.optimizer = optimizer
        self.recipe = recipe
        self.penalty = penalty
        self.cost = Cost()
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._flops_per_sample = flops_per_sample(model, data, penalty)

    def epoch(self, stop: StopRule, generator: torch.Generator, history: list[EpochReport]) -> EpochReport:
        """Train one epoch, or what the cap on steps leaves of it."""
        begin = time.perf_counter()
        order = torch.randperm(len(self.data), generator=generator).to(self.data.labels.device)
        parts = batches(order, self.recipe.batch_size)
        if stop.max_steps is not None:
            parts = parts[: stop.max_steps - self.cost.steps]
        correct, losses = self._steps(parts)
        self._pay(parts, time.perf_counter() - begin)
        sizes = [len(part) for part in parts]
        mean_loss = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        accuracy = self._accuracy(stop.measure, correct, sizes)
        is_whole = sum(sizes) == len(self.data)
        return EpochReport(len(history) + 1, self.cost.steps, accuracy, mean_loss, is_whole)

    def _steps(self, parts: Sequence[torch.Tensor]) -> tuple[list[int], list[float]]:
        """Take a step on each part; return how many samples were right in each, and its mean loss."""
        correct: list[torch.Tensor] = []
        losses: list[torch.Tensor] = []
        for part in parts:
            logits, labels, loss = self._step(part)
            correct.append((logits.argmax(1) == labels).sum())
            losses.append(loss.detach())
        # The one moment of the epoch at which the host waits for the device.
        counted, summed = torch.stack(correct).tolist(), torch.stack(losses).tolist()
        return counted, summed

    def _step(self, part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        inputs, labels = self.data.batch(part)
        logits, loss = loss_of(self.model, inputs, labels, self.penalty)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.recipe.after_step_(self._parameters)
        return logits, labels, loss

    def _pay(self, parts: Sequence[torch.Tensor], seconds: float) -> None:
        samples = sum(len(part) for part in parts)
        self.cost += Cost(len(parts), samples, samples * self._flops_per_sample, seconds)

    def _accuracy(self, measure: Measure, correct: list[int], sizes: list[int]) -> float:
        if measure is Measure.EVALUATION:
            return evaluate_recalibrated(self.model, self.data).accuracy
        if measure is Measure.RELEASED_CODE:
            return released_code_accuracy(correct, sizes)
        return sum(correct) / sum(sizes)


def released_code_accuracy(correct: Sequence[int], sizes: Sequence[int]) -> float:
    """Return an epoch's running training accuracy as the paper's released code adds it up.

    Within a window, the running sums of right and of all samples are added to the epoch's totals at every batch, so
    that the i-th of w batches weighs w - i + 1 times. A window ends after every batch whose index is a positive
    multiple of 10.

    Args:
        correct: Right samples of each batch.
        sizes: Samples of each batch.

    Example:
        >>> released_code_accuracy([0, 10], [10, 10])
        0.3333333333333333
    """
    weights = [_ends_of_window(index, len(sizes)) - index + 1 for index in range(len(sizes))]
    right = sum(weight * value for weight, value in zip(weights, correct, strict=True))
    return right / sum(weight * size for weight, size in zip(weights, sizes, strict=True))


def _ends_of_window(index: int, count: int) -> int:
    """Return the index of the last batch in the same window: windows are 0..10, 11..20, 21..30 and so on."""
    window = max(-(-index // _SLIP_WINDOW), 1)
    return min(window * _SLIP_WINDOW, count - 1)
