"""The data of a trial."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils.data import Subset

from warmstart.data import FittedEncoding, TableEncoding
from warmstart.learners import TrialLearner
from warmstart.streams import PoolOrder
from warmstart.training import TensorData


@dataclass(frozen=True, eq=False)
class TrialData:
    """What a trial trains and is evaluated on.

    Args:
        pool: What the stream draws from: tensors, or for a learner of the user's own any map-style data set, which has
            a length and items by index.
        evaluation: Never trained on.
        classes: Number of classes of tensors; 0 where there are none.
        source: Another data set of inputs of the same shape; round 1 then trains on all of its pool and is evaluated
            on its evaluation data, and the stream begins with round 2. None: there is none.
        order: Where the pool's samples stand in time. None: they are all there are, in the order of the pool.
        encoding: How the columns of a table become numbers, which its source has in common. None: they are numbers.
        scale: Whether numbers are brought to the scale that the learner trains on; else they reach it unchanged.
        fitted_encoding: How the columns of a table became these numbers. None: they were no table that needed it.
    """

    pool: Any
    evaluation: Any
    classes: int = 0
    source: "TrialData | None" = None
    order: PoolOrder | None = None
    encoding: TableEncoding | None = None
    scale: bool = True
    fitted_encoding: FittedEncoding | None = None

    def __post_init__(self) -> None:
        """Let tensors know their number of classes, which a part of them may not show."""
        for name in ("pool", "evaluation"):
            if self.classes and isinstance(data := getattr(self, name), TensorData):
                object.__setattr__(self, name, data.of_classes(self.classes))

    @property
    def rounds_before_stream(self) -> int:
        """One where there is a source, else none."""
        return 0 if self.source is None else 1

    @property
    def device(self) -> torch.device:
        """Where the data are; the CPU for a data set of the user's own."""
        return self.pool.device if isinstance(self.pool, TensorData) else torch.device("cpu")


def taken(data: Any, indices: torch.Tensor) -> Any:
    """Return the samples at ``indices``: of tensors a view, else the data set's own selection or a ``Subset``."""
    if isinstance(data, TensorData):
        return data.take(indices)
    if callable(select := getattr(data, "select", None)):  # of Hugging Face datasets, whose columns a Subset would hide
        return select(indices.tolist())
    return Subset(data, indices.tolist())


def encode(data: TrialData, known: TensorData, device: torch.device) -> TrialData:
    """Return data whose table columns are numbers on a device, in the way that the known samples determine."""
    assert data.encoding is not None, "there is something to encode"
    fitted = data.encoding.fitted(known.inputs.cpu().numpy())

    def encoded(part: TensorData) -> TensorData:
        numbers = torch.from_numpy(fitted.encode(part.inputs.cpu().numpy()))
        return TensorData(numbers.to(device), part.labels.to(device))

    both = [
        replace(one, pool=encoded(one.pool), evaluation=encoded(one.evaluation), encoding=None, fitted_encoding=fitted)
        for one in (data, data.source)
        if one is not None
    ]
    return replace(both[0], source=both[1] if len(both) > 1 else None)


def preparation_of(data: TrialData) -> dict[str, Any] | None:
    """Return as plain values how samples became what the model takes; None where that does not depend on the data.

    With them a trained model can predict samples that were never part of the study: ``encoding`` as
    :class:`FittedEncoding` is stored, and ``scale``, ``offset``, ``limit``, ``target_scale``, ``target_offset`` as of
    :class:`TensorData`.
    """
    if not isinstance(data.pool, TensorData):
        return None
    names = ("scale", "offset", "limit", "target_scale", "target_offset")
    numbers = {name: getattr(data.pool, name) for name in names}
    if data.fitted_encoding is None and not any(isinstance(value, torch.Tensor) for value in numbers.values()):
        return None
    plain = {name: value.tolist() if isinstance(value, torch.Tensor) else value for name, value in numbers.items()}
    return {"encoding": None if data.fitted_encoding is None else data.fitted_encoding.to_dict(), **plain}


def scaled_like(data: TensorData, preparation: Mapping[str, Any]) -> TensorData:
    """Return samples on the scale of others, by what :func:`preparation_of` returned of those; the same bits.

    Args:
        data: Not scaled yet; of a table, its columns encoded.
        preparation: Of the others; empty: they were on their usual scale.
    """

    def on_device(name: str, dtype: torch.dtype) -> torch.Tensor:
        return torch.tensor(preparation[name], dtype=dtype, device=data.device)

    if "scale" in preparation:
        # Plain numbers stay so: scaled by a tensor, whole numbers would no longer count as tokens.
        scale, offset = (
            on_device(name, torch.float32) if isinstance(preparation[name], list) else preparation[name]
            for name in ("scale", "offset")
        )
        data = data.scaled(scale, offset, limit=preparation["limit"])
    if [preparation.get("target_scale", 1.0), preparation.get("target_offset", 0.0)] == [1.0, 0.0]:
        return data  # classes, which have no scale
    return data.with_target_scale(on_device("target_scale", torch.float64), on_device("target_offset", torch.float64))


def labels_before(data: TrialData, rows: torch.Tensor | None = None) -> torch.Tensor | None:
    """Return, of data that stand in time order, for each sample the label of the one before it.

    That is the one before it among all samples, whether they are trained on, evaluated on, or neither has happened yet.

    Args:
        data: Of the trial.
        rows: Samples of the pool, by their indices; None: the evaluation data.

    Returns:
        Labels; None where the order in time is not known.
    """
    order, pool, evaluation = data.order, data.pool, data.evaluation
    if order is None or not order.in_time or not isinstance(pool, TensorData) or not isinstance(evaluation, TensorData):
        return None
    labels, places = torch.cat([pool.labels, evaluation.labels]), order.rows.to(data.device)
    is_held_out = torch.ones(order.count, dtype=torch.bool, device=data.device)
    is_held_out[places] = False
    held_out = is_held_out.nonzero()[:, 0]
    if not len(held_out):
        held_out = torch.arange(len(pool), len(labels), device=data.device)  # an official test set comes afterwards
    if len(held_out) != len(evaluation):
        return None
    labels = torch.empty_like(labels).index_copy_(0, torch.cat([places, held_out]), labels)
    # Nothing is before the very first sample: the label of the very last stands in.
    before = labels.roll(1, 0)
    return before[held_out if rows is None else places[rows.to(data.device)]]


def prepared(data: TrialData, learner: TrialLearner, first_arrival: torch.Tensor) -> TrialData:
    """Return the data on the scale that the learner trains on.

    It is estimated on the only data known when the trial begins: the source where there is one, else the first arrival.
    """
    if not isinstance(data.pool, TensorData):
        return data
    both = [data] if data.source is None else [data, data.source]
    known = data.pool.take(first_arrival) if data.source is None else data.source.pool
    parts = learner.prepared([part for one in both for part in (one.pool, one.evaluation)], known, scale=data.scale)
    source = None if data.source is None else replace(data.source, pool=parts[2], evaluation=parts[3])
    return replace(data, pool=parts[0], evaluation=parts[1], source=source)
