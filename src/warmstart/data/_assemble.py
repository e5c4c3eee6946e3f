"""From a reader's raw data to a data set: subset, classes and the checks that all formats share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from warmstart.basics import InputError, derived_seed

from ._arrays import Dataset, LabelledArrays, Targets
from ._labels import ClassMap, class_map, cleaned, target_values
from ._raw import RawData, shown

MANY_CLASSES = 50
"""Distinct whole numbers beyond which labels are questioned."""
_LEAST_ROWS, _MOST_COPIES = 20, 5


def assemble(
    raw: RawData,
    *,
    subset: int | None,
    with_test: bool = False,
    targets: Targets = Targets.CLASSES,
    scale: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> Dataset:
    """Return the data set; only the rows that it contains are decoded.

    Args:
        raw: What a reader returned.
        subset: Number of training samples; None for all.
        with_test: Whether to read the official test set as well.
        targets: Whether the labels are read as classes or as values.
        scale: Whether numbers are to be brought to mean 0 and variance 1.
        progress: Called with one phrase before each set is read.

    Raises:
        InputError: If labels or inputs are unusable, or there is no test set.
    """
    if with_test and raw.test is None:
        raise no_test_set(raw.name)
    train_split, classes = raw.train, None
    if targets is Targets.CLASSES:
        found = cleaned(train_split.labels, train_split.origin, train_split.place)
        # From all rows, not from the subset's, so that a class has the same index at every size of subset.
        classes = class_map(found, train_split.class_names, train_split.origin)
        if raw.asks and train_split.class_names is None:
            ask_about(classes, len(found), train_split.origin)
        labels = classes.indices(found, train_split.origin)
    elif train_split.class_names is not None:
        # The labels are numbers, but as indices of names they have no order: nothing that a regression could mean.
        raise only_classes(train_split.origin)
    else:
        labels = target_values(train_split.labels, train_split.origin, train_split.place)
    rows = subset_rows(len(labels), subset)
    kept = labels[rows]
    if classes is not None and kept.min() == kept.max():
        raise InputError(
            f"subset must leave samples of at least two classes, got {len(kept)}, which leaves only "
            f"'{classes.names[kept[0]]}'."
        )
    progress(f"Reading {len(rows):,} training samples of {raw.name}")
    train, test = LabelledArrays(train_split.read(rows), kept), None
    if with_test and raw.test:
        progress(f"Reading the test samples of {raw.name}")
        split = raw.test()
        if classes is None:
            labels = target_values(split.labels, split.origin, split.place)
        else:
            labels = classes.indices(cleaned(split.labels, split.origin, split.place), split.origin)
        test = LabelledArrays(split.read(np.arange(len(labels))), labels)
    features = None if raw.features is None else raw.features()
    copies = [] if features is None else copies_of(train.labels, train.inputs, features.names)
    told = tuple(
        f"Column '{shown(name, 60)}' tells the label of every row: unless it is known before the label is, leave it "
        f"out with drop (--drop {shown(name, 60)})."
        for name in copies[:_MOST_COPIES]
    )
    return Dataset(
        raw.name,
        train,
        test,
        () if classes is None else classes.names,
        order=None if raw.order is None else raw.order.take(rows),
        encoding=None if features is None else features.encoding,
        scale=scale,
        notes=raw.notes if features is None else (*raw.notes, *features.notes, *told),
        features=() if features is None else features.names,
    )


def copies_of(labels: np.ndarray, inputs: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the names of columns that are the label in other words: known with the label, not before it.

    That is, each value of the column stands for one class, and each class for one value; or values to predict are a
    line over it.

    Example:
        >>> labels = np.arange(30) % 3
        >>> copies_of(labels, np.stack([labels * 2 + 1, labels > 0, np.arange(30)], axis=1), ["a", "b", "c"])
        ['a']
    """
    # Of few rows, two columns of two values are alike by chance.
    if len(labels) < _LEAST_ROWS or labels.ndim != 1 or inputs.ndim != 2:
        return []
    found = []
    for name, values in zip(names, inputs.T, strict=True):
        if labels.dtype == np.int64:
            # A part of the rows settles it for nearly all columns.
            for count in (_LEAST_ROWS, len(labels)):
                pairs = np.unique(np.stack([values[:count].astype(np.float64), labels[:count]]), axis=1)
                if len(np.unique(pairs[0])) != pairs.shape[1] or len(np.unique(pairs[1])) != pairs.shape[1]:
                    break
            else:
                found.append(name)
            continue
        centered = [one - one.mean() for one in (values.astype(np.float64), labels.astype(np.float64))]
        products = [float(one @ other) for one in centered for other in centered]
        if products[0] > 0 and products[3] > 0 and products[1] ** 2 > (1 - 1e-10) * products[0] * products[3]:
            found.append(name)
    return found


def ask_about(classes: ClassMap, count: int, origin: str) -> None:
    """Raise if classes are whole numbers of so many values that they may well be values to predict."""
    many = len(classes.values)
    if (many > MANY_CLASSES or (many > 20 and many > count / 5)) and all(
        isinstance(value, int) or value.removeprefix("-").isdecimal() for value in classes.values
    ):
        raise InputError(
            f"Are the labels classes or values? {origin[:1].upper()}{origin[1:]} contains {many:,} different whole "
            f"numbers in {count:,} rows: --learner regressor predicts them as values, many_classes (--many-classes) "
            "takes each as a class."
        )


def no_test_set(name: str) -> InputError:
    """Return the error for a test set that was requested but does not exist."""
    return InputError(f"There is no test set with the data of {name}: choose --evaluate holdout instead.")


def only_classes(what: str) -> InputError:
    """Return the error for labels that cannot be read as values.

    Example:
        >>> print(only_classes("digits"))
        targets must be classes for digits, which has no other labels, got values.
    """
    return InputError(f"targets must be classes for {what}, which has no other labels, got values.")


def subset_rows(count: int, subset: int | None) -> np.ndarray:
    """Return the indices of the loaded rows among ``count``, in ascending order.

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
    # A fixed seed: all seeds of a study must see the same samples. A prefix of one permutation, so subsets are nested.
    drawn = np.random.default_rng(derived_seed("subset", 0)).permutation(count)[:subset]
    return np.sort(drawn)
