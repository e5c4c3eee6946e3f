"""Data sets in memory: whatever has a length and items, arrays, or columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from warmstart.basics import InputError, choice

from ._arrays import Dataset, SampleOrder, Targets
from ._assemble import assemble, subset_rows
from ._fingerprint import fingerprint_of
from ._folder import split_kind
from ._images import with_image_size
from ._in_memory import (
    Pairs,
    Rows,
    found_in,
    frame_columns,
    is_array_like,
    is_frame,
    is_pair,
    length,
    module_of,
    one_hot_classes,
)
from ._memory_table import columns_data
from ._npz import array_split, inputs_and_labels
from ._numbers import Form, as_inputs, form_of
from ._raw import RawData, RawSplit, is_displayable, shown
from ._source import DataSource, Scale

IN_MEMORY = "own data"
"""What data in memory are called that have no name."""
# What is said of columns, where there are none.
_OF_COLUMNS = ("label", "drop", "features", "key", "group", "order", "test")


@dataclass(frozen=True, eq=False)
class OwnDataset:
    """A data set of the user's own, for a learner of the user's own: nothing is known of its items.

    Args:
        name: Its name in reports.
        train: The samples that models may be trained on, with a length and items by index from 0.
        test: The official test samples likewise; None if there are none or they were not requested.
        fingerprint: Text that changes with the content; a trial is run again where it has changed.

    Raises:
        InputError: If the name is not valid UTF-8 text.
    """

    name: str
    train: Any
    test: Any | None
    fingerprint: str
    # What a study reads of a Dataset, and here means: not known.
    classes: tuple[str, ...] = field(default=(), init=False)
    input_shape: tuple[int, ...] = field(default=(), init=False)
    is_image: bool = field(default=False, init=False)
    description: str = field(default="", init=False)
    features: tuple[str, ...] = field(default=(), init=False)
    notes: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Check the name, which ends up in results and reports."""
        if not isinstance(self.name, str) or not self.name or not is_displayable(self.name):
            raise InputError(f"name must be UTF-8 text, got {shown(repr(self.name), 60)}.")


def as_dataset(
    value: Any,
    *,
    name: str | None = None,
    source: DataSource | None = None,
    label: str | None = None,
    targets: Targets | str | None = None,
    subset: int | None = None,
    with_test: bool = True,
    arrays: bool = True,
) -> Dataset | OwnDataset:
    """Return anything that can be a data set as one.

    That is a :class:`Dataset`; inputs with their targets, (X, y): arrays of NumPy, tensors, frames of pandas, polars or
    arrow with a series, lists, a sparse matrix; a frame or a Hugging Face ``Dataset`` that has a column of labels; a
    map-style data set, which has ``__len__`` and ``__getitem__`` by index, such as a ``torch.utils.data.Dataset`` of
    items (input, target); a ``Bunch`` of scikit-learn; or two of these, (train, test), also as a mapping with these
    names, such as a ``DatasetDict``. Without a part called test, one called validation is the test set.

    All of which a built-in learner can learn becomes a :class:`Dataset`. Frames, and arrays of text, mixed objects or
    numbers with NaN, are read as the columns of a table file are. uint8 of three or four dimensions are images; so are
    whole numbers in [0, 255] and 255ths in [0, 1] of such a shape with 1 or 3 channels; all other numbers are data as
    they are. A row of targets with a single 1 among zeros is the class of that column. What no array can be made of,
    such as texts, becomes an :class:`OwnDataset`, for a learner of your own.

    The fingerprint of an :class:`OwnDataset` is made of the data sets' own (``_fingerprint`` of Hugging Face, or an
    attribute ``fingerprint``), otherwise of all items, each read once and not kept: arrays and tensors by type, shape
    and bytes, numbers, text and containers by content, others by pickle. That may take 5 minutes at most.

    Args:
        value: The data.
        name: Its name in reports, and in messages. None: that of ``source``.
        source: How to read it, as for files: scale, label, order, group, missing and so on. None: as by default.
        label: Column of the labels in a frame; None: that of ``source``, or detected by name.
        targets: What the targets are. None: values if they are floats, otherwise classes.
        subset: Number of training samples, drawn as for a :class:`DataSource`; None: that of ``source``, or all.
        with_test: Whether to keep the test samples, if there are any.
        arrays: Whether to make a :class:`Dataset`; else they stay the items that they are, of a frame its rows.

    Raises:
        InputError: If the value is none of these, an item cannot be read or has no fingerprint, or ``subset`` is larger
            than the number of samples.

    Example:
        >>> as_dataset(["one text", "another"], name="texts").fingerprint[:8]
        '4f1b0578'
        >>> as_dataset((np.zeros((3, 2)), np.array([0, 1, 1]))).classes
        ('0', '1')
    """
    targets = None if targets is None else choice(Targets, targets, name="targets")
    source = replace(source or DataSource(IN_MEMORY), **{} if label is None else {"label": label})
    # A source refuses names that nobody could store; it must be this function's message that says so.
    name = source.name if name is None else name
    subset = source.subset if subset is None else subset
    train, test, notes = split_parts(value, name)
    test = test if with_test else None
    if isinstance(value, Dataset):
        if targets is not None and value.targets is not targets:
            raise InputError(f"targets must be {value.targets} for {name}, which has no others, got {targets}.")
        if subset is None and test is value.test:
            return value
        rows = subset_rows(len(train), subset)
        order = None if value.order is None else value.order.take(rows)
        return replace(value, train=value.train.take(rows), test=test, order=order)
    raw = _raw_of(train, test, name, source, targets) if arrays and not isinstance(value, OwnDataset) else None
    if raw is not None:
        raw, targets = raw
        dataset = assemble(
            replace(raw, notes=(*notes, *raw.notes)),
            subset=subset,
            with_test=test is not None,
            targets=targets,
            scale=source.scale is not Scale.NONE,
        )
        return with_image_size(dataset, source.image_shape)
    if isinstance(value, OwnDataset) and subset is None and test is value.test:
        return value
    if not isinstance(value, OwnDataset) and not is_frame(train) and module_of(train) != "datasets":
        _check_no_columns(source, name)
    items: list[Any] = [Rows(part) if is_frame(part) else part for part in (train, test)]
    train, test = items
    rows = None if subset is None else subset_rows(len(train), subset)
    parts = [(train, rows)] + ([] if test is None else [(test, None)])
    given = value.fingerprint if isinstance(value, OwnDataset) else None
    fingerprint = fingerprint_of(parts, name=name, given=given)
    if rows is not None and callable(getattr(train, "select", None)):
        train = train.select(rows.tolist())  # of Hugging Face, whose columns a Subset would hide
    elif rows is not None:
        from torch.utils.data import Subset

        train = Subset(train, rows.tolist())
    return OwnDataset(name, train, test, fingerprint)


