"""Arrays in npz files: images or tables, in one set or in a training and a test set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from warmstart.basics import InputError

from ._columns import finite_table
from ._raw import RawData, RawSplit, check_memory, reading, shown

_INPUTS = ("x", "inputs", "images", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_SPLIT = re.compile(r"(?:(train|test)[-_](.+)|(.+)[-_](train|test))", re.IGNORECASE)
_CHANNELS = (1, 3)
_VALUES_AT_A_TIME = 2**24
_MOST_SHOWN = 20
_NPY = ".npy"


def read_npz(path: Path, label: str | None, *, max_bytes: int) -> RawData:
    """Return an npz file as data.

    Arrays are found by their names: x, inputs, images, data or features; y, labels, label, targets or target; alone or
    with train or test before or behind, as in ``x_train`` or ``test_images``. Inputs of two dimensions are a table.
    Those of three are greyscale images (n, height, width), those of four images with 1 or 3 channels, which come last
    or second (second where both would do). Images are whole numbers from 0 to 255, or floats from 0 to 1.

    Args:
        path: The file.
        label: Name of the array with the labels, where it is not one of these.
        max_bytes: Memory that reading one set may take.

    Raises:
        InputError: If the file cannot be read, arrays are missing, or they are not what they must be.
    """
    with reading(path, "npz"), ZipFile(path) as archive:
        names = {_parsed(name): name for name in (name.removesuffix(_NPY) for name in archive.namelist())}
    labels = _LABELS if label is None else (_parsed(label)[1],)
    test = partial(_split, path, names, labels, "test", max_bytes) if _found(names, "test", _INPUTS) else None
    return RawData(path.stem, _split(path, names, labels, "train", max_bytes), test)


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


def _split(
    path: Path, names: Mapping[tuple[str, str], str], label_roles: tuple[str, ...], split: str, max_bytes: int
) -> RawSplit:
    keys = []
    for kind, roles in (("inputs", _INPUTS), ("labels", label_roles)):
        key = _found(names, split, roles)
        if key is None:
            listed = [shown(name, 60) for name in list(names.values())[:_MOST_SHOWN]] + ["..."][
                : len(names) > _MOST_SHOWN
            ]
            raise InputError(
                f"{path.name} must hold an array of {split} {kind}, called {', '.join(roles)} or one of these with "
                f"{split} before or behind it, got: {', '.join(listed) or 'no arrays'}."
            )
        keys.append(key)
    with reading(path, "npz"), ZipFile(path) as archive:
        needed = sum(_needed_bytes(archive, key) for key in keys)
        check_memory(needed, max_bytes, f"{' and '.join(keys)} in {path.name}")
        inputs, labels = (_array(archive, key) for key in keys)
    origin, label_origin = (f"{key} in {path.name}" for key in keys)
    labels = _as_vector(labels, len(inputs) if inputs.ndim else 0, label_origin)
    values = _as_table(inputs, origin) if inputs.ndim == 2 else as_images(inputs, origin)
    return RawSplit(labels, values.__getitem__, label_origin, lambda row: f"position {row}")


def _needed_bytes(archive: ZipFile, key: str) -> int:
    """Return how much memory an array takes: as it is stored, as bytes or 32-bit floats, and its rows taken from that.

    Raises:
        ValueError: If the array has another size than its shape says, or is compressed as NumPy does not.
    """
    info = archive.getinfo(_member(archive, key))
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # the others are inflated whole, whatever their size
        raise ValueError(f"{key} is compressed by another method than NumPy uses")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        # A header of version 3 differs from version 2 in the encoding of names of fields only.
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(member)
        stored = info.file_size - member.tell()
    if not dtype.hasobject and prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"{key} is of shape {shape} but holds {stored:,} bytes")
    return stored + prod(shape) * (8 if len(shape) == 2 else 2)


def _array(archive: ZipFile, key: str) -> np.ndarray:
    with archive.open(_member(archive, key)) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _member(archive: ZipFile, key: str) -> str:
    return key + _NPY if key + _NPY in archive.NameToInfo else key


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
    images = np.empty(values.shape, np.uint8)
    step = max(1, _VALUES_AT_A_TIME // prod(values.shape[1:]))  # the products take as much memory as the values
    for first in range(0, len(values), step):
        some = values[first : first + step]
        images[first : first + step] = some if top == 255 else np.rint(some * 255)
    return images
