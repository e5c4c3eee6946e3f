"""One round of training."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import InputError, seeded_globals
from warmstart.penalties import Penalty

from ._batches import Data, check_repeatable, device_of, laid_out_for
from ._cost import Cost
from ._data import TensorData
from ._engine import Engine
from ._evaluate import mode
from ._lanes import Work, alone
from ._layout import align_state_
from ._parallel import unwrapped
from ._recipe import Recipe
from ._stop import Ending, EpochReport, StopRule


@dataclass(frozen=True)
class FitResult:
    """How a round went.

    Args:
        ending: How it ended.
        history: Every epoch, in order.
        cost: Of the training alone.
        flops_per_sample: Operations of a forward and backward pass, a penalty's own passes included, for one sample.
        notes: What a reader should know besides, one sentence each: that steps could not be recorded, say.
    """

    ending: Ending
    history: tuple[EpochReport, ...]
    cost: Cost
    flops_per_sample: float
    notes: tuple[str, ...] = ()


def fit(
    model: nn.Module,
    data: Data,
    *,
    recipe: Recipe,
    stop: StopRule,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer | None = None,
    penalty: Penalty | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    graphs: bool = False,
) -> FitResult:
    """Train a model on data until the stop rule says that the round is done.

    Every epoch is one pass in a new random order, with cross-entropy, plus a penalty if one is given, as the loss.
    The host waits for the device once an epoch. It always ends: at the latest at the stop rule's cap, or after an
    epoch whose loss is not finite.

    A model in ``torch.nn.parallel.DistributedDataParallel`` is trained by all processes of its group together: each
    takes its part of every batch, and every process gets the result of one that takes them all, within the order of
    floating-point sums. All call ``fit`` with the same data, or each with a loader of its own part (as
    ``DistributedSampler`` makes it) with batches of equal size. Normalization over a batch then is over each process's
    part of it, unless the model's layers were converted to ``SyncBatchNorm``; masks of dropout are the same in each
    process.

    Args:
        model: Trained in place, on the device where model and data are; its modules' modes are put back afterwards,
            and gradients are cleared.
        data: The round's training data, at least 2 samples: in tensors on the model's device, which is fastest, or a
            DataLoader, or any other iterable of pairs (inputs, labels) that starts anew with every pass. A loader
            decides the batches, and their order: its sampler is seeded by ``generator`` unless it has one of its own.
            uint8 inputs are scaled as those of ``TensorData`` are by default.
        recipe: Optimizer, learning rate, batch size, precision.
        stop: When the round is done.
        generator: A CPU generator; decides the order of the samples, dropout, and the noise of every step. Processes
            that train together have equally seeded ones.
        optimizer: Goes on with this one instead of a new one; its hyper-parameters count, not the recipe's.
        penalty: Added to the loss of every batch.
        on_epoch: Called after every epoch; what it spends is no cost of training.
        graphs: Whether steps on a GPU are recorded as CUDA graphs and replayed, which spares the host all its work.
            The first replays of each recording are checked against plain steps from the same start; where they
            differ, all further steps are plain, and ``notes`` of the result says so. Off by default: no GPU has run
            it yet. On a CPU there is nothing to record.

    Raises:
        InputError: If there are fewer than 2 samples, or nothing to train, or data cannot be gone through again, or
            batches are smaller than the number of processes.

    Example:
        >>> from warmstart.basics import generator_for
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8), scale=1.0, offset=0.0)
        >>> result = fit(nn.Linear(2, 2), data, recipe=Recipe(learning_rate=0.1), stop=StopRule(),
        ...              generator=generator_for(0))
        >>> result.ending
        <Ending.REACHED: 'reached'>
    """
    work = fitting(
        model,
        data,
        recipe=recipe,
        stop=stop,
        generator=generator,
        optimizer=optimizer,
        penalty=penalty,
        on_epoch=on_epoch,
        graphs=graphs,
    )
    # What several processes do together was set up on the stream that is the current one.
    return alone(work, device_of(model) if unwrapped(model) is model else None)


def fitting(
    model: nn.Module,
    data: Data,
    *,
    recipe: Recipe,
    stop: StopRule,
    generator: torch.Generator,
    optimizer: torch.optim.Optimizer | None = None,
    penalty: Penalty | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    graphs: bool = False,
    flops_per_sample: float | None = None,
) -> Work[FitResult]:
    """Return the work of :func:`fit`, to be done in turns with others by :func:`run_lanes`.

    Args as there, and ``flops_per_sample``, if an earlier fit of the same architecture, data and penalty has counted
    them: that takes as long as some steps do.

    Example:
        >>> from warmstart.basics import generator_for
        >>> from warmstart.training import run_lanes
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8), scale=1.0, offset=0.0)
        >>> works = [fitting(nn.Linear(2, 2), data, recipe=Recipe(learning_rate=rate), stop=StopRule(),
        ...                  generator=generator_for(0)) for rate in (0.1, 0.2)]
        >>> [result.ending.value for result in run_lanes(works)]
        ['reached', 'reached']
    """
    check_repeatable(data)
    if isinstance(data, TensorData) and len(data) < 2:
        raise InputError(f"data must hold at least 2 samples to train on, got {len(data)}.")
    data = laid_out_for(data, model)
    optimizer = optimizer or recipe.build_optimizer(model)
    align_state_(optimizer)
    engine = Engine(model, data, optimizer, recipe, penalty, flops_per_sample, graphs=graphs)
    history: list[EpochReport] = []
    with mode(model, training=True), seeded_globals(generator), closing(engine):
        while (ending := stop.ending(history)) is None:
            report = yield from engine.epoch(stop, generator, len(history) + 1)
            history.append(report)
            if on_epoch is not None:
                on_epoch(report)
        engine.finish()
    assert engine.flops_per_sample is not None, "counted at the first step"
    return FitResult(ending, tuple(history), engine.cost, engine.flops_per_sample, tuple(engine.notes))
