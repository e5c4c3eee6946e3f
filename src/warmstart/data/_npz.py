"""Arrays in npz files: images or tables, in one set or in a training and a test set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from warmstart.basics import InputError

from ._columns import finite_table
from ._raw import RawData, RawSplit, reading

_INPUTS = ("x", "inputs", "images", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_SPLIT = re.compile(r"(?:(train|test)[-_](.+)|(.+)[-_](train|test))", re.IGNORECASE)
_CHANNELS = (1, 3)


def read_npz(path: Path, label: str | None) -> RawData:
    """Return an npz file as data.

    Arrays are found by their names: x, inputs, images, data or features; y, labels, label, targets or target; alone or
    with train or test before or behind, as in ``x_train`` or ``test_images``. Inputs of two dimensions are a table.
    Those of three are greyscale images (n, height, width), those of four images with 1 or 3 channels, which come last
    or second (second where both would do). Images are whole numbers from 0 to 255, or floats from 0 to 1.

    Args:
        path: The file.
        label: Name of the array with the labels, where it is not one of these.

    Raises:
        InputError: If the file cannot be read, arrays are missing, or they are not what they must be.
    """
    with reading(path, "npz"), path.open("rb") as file, np.load(file) as archive:
        names = {_parsed(name): name for name in archive.files}
    labels = _LABELS if label is None else (_parsed(label)[1],)
    test = partial(_split, path, names, labels, "test") if _found(names, "test", _INPUTS) else None
    return RawData(path.stem, _split(path, names, labels, "train"), test)


def as_images(values: np.ndarray, origin: str) -> np.ndarray:
    """Return images of three or four dimensions as uint8 (n, channels, height, width).

    Raises:
        InputError: If there are not 1 or 3 channels, or values are out of range.

    Example:
        >>> as_images(np.full((5, 4, 4), 0.5), "x").shape, as_images(np.full((5, 4, 4, 3), 0.5), "x").max()
        ((5, 1, 4, 4), np.uint8(128))
    """
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in _CHANNELS and values.shape[3] in _CHANNELS:
        values = values.transpose(0, 3, 1, 2)
    if values.ndim != 4 or values.shape[1] not in _CHANNELS or 0 in values.shape:
        raise InputError(
            f"Inputs must be a table (n, features) or images (n, height, width) with 1 or 3 channels second or last, "
            f"but {origin} is of shape {values.shape}."
        )
    return np.ascontiguousarray(_as_bytes(values, origin))


def _parsed(name: str) -> tuple[str, str]:
    """Return the set and the role that an array's name tells.

    Example:
        >>> _parsed("X_test"), _parsed("train_images"), _parsed("y")
        (('test', 'x'), ('train', 'images'), ('train', 'y'))
    """
    parts = _SPLIT.fullmatch(name.lower())
    if parts is None:
        return "train", name.lower()
    return parts[1] or parts[4], parts[2] or parts[3]


def _found(names: Mapping[tuple[str, str], str], split: str, roles: tuple[str, ...]) -> str | None:
    return next((names[split, role] for role in roles if (split, role) in names), None)


def _split(path: Path, names: Mapping[tuple[str, str], str], label_roles: tuple[str, ...], split: str) -> RawSplit:
    keys = [_found(names, split, roles) for roles in (_INPUTS, label_roles)]
    for kind, key, roles in zip(("inputs", "labels"), keys, (_INPUTS, label_roles), strict=True):
        if key is None:
            raise InputError(
                f"{path.name} must hold an array of {split} {kind}, called {', '.join(roles)} or one of these with "
                f"{split} before or behind it, got: {', '.join(names.values()) or 'no arrays'}."
            )
    with reading(path, "npz"), path.open("rb") as file, np.load(file) as archive:
        inputs, labels = (archive[key] for key in keys)
    origin, label_origin = (f"{key} in {path.name}" for key in keys)
    labels = _as_vector(labels, len(inputs) if inputs.ndim else 0, label_origin)
    values = _as_table(inputs, origin) if inputs.ndim == 2 else as_images(inputs, origin)
    return RawSplit(labels, values.__getitem__, label_origin, lambda row: f"position {row}")


def _as_vector(labels: np.ndarray, count: int, origin: str) -> np.ndarray:
    if labels.shape not in ((count,), (count, 1)):
        raise InputError(f"Labels must be of shape ({count},), one for each input, but {origin} is {labels.shape}.")
    return labels.reshape(count)


def _as_table(values: np.ndarray, origin: str) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise InputError(f"Features must be numbers, but {origin} holds {values.dtype}.")
    if values.shape[1] == 0:
        raise InputError(f"There must be at least one feature, but {origin} is of shape {values.shape}.")
    return finite_table(values, origin)


def _as_bytes(values: np.ndarray, origin: str) -> np.ndarray:
    kind = values.dtype.kind
    if values.dtype == np.uint8:
        return values
    if kind not in "biuf":
        raise InputError(f"Images must be numbers, but {origin} holds {values.dtype}.")
    top = 255 if kind in "iu" else 1
    if not (values.min() >= 0 and values.max() <= top):  # false for NaN, too
        raise InputError(
            f"Images must be whole numbers in [0, 255] or floats in [0, 1], but {origin} holds {values.dtype} "
            f"in [{values.min()}, {values.max()}]."
        )
    return values.astype(np.uint8) if top == 255 else np.rint(values * 255).astype(np.uint8)
