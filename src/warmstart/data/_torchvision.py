"""CIFAR and MNIST as torchvision and their authors lay them out: pickled batches, and IDX files."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, unknown_name

from ._raw import RawData, RawSplit, check_memory, reading, shown

_DIGITS = tuple("0123456789")
_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
# By the folder that torchvision makes: the name of the data set, and its classes where the files do not say them.
_PICKLED = {"cifar-10-batches-py": "cifar10", "cifar-100-python": "cifar100"}
_IDX = {"MNIST": ("mnist", _DIGITS), "FashionMNIST": ("fashion-mnist", _CLOTHES), "KMNIST": ("kmnist", None)}
_BATCHES = {
    "cifar10": (tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",), "batches.meta"),
    "cifar100": (("train",), ("test",), "meta"),
}
# The key of the labels in the batches, and that of their names in the meta file.
_KEYS = {
    "labels": "label_names",
    "fine_labels": "fine_label_names",
    "coarse_labels": "coarse_label_names",
}


def find_torchvision(folder: Path) -> dict[str, Path]:
    """Return the folders with files in torchvision's layout, by the name of their data set.

    Such a folder is ``cifar-10-batches-py``, ``cifar-100-python``, ``MNIST/raw`` and the like: the given one, or in it.

    Example:
        >>> find_torchvision(Path("no/such/folder"))
        {}
    """
    found: dict[str, Path] = {}
    for name, (train, _, meta) in _BATCHES.items():
        own = next(key for key, value in _PICKLED.items() if value == name)
        for place in (folder, folder / own):
            if (place / meta).is_file() and any((place / batch).is_file() for batch in train):
                found.setdefault(name, place)
    for own, (name, _) in _IDX.items():
        # Of the folders themselves only a name above tells which data set it is; digits where there is none.
        here = [folder / own / "raw", folder / own]
        if folder.name == own or (folder.name == "raw" and folder.parent.name == own):
            here += [folder / "raw", folder]
        for place in here:
            if _idx_file(place, "train", "images") is not None:
                found.setdefault(name, place)
    if not found and _idx_file(folder, "train", "images") is not None:
        found[folder.name] = folder
    return found


def read_torchvision(name: str, folder: Path, label: str | None, *, max_bytes: int) -> RawData:
    """Return such a folder as data.

    Args:
        name: Name of the data set, as :func:`find_torchvision` returns it with the folder.
        folder: The folder that contains the files themselves.
        label: Of CIFAR-100: ``fine_labels`` (None: these) or ``coarse_labels``.
        max_bytes: Memory that reading one set may take.

    Raises:
        InputError: If a file is missing, or cannot be read.
    """
    if name in _BATCHES:
        return _read_batches(name, folder, label, max_bytes)
    if label is not None:
        raise InputError(f"label (--label) must be left out for {name}, which has no columns, got '{shown(label)}'.")
    names = next((names for known, names in _IDX.values() if known == name), None)
    test = partial(_read_idx_split, folder, "t10k", names, max_bytes)
    has_test = _idx_file(folder, "t10k", "images") is not None
    return RawData(name, _read_idx_split(folder, "train", names, max_bytes), test if has_test else None)


class _Stub:
    """Stands for NumPy's classes while a pickle is read: only bytes in a plain layout become an array."""

    # NumPy's own __setstate__ trusts what it is given; of a made-up file, this trusts nothing.
    array: np.ndarray

    def __init__(self, *arguments: Any) -> None:
        self.kind = arguments[0] if arguments else None

    def __setstate__(self, state: Any) -> None:
        if isinstance(self.kind, str):
            return  # of a dtype: its byte order
        _, shape, kind, is_fortran, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        if not isinstance(kind, _Stub) or kind.kind != "u1" or is_fortran or len(content) != prod(shape):
            raise ValueError("it contains other arrays than bytes in rows")
        self.array = np.frombuffer(content, np.uint8).reshape(shape)


