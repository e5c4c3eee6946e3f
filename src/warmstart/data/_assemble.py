"""From what a reader found to a data set: subset, classes and the checks that all data share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from warmstart.basics import InputError, derived_seed

from ._arrays import Dataset, LabelledArrays
from ._labels import ClassMap, class_map, cleaned
from ._raw import RawData, RawSplit


def assemble(
    raw: RawData, *, subset: int | None, with_test: bool = False, tell: Callable[[str], None] = lambda _: None
) -> Dataset:
    """Return the data set; only rows that it holds are decoded.

    Args:
        raw: What a reader found.
        subset: Only this many training samples.
        with_test: Whether to read the official test set as well.
        tell: Told in words what is read.

    Raises:
        InputError: If the data are not what they must be, or there is no test set.
    """
    if with_test and raw.test is None:
        raise InputError(f"There is no test set with the data of {raw.name}: choose --evaluate holdout instead.")
    found = cleaned(raw.train.labels, raw.train.origin, raw.train.place)
    classes = class_map(found, raw.train.class_names, raw.train.origin)
    labels = classes.indices(found, raw.train.origin)
    rows = subset_rows(len(labels), subset)
    _check_two_classes(labels[rows], classes)
    tell(f"Reading {len(rows):,} training samples of {raw.name}")
    train = LabelledArrays(raw.train.read(rows), labels[rows])
    if not (with_test and raw.test):
        return Dataset(raw.name, train, None, classes.names)
    tell(f"Reading the test samples of {raw.name}")
    return Dataset(raw.name, train, _test(raw.test(), classes), classes.names)


def subset_rows(count: int, subset: int | None) -> np.ndarray:
    """Return which rows of ``count`` are loaded, in rising order.

    The draw depends on nothing but ``count``, so that all seeds of a study meet the same samples.

    Raises:
        InputError: If ``subset`` is larger than ``count``.

    Example:
        >>> set(subset_rows(100, 5)) < set(subset_rows(100, 6))
        True
    """
    if subset is None:
        return np.arange(count)
    if not 1 <= subset <= count:
        raise InputError(f"subset must lie in [1, {count}], the number of training samples, got {subset}.")
    drawn = np.random.default_rng(derived_seed("subset", 0)).permutation(count)[:subset]
    return np.sort(drawn)


def _check_two_classes(labels: np.ndarray, classes: ClassMap) -> None:
    if labels.min() == labels.max():
        raise InputError(
            f"subset must leave samples of at least two classes, got {len(labels)}, which leaves only "
            f"'{classes.names[labels[0]]}'."
        )


def _test(split: RawSplit, classes: ClassMap) -> LabelledArrays:
    labels = classes.indices(cleaned(split.labels, split.origin, split.place), split.origin)
    return LabelledArrays(split.read(np.arange(len(labels))), labels)
