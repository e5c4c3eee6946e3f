"""What every reader hands over: labels as they were found, and inputs that are read when their rows are known.

Subset, mapping of labels to classes and the checks that all data share are applied to this, in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from warmstart.basics import InputError


@dataclass(frozen=True, eq=False)
class RawSplit:
    """The training or the test samples of one source, not yet decoded.

    Args:
        labels: (n,) of any kind: numbers, bools, texts, None where one is missing.
        read: Takes row numbers in rising order; returns their inputs as :class:`LabelledArrays` wants them.
        origin: Where the labels were found, as words in a sentence.
        place: Takes a row number; returns where that sample is, as words in a sentence.
        class_names: Names that the source declares, if labels are positions in them.
    """

    labels: np.ndarray
    read: Callable[[np.ndarray], np.ndarray]
    origin: str
    place: Callable[[int], str]
    class_names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class RawData:
    """A source that has been found and looked into.

    Args:
        name: What the data set is called.
        train: Its training samples.
        test: Opens its official test samples; None where there are none.
    """

    name: str
    train: RawSplit
    test: Callable[[], RawSplit] | None = None


@contextmanager
def reading(path: Path, form: str) -> Iterator[None]:
    """Turn whatever a foreign reader raises into one sentence about the file.

    Example:
        >>> with reading(Path("a.csv"), "csv"):
        ...     raise OSError("no such disk")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: a.csv cannot be read as csv: no such disk.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged files make readers raise errors of a dozen types
        raise InputError(f"{path} cannot be read as {form}: {first_sentence(error)}.") from error


def first_sentence(error: Exception) -> str:
    """Return the first sentence of an error's message, without a full stop, or its type if it says nothing.

    Example:
        >>> first_sentence(OSError("The hub is away. Come back later."))
        'The hub is away'
    """
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(" .:") if lines else type(error).__name__
