"""One round of training."""

import math
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    canonical_tensors,
    check_flag,
    check_generator,
    check_in_range,
    check_model,
    check_not_inference,
    check_trainable,
    described,
    seeded_globals,
)
from warmstart.penalties import Penalty

from ._batches import Data, check_repeatable, device_of
from ._cost import Cost
from ._data import TensorData
from ._engine import Engine
from ._evaluate import temporary_mode
from ._loss import CROSS_ENTROPY, Loss
from ._memory_format import (
    align_state_,
    is_channels_last,
    kept_memory_format,
    prefers_channels_last,
    set_memory_format_,
)
from ._optimizer import check_optimizer
from ._parallel import distributed_in
from ._recipe import Recipe
from ._stopping import EpochReport, StoppingRule, StopReason
from .gpu import Work, run_alone


@dataclass(frozen=True)
class FitResult:
    """How a round went.

    Args:
        stop_reason: Why it ended.
        history: Every epoch, in order.
        cost: Of the training alone.
        flops_per_sample: Operations of a forward and backward pass, a penalty's own passes included, per sample; None:
            they could not be counted.
        notes: What a reader of the results should know, one sentence each: that steps could not be recorded, say.
        best_epoch: With early stopping the epoch whose weights the model has, from 1; None: those of the last one.
    """

    stop_reason: StopReason
    history: tuple[EpochReport, ...]
    cost: Cost
    flops_per_sample: float | None
    notes: tuple[str, ...] = ()
    best_epoch: int | None = None


def fit(
    model: nn.Module,
    data: Data,
    *,
    recipe: Recipe,
    stop: StoppingRule,
    generator: torch.Generator,
    loss: Loss = CROSS_ENTROPY,
    optimizer: torch.optim.Optimizer | None = None,
    penalty: Penalty | None = None,
    validation: Data | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    graphs: bool = False,
) -> FitResult:
    """Train a model on data until the stopping rule says that the round is done.

    Every epoch is one pass in a new random order that minimizes the loss, plus a penalty if one is given. The host
    waits for the device once per epoch. Training always ends: at the latest at the stopping rule's limit, or after an
    epoch whose loss is not finite.

    A model in ``torch.nn.parallel.DistributedDataParallel`` is trained by all processes of its group together: each
    takes its part of every batch, and every process gets the result of one that takes them all, within the order of
    floating-point sums. All call ``fit`` with the same data, or each with a loader of its own part (as
    ``DistributedSampler`` makes it) with batches of equal size. Normalization over a batch then is over each process's
    part of it, unless the model's layers were converted to ``SyncBatchNorm``; masks of dropout are the same in each
    process.

    Args:
        model: Trained in place, on the device where model and data are. Modes and memory format are restored
            afterwards, and gradients are cleared. It returns logits (n, classes), for regression (n, outputs), or what
            :func:`warmstart.basics.logits_of` finds them in. It may be wrapped, as by ``torch.compile``, in any order.
        data: The round's training data, at least 2 samples: in tensors on the model's device, which is fastest, or a
            DataLoader, or any other iterable of pairs (inputs, labels) that starts anew with every pass. A loader
            decides the batches and their order: its sampler is seeded by ``generator`` unless it has one of its own.
            uint8 inputs are scaled as those of ``TensorData`` are by default.
        recipe: Optimizer, learning rate and its schedule, batch size, augmentation, precision.
        stop: When the round is done.
        generator: A CPU generator; decides the order of the samples, dropout, augmentation and noise. Processes
            that train together have equally seeded ones.
        loss: Cross-entropy over classes by default; ``SquaredError()``, ``AbsoluteError()`` or ``Huber()`` for
            floating-point targets, where the score that the stopping rule reads is minus the mean loss.
        optimizer: Continue with this one instead of a new one; its hyper-parameters count, not the recipe's. It must
            hold every trainable parameter, at every epoch.
        penalty: Added to the loss of every batch.
        validation: Other data, of the same kind, that are evaluated after every epoch, in a copy of the model whose
            running statistics are recalibrated on the training data, as at a round's end. With early stopping, that
            mean loss decides when the round ends, and the model is left with parameters, buffers and optimizer state
            of the best epoch. Its time and its passes are no cost of training.
        on_epoch: Called after every epoch; its time is no cost of training. It may validate the model, and freeze or
            unfreeze parts of it; what becomes trainable is added to an optimizer that fit has made. With ``ema`` the
            model has the averaged weights meanwhile.
        graphs: Whether steps on a GPU are recorded as CUDA graphs and replayed, which spares the host all its work.
            The first replays of each recording are checked against plain steps from the same start; where they
            differ, all further steps are plain, and ``notes`` of the result says so. Off by default: no GPU has run
            it yet. On a CPU there is nothing to record.

    Raises:
        InputError: If there are fewer than 2 samples, nothing is trainable, data are an iterator or do not fit model,
            recipe and loss, the optimizer lacks a trainable parameter, batches are smaller than the number of
            processes, or early stopping has no validation data.

    Example:
        >>> from warmstart.basics import generator_for
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8), scale=1.0, offset=0.0)
        >>> result = fit(nn.Linear(2, 2), data, recipe=Recipe(learning_rate=0.1), stop=StoppingRule(),
        ...              generator=generator_for(0))
        >>> result.stop_reason
        <StopReason.CONVERGED: 'converged'>
    """
    check_model("model", model)
    work = fitting(
        model,
        data,
        recipe=recipe,
        stop=stop,
        generator=generator,
        loss=loss,
        optimizer=optimizer,
        penalty=penalty,
        validation=validation,
        on_epoch=on_epoch,
        graphs=graphs,
    )
    # Collectives of several processes were set up on the current stream, and stay there.
    return run_alone(work, device_of(model) if distributed_in(model) is None else None)


