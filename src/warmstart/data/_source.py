"""Where data come from, as settings of a study."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from warmstart.basics import InputError, added_later, check_at_least, check_integer, resolve_choices

from ._raw import is_displayable, shown

MAX_BYTES = 4 * 2**30
MOST_PIXELS = 10_000
_TEXTS = (
    *("directory", "label", "test", "key", "group", "order"),
    *("separator", "decimal", "thousands", "encoding", "comment"),
)
_LISTS = ("drop", "features", "missing_marks")


class Scale(StrEnum):
    """What happens to numbers: brought to mean 0 and variance 1 (``STANDARD``), or ``NONE``: nothing."""

    STANDARD = "standard"
    NONE = "none"


class Missing(StrEnum):
    """What happens to missing cells: they are filled and marked (``FILL``), or the table is refused (``REFUSE``)."""

    FILL = "fill"
    REFUSE = "refuse"


class Interpolation(StrEnum):
    """How images are resized.

    ``BILINEAR``: Pillow's bilinear filter, which weighs near pixels more where an image gets smaller. ``AREA``: the
    mean of the pixels that a new one covers, which for half the size is 2x2 average pooling.
    """

    BILINEAR = "bilinear"
    AREA = "area"


class ImageSize(NamedTuple):
    """What images are resized to, in pixels, and how."""

    height: int
    width: int
    interpolation: Interpolation = Interpolation.BILINEAR


class Options(dict[str, Any]):
    """A dict that has a hash: a dataclass takes no other as a default, and sources are kept in sets."""

    # By names only, as a value may have no hash. Any, since dict declares that its own is None.
    __hash__: ClassVar[Any] = lambda self: hash(frozenset(self))


@dataclass(frozen=True)
class DataSource:
    """Where data come from.

    Args:
        name: A data set known by name (see :func:`known_datasets`), or a path: a table (``.csv``, ``.tsv``, ``.txt``,
            ``.data``, also ``.gz`` or ``.zst``; ``.parquet``, ``.feather``, ``.xlsx``), an ``.npz``, a folder of
            tables, each of which is one arrival, or a folder of class folders with images. Or ``module:Object``, data
            of your own, with the current folder on the search path: a function or class that returns them, or the
            object. They are anything that :func:`as_dataset` takes, and must be the same at every call.
        directory: Folder that holds the data sets known by name, which are then not downloaded. None: the environment
            variable ``WARMSTART_DATA``, read when data are loaded. Paths and embedded data sets do not depend on it.
        subset: Number of training samples to load, at least 1, drawn without replacement and always the same; a larger
            subset contains the smaller ones. None: all. The test set is always loaded whole.
        label: Column (in an ``.npz``: array) of the labels. None: detected by name.
        max_bytes: Limit on the memory that reading one set of samples takes, in bytes, at least 1; estimated from what
            the files declare before it is allocated, so that a small file cannot expand without limit. Data of your own
            are not limited by it.
        drop: Columns to leave out, separated by commas on the command line.
        features: Columns to use, and no others, whatever they hold; separated by commas on the command line. Empty: all
            but constants, row numbers, and text that is different in most rows.
        test: File with the official test samples of a table, which then evaluate. None: there are none.
        key: Column that identifies a sample: it is not a feature, and of rows with equal keys the last one counts.
        group: Column, such as a day or a customer, whose rows with equal values are held out together; it stays a
            feature unless it is dropped.
        order: Column by which samples arrive in time, or ``file``: the order of the file. None: in random order.
        scale: Standardize numbers (mean 0 and variance 1 over the first arrival), or pass them to the model unchanged.
        missing: Fill missing cells and mark them in an indicator column, or refuse the table.
        missing_marks: Further marks of a missing cell, besides empty cells, ?, -, NA, N/A, NaN, null and the like;
            separated by commas on the command line.
        tidy_labels: Merge labels that differ only in case, spaces or a full stop.
        many_classes: Accept whole-number labels with many different values as classes; without it they are refused,
            since most are values to predict.
        separator: Separator of a text table's cells: one character, or tab or space. None: detected.
        decimal: Decimal mark of a text table, ``.`` or ``,``. None: detected.
        thousands: Thousands separator of numbers in a text table. None: detected, in groups of three digits.
        header: Whether the first line of a text table names the columns; without names they are 1, 2, ... None:
            detected.
        encoding: Character encoding of a text table, such as ``latin-1``. None: detected.
        comment: Mark that begins a comment line of a text table, such as ``#``. None: detected.
        image_size: Resize images to this height and width, such as 32 or 32x24. None: not resized; all must have one
            size.
        interpolation: How images are resized: bilinear, or by area.
        options: What a function or class of your own is called with, by name; keyword-only.

    Raises:
        InputError: If a value has the wrong type or is out of range.

    Example:
        >>> DataSource("cifar10", subset=6000)
        DataSource('cifar10', subset=6000)
    """

    name: str = "digits"
    directory: str | None = None
    subset: int | None = None
    label: str | None = None
    # Added after studies had been stored: at its default it is not stored, so those are still the same studies.
    max_bytes: int = added_later(MAX_BYTES)
    _: KW_ONLY
    drop: tuple[str, ...] = added_later(())
    features: tuple[str, ...] = added_later(())
    test: str | None = added_later(None)
    key: str | None = added_later(None)
    group: str | None = added_later(None)
    order: str | None = added_later(None)
    scale: Scale = added_later(Scale.STANDARD)
    missing: Missing = added_later(Missing.FILL)
    missing_marks: tuple[str, ...] = added_later(())
    tidy_labels: bool = added_later(False)
    many_classes: bool = added_later(False)
    separator: str | None = added_later(None)
    decimal: str | None = added_later(None)
    thousands: str | None = added_later(None)
    header: bool | None = added_later(None)
    encoding: str | None = added_later(None)
    comment: str | None = added_later(None)
    image_size: str | None = added_later(None)
    interpolation: Interpolation = added_later(Interpolation.BILINEAR)
    options: Mapping[str, Any] = added_later(Options())

    def __post_init__(self) -> None:
        """Check the settings."""
        resolve_choices(self)
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"data must be the name of a data set or a path, got {self.name!r}.")
        for setting in _TEXTS:
            value = getattr(self, setting)
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError(f"{setting} must be a non-empty string or left out, got {value!r}.")
        for setting in _LISTS:
            values = getattr(self, setting)
            # A single text is a sequence of letters, which nobody means.
            if isinstance(values, str) or not all(isinstance(value, str) for value in values):
                raise InputError(f"{setting} must be a list of texts, got {shown(values, 100)!r}.")
            object.__setattr__(self, setting, tuple(values))
        lists = [(setting, value) for setting in _LISTS for value in getattr(self, setting)]
        for setting, value in (("data", self.name), *((one, getattr(self, one)) for one in _TEXTS), *lists):
            # Refused now: it could not be written to the study file later.
            if value is not None and not is_displayable(value):
                raise InputError(f"{setting} must be UTF-8 text, got '{shown(value)}': rename it.")
        self._check_text_options()
        check_at_least("subset", self.subset, 1)
        check_integer("max_bytes", self.max_bytes, 1)
        _ = self.image_shape
        if not isinstance(self.options, Mapping) or not all(isinstance(name, str) for name in self.options):
            raise InputError(f"options must be a mapping of names to values, got {shown(self.options, 100)}.")
        object.__setattr__(self, "options", Options(self.options))

    @property
    def image_shape(self) -> ImageSize | None:
        """What images are resized to; None: they are not.

        Raises:
            InputError: If ``image_size`` is neither one number nor two, from 1 to 10,000.

        Example:
            >>> DataSource(image_size="32x24").image_shape
            ImageSize(height=32, width=24, interpolation=<Interpolation.BILINEAR: 'bilinear'>)
        """
        if self.image_size is None:
            return None
        sides = re.fullmatch(r"(\d{1,5})(?:\s*[xX]\s*(\d{1,5}))?", str(self.image_size).strip())
        height, width = (int(sides[1]), int(sides[2] or sides[1])) if sides else (0, 0)
        if not (1 <= height <= MOST_PIXELS and 1 <= width <= MOST_PIXELS):
            raise InputError(
                f"image_size (--image-size) must be a height and width in pixels from 1 to {MOST_PIXELS:,}, such as 32 "
                f"or 32x24, got {shown(self.image_size, 60)}."
            )
        return ImageSize(height, width, self.interpolation)

    def _check_text_options(self) -> None:
        separator = "\t" if self.separator in ("\\t", "tab") else " " if self.separator == "space" else self.separator
        if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '"\r\n'):
            raise InputError(f"separator must be one character, or tab or space, got {self.separator!r}.")
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal must be . or , or left out, got {self.decimal!r}.")
        if self.thousands is not None and (
            len(self.thousands) != 1 or self.thousands.isalnum() or self.thousands in "+-%"
        ):
            raise InputError(
                f"thousands must be one character that is no digit, such as a comma, got {self.thousands!r}."
            )
        if self.thousands is not None and self.thousands == self.decimal:
            raise InputError(f"thousands must be another character than decimal, got {self.thousands!r} for both.")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, ValueError):
                raise InputError(
                    f"encoding must be one that Python knows, such as utf-8, latin-1 or utf-16, got {self.encoding!r}."
                ) from None

    def __repr__(self) -> str:
        """Return the settings that are not at their defaults: there are many of them."""
        given = [repr(self.name)]
        for one in fields(self)[1:]:
            value = getattr(self, one.name)
            if value != one.default:
                given.append(f"{one.name}={value!r}")
        return f"DataSource({', '.join(given)})"
