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

from ._arrays import Targets
from ._columns import finite_table
from ._raw import RawData, RawSplit, check_memory, reading, shown

_INPUTS = ("x", "inputs", "images", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_SPLIT = re.compile(r"(?:(train|test)[-_](.+)|(.+)[-_](train|test))", re.IGNORECASE)
# They distinguish the two layouts of images, as no image is this small.
_CHANNELS = (1, 3)
_BATCH_VALUES = 2**24
_MOST_LISTED = 20
_NPY = ".npy"


def read_npz(path: Path, label: str | None, *, max_bytes: int, targets: Targets = Targets.CLASSES) -> RawData:
    """Return an npz file as data.

    Arrays are found by name: x, inputs, images, data or features; y, labels, label, targets or target; alone or with
    train or test as prefix or suffix, as in ``x_train`` or ``test_images``. Inputs of two dimensions are a table, of
    three greyscale images (n, height, width), of four images with 1 or 3 channels, which come last or second (second
    if both are possible). Images are integers from 0 to 255, or floats from 0 to 1.

    Args:
        path: The file.
        label: Name of the array of labels; None: detected by name.
        max_bytes: Memory that reading one set may take.
        targets: Whether the labels are to be classes (n,), or values (n,) or (n, k).

    Raises:
        InputError: If the file cannot be read, arrays are missing, or they are not as described.
    """
    with reading(path, "npz"), ZipFile(path) as archive:
        names = {_split_and_role(name): name for name in (name.removesuffix(_NPY) for name in archive.namelist())}
    labels = _LABELS if label is None else (_split_and_role(label)[1],)
    has_test = _array_name(names, "test", _INPUTS) is not None
    read = partial(_read_split, path, names, labels, max_bytes=max_bytes, targets=targets)
    return RawData(path.stem, read("train"), partial(read, "test") if has_test else None)


def array_split(inputs: np.ndarray, labels: np.ndarray, *, origin: str, label_origin: str) -> RawSplit:
    """Return arrays in memory as a set of samples: a table (n, features), or images as :func:`as_images` takes them.

    Raises:
        InputError: If the inputs are neither.
    """
    if inputs.ndim != 2:
        values = as_images(inputs, origin)
    elif inputs.dtype.kind not in "biuf":
        raise InputError(f"Features must be numbers, but {origin} contains {inputs.dtype}.")
    elif inputs.shape[1] == 0:
        raise InputError(f"There must be at least one feature, but {origin} has the shape {inputs.shape}.")
    else:
        values = finite_table(inputs, origin)
    return RawSplit(labels, values.__getitem__, label_origin, lambda row: f"position {row}")


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
            f"but {origin} has the shape {values.shape}."
        )
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype.kind not in "biuf":
        raise InputError(f"Images must be numbers, but {origin} contains {values.dtype}.")
    top = 255 if values.dtype.kind in "iu" else 1
    # Written so that NaN, of which every comparison is false, is refused too.
    if not (values.min() >= 0 and values.max() <= top):
        raise InputError(
            f"Images must be whole numbers in [0, 255] or floats in [0, 1], but {origin} contains {values.dtype} "
            f"in [{values.min()}, {values.max()}]."
        )
    images = np.empty(values.shape, np.uint8)
    # In batches, as the products of all float images at once would take as much memory as the images.
    step = max(1, _BATCH_VALUES // prod(values.shape[1:]))
    for first in range(0, len(values), step):
        batch = values[first : first + step]
        images[first : first + step] = batch if top == 255 else np.rint(batch * 255)
    return images


def _split_and_role(name: str) -> tuple[str, str]:
    """Return the set and the role that an array's name stands for.

    Example:
        >>> _split_and_role("X_test"), _split_and_role("train_images"), _split_and_role("y")
        (('test', 'x'), ('train', 'images'), ('train', 'y'))
    """
    parts = _SPLIT.fullmatch(name.lower())
    if parts is None:
        return "train", name.lower()
    return parts[1] or parts[4], parts[2] or parts[3]


def _array_name(names: Mapping[tuple[str, str], str], split: str, roles: tuple[str, ...]) -> str | None:
    return next((names[split, role] for role in roles if (split, role) in names), None)


def _read_split(
    path: Path,
    names: Mapping[tuple[str, str], str],
    label_roles: tuple[str, ...],
    split: str,
    *,
    max_bytes: int,
    targets: Targets,
) -> RawSplit:
    keys = []
    for kind, roles in (("inputs", _INPUTS), ("labels", label_roles)):
        key = _array_name(names, split, roles)
        if key is None:
            listed = [shown(name, 60) for name in list(names.values())[:_MOST_LISTED]]
            listed += ["..."] if len(names) > _MOST_LISTED else []
            raise InputError(
                f"{path.name} must contain an array of {split} {kind}, called {', '.join(roles)} or one of these with "
                f"{split} as prefix or suffix, got: {', '.join(listed) or 'no arrays'}."
            )
        keys.append(key)
    with reading(path, "npz"), ZipFile(path) as archive:
        # Arrays added with other tools than NumPy have no ending.
        members = [key + _NPY if key + _NPY in archive.NameToInfo else key for key in keys]
        needed = sum(_needed_bytes(archive, member) for member in members)
        check_memory(needed, max_bytes, f"{' and '.join(keys)} in {path.name}")
        arrays = []
        for member in members:
            with archive.open(member) as file:
                arrays.append(np.lib.format.read_array(file, allow_pickle=False))
    inputs, labels = arrays
    origin, label_origin = (f"{key} in {path.name}" for key in keys)
    count = len(inputs) if inputs.ndim else 0
    if targets is Targets.VALUES:
        if labels.shape[:1] != (count,) or labels.ndim > 2 or 0 in labels.shape[1:]:
            raise InputError(
                f"Targets must have the shape ({count},) or ({count}, k), one row per input, "
                f"but {label_origin} is {labels.shape}."
            )
    elif labels.shape not in ((count,), (count, 1)):
        raise InputError(f"Labels must have the shape ({count},), one per input, but {label_origin} is {labels.shape}.")
    # A column of labels is the same as labels.
    labels = labels.reshape(count) if labels.size == count else labels
    return array_split(inputs, labels, origin=origin, label_origin=label_origin)


def _needed_bytes(archive: ZipFile, member: str) -> int:
    """Return the memory an array takes: as stored, as bytes or 32-bit floats, and the rows copied from that.

    Raises:
        ValueError: If its size contradicts its shape, or it is compressed by another method than NumPy's.
    """
    info, name = archive.getinfo(member), member.removesuffix(_NPY)
    # All other methods are inflated at once, whatever the size.
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed by another method than NumPy uses")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        # Version 3 differs from version 2 only in the encoding of field names.
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        stored = info.file_size - file.tell()
    if not dtype.hasobject and prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"{name} has the shape {shape} but contains {stored:,} bytes")
    return stored + prod(shape) * (8 if len(shape) == 2 else 2)