def fitting(
    model: nn.Module,
    data: Data,
    *,
    recipe: Recipe,
    stop: StoppingRule,
    generator: torch.Generator,
    loss: Loss = CROSS_ENTROPY,
    optimizer: torch.optim.Optimizer | None = None,
    penalty: Penalty | None = None,
    validation: Data | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    graphs: bool = False,
    flops_per_sample: float | None = None,
    channels_last: bool | None = None,
    extend_optimizer: bool = False,
) -> Work[FitResult]:
    """Return the work of :func:`fit`, to be interleaved with other work by :func:`run_lanes`.

    Args as there, and for those who train many models of one architecture: ``flops_per_sample``, if an earlier fit of
    the same architecture, data and penalty has counted them, which takes as long as some steps do; ``channels_last``,
    the memory format in which the model is trained, and left; ``extend_optimizer``, whether parameters that become
    trainable during training are added to the given optimizer, as they are to one that fit makes.

    Example:
        >>> from warmstart.basics import generator_for
        >>> from warmstart.training import run_lanes
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8), scale=1.0, offset=0.0)
        >>> works = [fitting(nn.Linear(2, 2), data, recipe=Recipe(learning_rate=rate), stop=StoppingRule(),
        ...                  generator=generator_for(0)) for rate in (0.1, 0.2)]
        >>> [result.stop_reason.value for result in run_lanes(works)]
        ['converged', 'converged']
    """
    check_model("model", model)
    check_generator("generator", generator)
    check_repeatable(data)
    for name, value, kind in (("recipe", recipe, Recipe), ("stop", stop, StoppingRule), ("loss", loss, Loss)):
        if not isinstance(value, kind):
            raise InputError(f"{name} must be a {kind.__name__}, got {described(value)}.")
    for name, value in (("on_epoch", on_epoch), ("penalty", penalty)):
        if value is not None and not callable(value):
            raise InputError(f"{name} must be callable or None, got {described(value)}.")
    check_flag("graphs", graphs)
    if flops_per_sample is not None:
        check_in_range("flops_per_sample", flops_per_sample, 0, math.inf, high_open=True)
    if isinstance(data, TensorData) and len(data) < 2:
        raise InputError(f"data must hold at least 2 samples to train on, got {len(data)}.")
    if validation is not None:
        check_repeatable(validation)
    elif stop.stops_early:
        raise InputError(
            "validation must be given with early_stopping=on: other data than those to train on, got none."
        )
    recipe.check_fits(data, loss)
    stop, notes = _above_base_rate(stop, data, loss)
    is_own = optimizer is None or extend_optimizer
    optimizer = recipe.build_optimizer(model) if optimizer is None else optimizer
    check_trainable(model)
    check_not_inference(canonical_tensors(model))  # steps would change nothing, without a word
    check_optimizer(optimizer, model, extend=is_own)
    history: list[EpochReport] = []
    # In whatever way training ends, the user can continue with the model and the optimizer.
    with ExitStack() as at_the_end:
        at_the_end.callback(align_state_, optimizer)
        if channels_last is None:
            at_the_end.enter_context(kept_memory_format(model))
        at_the_end.callback(model.zero_grad)
        # Ours to choose, for speed alone, unless the model came so.
        try_format = channels_last is None and prefers_channels_last(model) and not is_channels_last(model)
        if isinstance(data, TensorData):
            data = data.prepared_for_(model, channels_last=channels_last)
        else:
            set_memory_format_(model, channels_last=channels_last)
        align_state_(optimizer)
        engine = Engine(
            model,
            data,
            optimizer,
            recipe,
            loss,
            penalty,
            stop,
            validation=validation,
            flops_per_sample=flops_per_sample,
            try_format=try_format,
            graphs=graphs,
        )
        with temporary_mode(model, training=True) as restore_mode, seeded_globals(generator), closing(engine):
            while (stop_reason := stop.stop_reason(history)) is None:
                check_optimizer(optimizer, model, extend=is_own)
                restore_mode()
                report = yield from engine.epoch(generator, len(history) + 1)
                history.append(report)
                if on_epoch is not None:
                    with engine.averaged():
                        on_epoch(report)
            restore_mode()
            best_epoch = engine.finish()
    notes += engine.notes
    return FitResult(stop_reason, tuple(history), engine.cost, engine.flops_per_sample, tuple(notes), best_epoch)


def _above_base_rate(stop: StoppingRule, data: Data, loss: Loss) -> tuple[StoppingRule, list[str]]:
    """Return the rule with a target that takes more than naming the largest class, and a note where it was raised."""
    if not isinstance(data, TensorData) or loss.takes_floats or data.labels.is_floating_point():
        return stop, []
    share = data.labels.unique(return_counts=True)[1].max().item() / len(data)
    raised = stop.above_base_rate(share)
    if raised == stop:
        return stop, []
    note = (
        f"The target accuracy {stop.target:g} is not above the share of the largest class in the training data, "
        f"{share:.4g}, so the round ends at {raised.target:.6g} instead."
    )
    return raised, [note]
