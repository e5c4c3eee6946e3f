"""Arrays in npz files: images or tables, in one set or in a training and a test set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from warmstart.basics import InputError

from ._arrays import SampleOrder, Targets
from ._in_memory import Found
from ._memory_table import columns_data
from ._numbers import Form, as_inputs, form_of
from ._raw import RawData, RawSplit, check_memory, reading, shown
from ._source import DataSource

_INPUTS = ("x", "inputs", "images", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_SPLIT = re.compile(r"(?:(train|test)[-_](.+)|(.+)[-_](train|test))", re.IGNORECASE)
_MOST_LISTED = 20
_NPY = ".npy"


def read_npz(path: Path, source: DataSource, *, targets: Targets = Targets.CLASSES) -> RawData:
    """Return an npz file as data.

    Arrays are found by name: x, inputs, images, data or features; y, labels, label, targets or target; alone or with
    train or test as prefix or suffix, as in ``x_train`` or ``test_images``. Inputs of two dimensions are a table, of
    three greyscale images (n, height, width), of four images with 1 or 3 channels, which come last or second (second
    if both are possible), if they are integers from 0 to 255, or floats from 0 to 1. Other numbers are data as they
    are. NaN in a table is a missing cell.

    Args:
        path: The file.
        source: How to read it: ``label`` is the array of labels.
        targets: Whether the labels are to be classes (n,), or values (n,) or (n, k).

    Raises:
        InputError: If the file cannot be read, arrays are missing, or they are not as described.
    """
    with reading(path, "npz"), ZipFile(path) as archive:
        names = {_split_and_role(name): name for name in (name.removesuffix(_NPY) for name in archive.namelist())}
    roles = _LABELS if source.label is None else (_split_and_role(source.label)[1],)
    has_test = _array_name(names, "test", _INPUTS) is not None

    def arrays(split: str) -> tuple[np.ndarray, np.ndarray, str, str]:
        return _read_arrays(path, names, roles, split, max_bytes=source.max_bytes, targets=targets)

    inputs, labels, origin, label_origin = arrays("train")
    form = form_of([(inputs, origin)], source.scale, rounds=True)
    if form is Form.GAPS:
        parts = [arrays(split)[:2] for split in (("train", "test") if has_test else ("train",))]
        found = [Found(values, own) for values, own in parts]
        return columns_data(path.name, found, replace(source, label=None), targets)

    def test() -> RawSplit:
        inputs, labels, origin, label_origin = arrays("test")
        return array_split(as_inputs(inputs, form, origin), labels, label_origin)

    if source.order not in (None, "file"):
        raise InputError(
            f"order must be file or left out for {path.name}, which has no columns, got {shown(source.order)!r}."
        )
    order = None if source.order is None else SampleOrder(in_time=True)
    train = array_split(as_inputs(inputs, form, origin), labels, label_origin)
    return RawData(path.stem, train, test if has_test else None, order=order)


def npz_arrays(path: Path, source: DataSource, *, targets: Targets = Targets.CLASSES) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs and the labels of an npz file's training samples, as they are stored; see :func:`read_npz`."""
    with reading(path, "npz"), ZipFile(path) as archive:
        names = {_split_and_role(name): name for name in (name.removesuffix(_NPY) for name in archive.namelist())}
    roles = _LABELS if source.label is None else (_split_and_role(source.label)[1],)
    return _read_arrays(path, names, roles, "train", max_bytes=source.max_bytes, targets=targets)[:2]


def array_split(
    inputs: np.ndarray, labels: np.ndarray, origin: str, class_names: tuple[str, ...] | None = None
) -> RawSplit:
    """Return inputs as a model takes them, and labels as found, as a set of samples."""
    return RawSplit(labels, inputs.__getitem__, origin, lambda row: f"position {row}", class_names)


def inputs_and_labels(names: Iterable[str], split: str) -> tuple[str, str] | None:
    """Return which of several names are those of the inputs and the labels of a set; None if there are none.

    Example:
        >>> inputs_and_labels(["X", "y", "X_test", "y_test"], "test"), inputs_and_labels(["a", "b"], "train")
        (('X_test', 'y_test'), None)
    """
    by_role = {_split_and_role(name): name for name in names}
    inputs, labels = (_array_name(by_role, split, roles) for roles in (_INPUTS, _LABELS))
    return None if inputs is None or labels is None else (inputs, labels)


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


def _read_arrays(
    path: Path,
    names: Mapping[tuple[str, str], str],
    label_roles: tuple[str, ...],
    split: str,
    *,
    max_bytes: int,
    targets: Targets,
) -> tuple[np.ndarray, np.ndarray, str, str]:
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
    return inputs, labels.reshape(count) if labels.size == count else labels, origin, label_origin


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
