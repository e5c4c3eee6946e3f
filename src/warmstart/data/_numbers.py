"""Arrays of any shape and type as the inputs that a model takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from math import prod

import numpy as np

from warmstart.basics import InputError

from ._columns import finite_table
from ._source import Scale

# They distinguish the two layouts of images, as no image is this small.
_CHANNELS = (1, 3)
_BATCH_VALUES = 2**24


class Form(StrEnum):
    """What arrays become: uint8 images, int64 as they are, float32, or columns in which NaN is a missing cell."""

    IMAGES = "images"
    WHOLE = "whole numbers"
    FLOATS = "floats"
    GAPS = "columns with gaps"


def form_of(arrays: Sequence[tuple[np.ndarray, str]], scale: Scale, *, rounds: bool = False) -> Form:
    """Return what arrays of one data set become.

    Arrays of uint8 with three or four dimensions are images, of any number of channels. So are others of this shape,
    with 1 or 3 channels, that hold whole numbers in [0, 255] or 255ths in [0, 1], of which nothing is lost, unless they
    shall reach a model unchanged. All other numbers are data, such as windows (n, length, channels).

    Args:
        arrays: (n, ...), of numbers, each with where it is from, for messages.
        scale: Whether numbers are scaled; else integers stay whole numbers.
        rounds: Whether all floats in [0, 1] are images, whose values are rounded to 255ths.

    Raises:
        InputError: If they hold no numbers, or have no features.

    Example:
        >>> windows = np.linspace(-1, 1, 24).reshape(2, 4, 3)
        >>> form_of([(windows, "x")], Scale.STANDARD), form_of([(np.ones((2, 4), int), "x")], Scale.NONE)
        (<Form.FLOATS: 'floats'>, <Form.WHOLE: 'whole numbers'>)
    """
    for values, origin in arrays:
        if values.dtype.kind not in "biuf":
            kind = "complex numbers" if values.dtype.kind == "c" else values.dtype
            raise InputError(f"Features must be real numbers, but {origin} contains {kind}.")
        if 0 in values.shape[1:]:
            raise InputError(f"There must be at least one feature, but {origin} has the shape {values.shape}.")
    if all(_is_images(values, scale, rounds) for values, _ in arrays):
        return Form.IMAGES
    if scale is Scale.NONE and all(values.dtype.kind in "iu" for values, _ in arrays):
        return Form.WHOLE
    has_gaps = any(values.ndim <= 2 and values.dtype.kind == "f" and np.isnan(values).any() for values, _ in arrays)
    return Form.GAPS if has_gaps else Form.FLOATS


def as_inputs(values: np.ndarray, form: Form, origin: str) -> np.ndarray:
    """Return an array in its form; one of a single dimension has one feature.

    Raises:
        InputError: If it is not of that form, as the test samples of images may not be, or a number is not finite.
    """
    values = values[:, None] if values.ndim == 1 else values
    if form is Form.IMAGES:
        return as_images(values, origin)
    if form is Form.WHOLE:
        if values.dtype.kind not in "iu" or (values.dtype == np.uint64 and values.max(initial=0) >= 2**63):
            raise InputError(f"Inputs that reach a model unchanged must fit into int64, but {origin} does not.")
        return values.astype(np.int64)
    if values.ndim == 2:
        return finite_table(values, origin)
    if values.ndim == 4 and values.shape[1] not in _CHANNELS and values.shape[3] in _CHANNELS:
        values = values.transpose(0, 3, 1, 2)
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(floats).all():
        place = tuple(np.argwhere(~np.isfinite(floats))[0].tolist())
        raise InputError(
            f"Inputs must be finite 32-bit numbers, but {origin} contains {values[place]} at position {list(place)}."
        )
    return floats


def as_images(values: np.ndarray, origin: str) -> np.ndarray:
    """Return images of three or four dimensions as uint8 (n, channels, height, width).

    Raises:
        InputError: If they are none, or values are out of range.

    Example:
        >>> as_images(np.full((5, 4, 4), 0.5), "x").shape, as_images(np.full((5, 4, 4, 3), 0.5), "x").max()
        ((5, 1, 4, 4), np.uint8(128))
    """
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in _CHANNELS:
        # With other numbers of channels, it is the smaller side that counts them.
        is_last = values.shape[3] in _CHANNELS or values.shape[3] < values.shape[1]
        values = values.transpose(0, 3, 1, 2) if is_last else values
    if values.ndim != 4 or 0 in values.shape:
        raise InputError(
            f"Inputs must be images (n, height, width) with channels second or last, "
            f"but {origin} has the shape {values.shape}."
        )
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    top = 255 if values.dtype.kind in "iu" else 1
    # Written so that NaN, of which every comparison is false, is refused too.
    if not (values.min() >= 0 and values.max() <= top):
        raise InputError(
            f"Images must be whole numbers in [0, 255] or floats in [0, 1], but {origin} contains {values.dtype} "
            f"in [{values.min()}, {values.max()}]."
        )
    images = np.empty(values.shape, np.uint8)
    for rows, batch in _batches(values):
        images[rows] = batch if top == 255 else np.rint(batch * 255)
    return images


def _is_images(values: np.ndarray, scale: Scale, rounds: bool) -> bool:
    if values.ndim not in (3, 4) or 0 in values.shape:
        return False
    if values.dtype == np.uint8:
        return True
    channels = (values.shape[1], values.shape[3]) if values.ndim == 4 else (1,)
    if scale is Scale.NONE or not set(channels) & set(_CHANNELS):
        return False
    if not (values.min() >= 0 and values.max() <= (255 if values.dtype.kind in "iu" else 1)):
        return False
    if rounds or values.dtype.kind != "f":
        return True
    # As torchvision's ToTensor makes them of bytes: each must be one of 255ths, as closely as its type can tell.
    tolerance = 255 * np.finfo(values.dtype).eps
    return all((np.abs(batch * 255 - np.rint(batch * 255)) <= tolerance).all() for _, batch in _batches(values))


def _batches(values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    # The products of all float images at once would take as much memory as the images.
    step = max(1, _BATCH_VALUES // prod(values.shape[1:]))
    for first in range(0, len(values), step):
        batch = values[first : first + step]
        yield slice(first, first + step), batch.astype(np.float32) if batch.dtype == np.float16 else batch