def split_parts(value: Any, name: str) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the training and the test samples that a value contains, each with a length, and notes on the choice.

    Raises:
        InputError: If the value is none of what :func:`as_dataset` takes.
    """
    if isinstance(value, (Dataset, OwnDataset)):
        return value.train, value.test, ()
    notes: tuple[str, ...] = ()
    if isinstance(value, Mapping):
        value, notes = _of_mapping(value, name)
    elif isinstance(value, tuple) and len(value) > 2 and any(is_array_like(one) for one in value):
        raise _unusable(name, value)
    elif not isinstance(value, tuple) or len(value) != 2 or is_pair(value):
        value = (value, None)
    elif is_array_like(value[0]) != is_array_like(value[1]) and not (value[1] is None and is_frame(value[0])):
        raise _unusable(name, value)  # a data set of items with an array of targets must not become train and test
    parts: list[Any] = []
    for which, part in zip(("train", "test"), value, strict=True):
        if isinstance(part, tuple) and is_pair(part):
            if length(part[0]) != length(part[1]):
                raise InputError(
                    f"Inputs and targets must have the same length, but those of {name} have {length(part[0])} and "
                    f"{length(part[1])}."
                )
            part = Pairs(*part)
        if part is not None or which == "train":
            if (
                not hasattr(part, "__len__")
                or not hasattr(part, "__getitem__")
                or isinstance(part, (str, bytes, Mapping, type(None)))
            ):
                raise _unusable(name, part)
            if len(part) == 0:
                raise InputError(f"There must be samples to load, but {name} contains none.")
        parts.append(part)
    return parts[0], parts[1], notes


def _of_mapping(value: Mapping[Any, Any], name: str) -> tuple[tuple[Any, Any], tuple[str, ...]]:
    """Return the training and the test samples in a mapping, and notes on the choice."""
    keys = [key for key in value if isinstance(key, str)]
    if "data" in value and "target" in value:  # as scikit-learn has them
        names = value.get("target_names")
        class_names = None if names is None else tuple(map(str, names))
        return (Pairs(value["data"], value["target"], class_names), None), ()
    pairs = [inputs_and_labels(keys, split) for split in ("train", "test")]
    if pairs[0] is not None:
        train, test = (None if pair is None else tuple(value[key] for key in pair) for pair in pairs)
        return (train, test), ()
    kinds: dict[str, str] = {}
    for key in keys:
        if (kind := split_kind(key)) is not None:
            kinds.setdefault(kind, key)
    if "training set" in kinds:
        chosen = kinds.get("test set") or kinds.get("validation set")
        left = [key for key in keys if key not in (kinds["training set"], chosen)]
        notes = [f"{chosen} is the test set."] if chosen is not None and chosen != "test" else []
        notes += [f"{', '.join(shown(key, 60) for key in left)} of {name} left out."] if left else []
        return (value[kinds["training set"]], None if chosen is None else value[chosen]), tuple(notes)
    is_column = [is_array_like(one) or (isinstance(one, (list, tuple)) and len(one) > 0) for one in value.values()]
    if len(keys) == len(value) > 1 and all(is_column) and not any(is_frame(one) for one in value.values()):
        sizes = {key: len(one) for key, one in value.items()}
        if len(set(sizes.values())) > 1:
            listing = ", ".join(f"{shown(key, 60)} {size}" for key, size in list(sizes.items())[:10])
            raise InputError(f"Columns must have the same length, but those of {name} differ: {listing}.")
        return (frame_columns(value, name), None), ()
    raise _unusable(name, value)


def _unusable(name: str, value: Any) -> InputError:
    kind = f"({', '.join(type(part).__name__ for part in value)})" if isinstance(value, tuple) else type(value).__name__
    way_out = ""
    if hasattr(value, "dataset") and hasattr(value, "batch_size"):
        way_out = "; give the data set that it loads (loader.dataset)"
    elif type(value).__name__ == "LazyFrame":
        way_out = "; call its collect() first"
    elif hasattr(value, "__next__") or (hasattr(value, "__iter__") and not hasattr(value, "__len__")):
        way_out = "; read it into a list first"
    elif isinstance(value, tuple) and len(value) > 2:
        way_out = "; give four arrays as ((X, y), (X_test, y_test))"
    return InputError(
        f"The data '{name}' must be a Dataset, a data set with __len__ and __getitem__, a frame, two arrays (inputs, "
        f"targets), or two of these (train, test), got {shown(kind, 100)}{way_out}."
    )


def _check_no_columns(source: DataSource, name: str, *, but: tuple[str, ...] = ()) -> None:
    """Raise if options are given that only columns have."""
    for option in _OF_COLUMNS:
        value = getattr(source, option)
        if value and (option, value) != ("order", "file") and option not in but:
            raise InputError(
                f"{option} (--{option}) must be left out for {shown(name)}, which has no columns, got {shown(value)!r}."
            )


def _raw_of(
    train: Any, test: Any, name: str, source: DataSource, targets: Targets | None
) -> tuple[RawData, Targets] | None:
    """Return what a built-in learner can learn, and what its targets are; None if there is nothing of the kind."""
    found = found_in(train, name, source)
    if found is None:
        return None
    parts, origins = [found], ["", "test "]
    if test is not None:
        tested = found_in(test, f"test {name}", source)
        if tested is None:
            raise InputError(f"The test samples of {name} must be arrays like the training samples, got others.")
        parts.append(tested)
    if targets is None:
        targets = Targets.VALUES if found.has_float_labels(name) else Targets.CLASSES
    notes: list[str] = []
    for place, part in enumerate(parts):
        if targets is Targets.CLASSES and isinstance(part.labels, np.ndarray) and part.labels.ndim > 1:
            classes = one_hot_classes(part.labels)
            if classes is None:
                raise InputError(
                    f"Targets must be one class per sample, or rows with a single 1 among zeros, but the "
                    f"{origins[place]}targets of {name} have the shape {part.labels.shape} and others."
                )
            notes = ["Each row of targets has a single 1: the class is its column, from 0."]
            parts[place] = replace(part, labels=classes)
    arrays = [(one.inputs, f"{origin}inputs of {name}") for one, origin in zip(parts, origins, strict=False)]
    form = Form.GAPS
    if all(isinstance(values, np.ndarray) for values, _ in arrays):
        form = form_of(arrays, source.scale)
    if form is Form.GAPS:
        raw = columns_data(name, parts, source, targets)
        return replace(raw, notes=(*notes, *raw.notes)), targets
    _check_no_columns(source, name, but=("label", "drop") if found.of_columns else ())
    splits: list[RawSplit] = []
    for part, (values, origin), which in zip(parts, arrays, origins, strict=False):
        assert isinstance(part.labels, np.ndarray), "an array has no column of labels"
        inputs = as_inputs(values, form, origin)
        splits.append(array_split(inputs, part.labels, f"{which}targets of {name}", part.class_names))
    order = None if source.order is None else SampleOrder(in_time=True)
    opened = (lambda: splits[1]) if test is not None else None
    # Images of many classes are usual, and one-hot rows are classes; other whole numbers may be values to predict.
    asks = form is not Form.IMAGES and not source.many_classes and not notes
    return RawData(name, splits[0], opened, notes=tuple(notes), order=order, asks=asks), targets
