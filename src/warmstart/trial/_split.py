"""What one seed trains on and is evaluated on: views of a study's data, which are on the device once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from warmstart.basics import check_in_range, derived_seed, generator_for, resolve_choices
from warmstart.data import Dataset, LabelledArrays, OwnDataset, SampleOrder, TableEncoding
from warmstart.learners import TensorLearner
from warmstart.streams import PoolOrder, Stream
from warmstart.training import TensorData

from ._data import TrialData, taken
from ._trial import Trial


class EvaluateOn(StrEnum):
    """What models are evaluated on: a random ``HOLDOUT`` of the training data, or the official ``TEST`` set."""

    HOLDOUT = "holdout"
    TEST = "test"


@dataclass(frozen=True)
class EvaluationSettings:
    """Which samples evaluate.

    Args:
        evaluate: What models are evaluated on: a holdout from the training samples, or the official test set.
        holdout: Share of the training samples that is held out, in (0, 1), drawn anew for every seed. Where samples
            form groups, whole groups are drawn until the share is reached.
    """

    evaluate: EvaluateOn = EvaluateOn.HOLDOUT
    holdout: float = 1 / 3

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("holdout", self.holdout, 0, 1, low_open=True, high_open=True)


@dataclass(frozen=True, eq=False)
class Arrays:
    """The data of a study, shared by all its trials.

    Args:
        train: What fits, and is held out from: arrays, or a map-style data set of the user's own.
        test: The official test set, where that is what evaluates.
        classes: Number of classes of arrays; 0 where there are none.
        source: Those of the source, where there is one.
        order: Where training samples stand in time, and which belong together; None: nothing is known of it.
        encoding: How the columns of a table become numbers; None: arrays are what a model takes.
        scale: Whether numbers are brought to the scale that the learner trains on.
    """

    train: Any
    test: Any | None
    classes: int = 0
    source: Arrays | None = None
    order: SampleOrder | None = None
    encoding: TableEncoding | None = None
    scale: bool = True

    @staticmethod
    def of(data: Dataset | OwnDataset, source: Dataset | OwnDataset | None = None) -> Arrays:
        """Return the arrays of loaded data, and of their source."""
        other = None if source is None else Arrays.of(source)
        arrays = Arrays(data.train, data.test, len(data.classes), other)
        if not isinstance(data, Dataset):
            return arrays
        return replace(arrays, order=data.order, encoding=data.encoding, scale=data.scale)


_resident: WeakKeyDictionary[LabelledArrays, dict[tuple[torch.device, bool], TensorData]] = WeakKeyDictionary()


def split(arrays: Arrays, trial: Trial, settings: EvaluationSettings, *, device: torch.device) -> TrialData:
    """Return what a trial trains and is evaluated on.

    Args:
        arrays: The study's data.
        trial: Its seed decides the split, its model the layout in memory.
        settings: Which samples evaluate.
        device: Where tensors are to be; trials of one process share them there.
    """
    last = channels_last(arrays, trial, device)
    parts: list[TrialData] = []
    for held in filter(None, (arrays, arrays.source)):
        train, test = (_on(device, one, last) if one is not None else None for one in (held.train, held.test))
        part = TrialData(train, test, held.classes, encoding=held.encoding, scale=held.scale)
        fit, held_out = rows_of(held, trial, settings, is_source=held is not arrays)
        if held is arrays and trial.stream.keeps_order:
            part = replace(part, order=_order(held, fit, trial.stream))
        if settings.evaluate is EvaluateOn.TEST:
            assert test is not None, "the test set was loaded, or the study refused"
        else:
            part = replace(part, pool=taken(train, fit), evaluation=taken(train, held_out))
        parts.append(part)
    return parts[0] if len(parts) == 1 else replace(parts[0], source=parts[1])


def rows_of(
    arrays: Arrays, trial: Trial, settings: EvaluationSettings, *, is_source: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which training samples a trial fits to and which it holds out, as int64 indices.

    Where the stream keeps the order of the data, both ascend. Each group is in one of the two, whole.

    Args:
        arrays: The data.
        trial: Its seed decides the split.
        settings: Which samples evaluate.
        is_source: Whether the data are the source of others, with draws of its own.
    """
    count = len(arrays.train)
    if settings.evaluate is EvaluateOn.TEST:
        return torch.arange(count), torch.arange(0)
    generator = generator_for("source split", trial.seed) if is_source else generator_for(trial.seed, "split")
    groups = None if arrays.order is None else arrays.order.groups
    if groups is None:
        order, kept = torch.randperm(count, generator=generator, device="cpu"), fitted(count, settings)
        if is_source or not trial.stream.keeps_order:
            return order[:kept], order[kept:]
        return order[:kept].sort().values, order[kept:].sort().values
    _, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    drawn = torch.randperm(len(sizes), generator=generator, device="cpu").numpy()
    is_reached = sizes[drawn].cumsum() >= count - fitted(count, settings)
    is_held_out = np.zeros(len(sizes), dtype=bool)
    is_held_out[drawn[: min(int(is_reached.argmax()) + 1, len(sizes) - 1)]] = True  # to one group at least models fit
    is_out = is_held_out[group_of]
    return torch.from_numpy(np.flatnonzero(~is_out)), torch.from_numpy(np.flatnonzero(is_out))