class _Unpickler(pickle.Unpickler):
    """Reads dicts, lists, text, numbers and arrays of bytes; a pickle of anything else could run any program."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if module_name.split(".")[0] == "numpy" and global_name in ("_reconstruct", "ndarray", "dtype"):
            # Arguments of _reconstruct are a class, a shape and a kind: none of them is text in the first place.
            return _Stub if global_name != "_reconstruct" else lambda *_: _Stub()
        if (module_name, global_name) == ("_codecs", "encode"):  # how Python 3 writes bytes in old protocols
            return lambda text, _: text.encode("latin1")
        raise ValueError(f"it contains {module_name}.{global_name}, which is neither numbers nor text")


def _unpickled(path: Path) -> dict[str, Any]:
    with reading(path, "pickle"), path.open("rb") as file:
        # Of Python 2, whose text is bytes.
        content = _Unpickler(file, encoding="latin1").load()
        if not isinstance(content, dict):
            raise ValueError("it contains no dict")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): value for key, value in content.items()}


def _read_batches(name: str, folder: Path, label: str | None, max_bytes: int) -> RawData:
    train, test, meta = _BATCHES[name]
    names = {key: value for key, value in _unpickled(folder / meta).items() if key in _KEYS.values()}
    usable = [key for key, value in _KEYS.items() if value in names]
    key = label or next(iter(usable), "")
    key = key if key in usable else f"{key}s"  # fine_label, as on the hub
    if key not in usable:
        raise unknown_name(f"label of {name}", shown(label), usable)
    classes = tuple(str(one) for one in names[_KEYS[key]])
    has_test = all((folder / batch).is_file() for batch in test)
    read = partial(_read_batch_split, folder, key, classes, max_bytes)
    return RawData(name, read(train), partial(read, test) if has_test else None)


def _read_batch_split(
    folder: Path, key: str, classes: tuple[str, ...], max_bytes: int, batches: Sequence[str]
) -> RawSplit:
    missing = [batch for batch in batches if not (folder / batch).is_file()]
    if missing:
        # A set of which a part was not copied would load as a smaller set, and nothing would look wrong.
        raise InputError(f"{shown(folder)} must contain {', '.join(batches)}, but there is no {missing[0]}.")
    check_memory(2 * sum((folder / batch).stat().st_size for batch in batches), max_bytes, shown(folder))
    images, labels = [], []
    for batch in batches:
        content = _unpickled(folder / batch)
        pixels, of_batch = getattr(content.get("data"), "array", None), content.get(key)
        if (
            pixels is None
            or pixels.shape[1:] != (3 * 32 * 32,)
            or not isinstance(of_batch, list)
            or len(of_batch) != len(pixels)
            or not all(isinstance(one, int) for one in of_batch)
        ):
            raise InputError(f"{shown(folder / batch)} must contain data (n, 3072) in bytes and {key} (n), got others.")
        images.append(pixels.reshape(-1, 3, 32, 32))
        labels.append(np.array(of_batch, np.int64))
    return _split(np.concatenate(images), np.concatenate(labels), classes, f"{key} in {shown(folder)}")


def _idx_file(folder: Path, split: str, what: str) -> Path | None:
    """Return the file of images or labels of a set, which may be compressed."""
    dimensions = {"images": 3, "labels": 1}[what]
    names = [f"{split}-{what}{mark}idx{dimensions}-ubyte{end}" for end in ("", ".gz") for mark in "-."]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_idx_split(folder: Path, split: str, classes: tuple[str, ...] | None, max_bytes: int) -> RawSplit:
    arrays = []
    for what in ("images", "labels"):
        path = _idx_file(folder, split, what)
        if path is None:
            raise InputError(f"{shown(folder)} must contain {split}-{what}-idx*-ubyte, also as .gz, got none.")
        arrays.append(_read_idx(path, max_bytes))
    images, labels = arrays
    if images.ndim != 3 or labels.shape != (len(images),):
        raise InputError(
            f"The {split} files in {shown(folder)} must contain images (n, height, width) and labels (n), got "
            f"{images.shape} and {labels.shape}."
        )
    return _split(images[:, None], labels.astype(np.int64), classes, f"{split} labels in {shown(folder)}")


def _read_idx(path: Path, max_bytes: int) -> np.ndarray:
    """Return the bytes of an IDX file.

    Reference:
        Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", 1998: the IDX file format.
    """
    with reading(path, "IDX file"), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 4:
            raise ValueError("it does not begin like a file of bytes")
        shape = np.frombuffer(file.read(4 * magic[3]), ">u4").tolist()
        size = prod(shape)
        check_memory(2 * size, max_bytes, path.name)
        # One byte more than there should be, to notice that there are others behind.
        content = file.read(size + 1)
        if len(shape) != magic[3] or len(content) != size:
            raise ValueError(f"its shape is {tuple(shape)} but it contains {len(content):,} bytes or more")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _split(images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...] | None, origin: str) -> RawSplit:
    return RawSplit(labels, images.__getitem__, origin, lambda row: f"position {row}", classes)
