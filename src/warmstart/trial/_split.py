"""What one seed trains on and is evaluated on: views of a study's data, which lie on the device once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import StrEnum
from weakref import WeakKeyDictionary

import torch

from warmstart.basics import check_in_range, generator_for, resolve_choices
from warmstart.data import LabelledArrays
from warmstart.training import TensorData, tried_step

from ._data import TrialData
from ._trial import Trial


class EvaluateOn(StrEnum):
    """What models are evaluated on: a random ``HOLDOUT`` of the training data, or the official ``TEST`` set."""

    HOLDOUT = "holdout"
    TEST = "test"


@dataclass(frozen=True)
class EvaluationSettings:
    """LayerEnd samples evaluate.

    Args:
        evaluate: The holdout, or the official test set.
        holdout: Share of the training samples that is held out, drawn anew for every seed, in (0, 1).
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
        train: What fits, and is held out from.
        test: The official test set, where that is what evaluates.
        classes: Number of classes.
        source: Those of the source, where there is one.
    """

    train: LabelledArrays
    test: LabelledArrays | None
    classes: int
    source: Arrays | None = None


_resident: WeakKeyDictionary[LabelledArrays, dict[tuple[torch.device, bool], TensorData]] = WeakKeyDictionary()


def split(arrays: Arrays, trial: Trial, settings: EvaluationSettings, *, device: torch.device) -> TrialData:
    """Return what a trial trains on and is evaluated on.

    Args:
        arrays: The study's data.
        trial: Its seed decides the split, its model the layout in memory.
        settings: LayerEnd samples evaluate.
        device: Where the data are to lie; trials of one process share them there.
    """
    last = channels_last(arrays, trial, device)
    own = _split(arrays, settings, (trial.seed, "split"), device, last)
    if arrays.source is None:
        return own
    return replace(own, source=_split(arrays.source, settings, ("source split", trial.seed), device, last))


def channels_last(arrays: Arrays, trial: Trial, device: torch.device) -> bool:
    """Return whether a trial's model trains fastest on images with their channels last, and can train so."""
    shape = tuple(arrays.train.inputs.shape[1:])
    known = repr(trial.architecture), shape, arrays.classes, trial.recipe.batch_size, device
    if known not in _layouts:
        generator = generator_for(trial.seed, "fresh", 1)
        model = trial.architecture.build(shape, arrays.classes, generator=generator).to(device)
        few = _tensors(arrays.train, trial.recipe.batch_size).to(device)
        _layouts[known] = tried_step(model, few, trial.recipe.batch_size, None)[1]
    return _layouts[known]


_layouts: dict[Hashable, bool] = {}
"""Whether images have their channels last, by what decides it: the same in every trial of a study."""


def _split(
    arrays: Arrays, settings: EvaluationSettings, purpose: tuple[str | int, ...], device: torch.device, last: bool
) -> TrialData:
    train = _on(device, arrays.train, last)
    if settings.evaluate is EvaluateOn.TEST:
        assert arrays.test is not None, "the test set was loaded, or the study refused"
        return TrialData(train, _on(device, arrays.test, last), arrays.classes)
    order = torch.randperm(len(train), generator=generator_for(*purpose))
    count = fitted(len(train), settings)
    return TrialData(train.take(order[:count]), train.take(order[count:]), arrays.classes)


def fitted(count: int, settings: EvaluationSettings) -> int:
    """Return how many of ``count`` training samples are fitted to."""
    return count if settings.evaluate is EvaluateOn.TEST else int(count * (1 - settings.holdout))


def _on(device: torch.device, arrays: LabelledArrays, last: bool) -> TensorData:
    """Return arrays as tensors on a device, the same ones each time."""
    known = _resident.setdefault(arrays, {})
    if (device, last) not in known:
        known[device, last] = _moved(arrays, device, last)
    return known[device, last]


def _moved(arrays: LabelledArrays, device: torch.device, last: bool) -> TensorData:
    return _tensors(arrays).lying(channels_last=last).to(device)


def _tensors(arrays: LabelledArrays, count: int | None = None) -> TensorData:
    """Return arrays, or the first few samples of them, as tensors."""
    inputs, labels = arrays.inputs[:count], arrays.labels[:count]
    # Read-only arrays are copied: tensors have no such notion.
    if not (inputs.flags.writeable and labels.flags.writeable):
        inputs, labels = inputs.copy(), labels.copy()
    return TensorData(torch.from_numpy(inputs), torch.from_numpy(labels))