def arrival_sizes(arrays: Arrays, trial: Trial, settings: EvaluationSettings) -> tuple[int, ...]:
    """Return how many samples arrive in each round of a trial's stream.

    Raises:
        InputError: If there are too few samples, or an arrival is held out.
    """
    rows, _ = rows_of(arrays, trial, settings)
    stream = trial.stream.for_pool(_order(arrays, rows, trial.stream)) if trial.stream.keeps_order else trial.stream
    return tuple(stream.sizes(len(rows)))


def _order(arrays: Arrays, rows: torch.Tensor, stream: Stream) -> PoolOrder:
    """Return where samples of the pool, which ascend, stand among all of the arrays."""
    arrivals = getattr(arrays.order, "arrivals", None)
    in_time = stream.in_time or (arrays.order is not None and arrays.order.in_time)
    return PoolOrder(rows, len(arrays.train), None if arrivals is None else torch.from_numpy(arrivals), in_time)


def channels_last(arrays: Arrays, trial: Trial, device: torch.device) -> bool:
    """Return whether a trial's model trains fastest on images with their channels last, and can train so."""
    if not isinstance(trial.learner, TensorLearner) or not isinstance(arrays.train, LabelledArrays):
        return False
    if arrays.train.inputs.ndim != 4:
        return False
    learner = trial.learner
    key = repr(learner.architecture), arrays.train.inputs.shape[1:], arrays.classes, learner.recipe.batch_size, device
    if key not in _layouts:
        few = as_tensors(arrays.train, arrays.classes, learner.recipe.batch_size).to(device)
        _layouts[key] = learner.channels_last(learner.build(few, derived_seed(trial.seed, "fresh", 1)), few)
    return _layouts[key]


_layouts: dict[Hashable, bool] = {}
"""Whether images have their channels last, by what decides it: the same in every trial of a study."""


def fitted(count: int, settings: EvaluationSettings) -> int:
    """Return how many of ``count`` training samples are fitted to."""
    return count if settings.evaluate is EvaluateOn.TEST else int(count * (1 - settings.holdout))


def _on(device: torch.device, part: Any, last: bool) -> Any:
    """Return arrays as tensors on a device, the same ones each time; anything else as it is."""
    if not isinstance(part, LabelledArrays):
        return part
    if part.inputs.dtype == np.float64:
        device = torch.device("cpu")  # a table that has to be encoded first; only numbers move
    known = _resident.setdefault(part, {})
    if (device, last) not in known:
        known[device, last] = as_tensors(part, 0).to_memory_format(channels_last=last).to(device)
    return known[device, last]


def as_tensors(arrays: LabelledArrays, classes: int, count: int | None = None) -> TensorData:
    """Return arrays, or the first few samples of them, as tensors."""
    inputs, labels = arrays.inputs[:count], arrays.labels[:count]
    # Read-only arrays are copied: tensors have no such notion.
    if not (inputs.flags.writeable and labels.flags.writeable):
        inputs, labels = inputs.copy(), labels.copy()
    return TensorData(torch.from_numpy(inputs), torch.from_numpy(labels)).of_classes(classes)
