"""SVHN as it was first published: MATLAB files with arrays ``X`` and ``y``.

The files are read here, every length checked against what is there: SciPy's reader ends the process with a segmentation
fault on some files with a single changed bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from warmstart.basics import InputError

from ._raw import RawData, RawSplit, check_memory, reading

_MATRIX, _COMPRESSED = 14, 15
_CLASSES = range(6, 16)  # of numbers, from float64 to uint64; others hold texts, cells, objects, sparse arrays
_COMPLEX = 0x800
_MOST_DIMENSIONS, _LONGEST_NAME = 32, 63
_CUT = "it ends before its arrays do"
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def find_mat(folder: Path) -> dict[str, Path]:
    """Return which of SVHN's two files the folder holds, by the name of their set."""
    paths = {split: folder / f"{split}_32x32.mat" for split in ("train", "test")}
    return {split: path for split, path in paths.items() if path.is_file()}


def read_mat(name: str, files: dict[str, Path], *, max_bytes: int) -> RawData:
    """Return SVHN's files as data.

    Args:
        name: What the data set is called.
        files: As :func:`find_mat` returns them, with the training set.
        max_bytes: Memory that reading one of them may take.

    Raises:
        InputError: If a file cannot be read or holds other arrays.
    """
    test = partial(_split, files["test"], max_bytes) if "test" in files else None
    return RawData(name, _split(files["train"], max_bytes), test)


def _split(path: Path, max_bytes: int) -> RawSplit:
    with reading(path, "MATLAB file"), path.open("rb") as file:
        arrays = _arrays(file, path, max_bytes)
    images, labels = arrays.get("X"), arrays.get("y")
    if (
        images is None
        or labels is None
        or images.ndim != 4
        or 0 in images.shape[:3]
        or images.dtype != np.uint8
        or labels.size != images.shape[3]
    ):
        raise InputError(f"{path} must hold uint8 X (height, width, channels, n) and y (n, 1), got other arrays.")
    digits = labels.reshape(-1)
    odd = np.flatnonzero((digits < 0) | (digits > 10))
    if len(odd):
        raise InputError(
            f"Labels must lie in [0, 10], but y in {path.name} holds {digits[odd[0]]} at row {odd[0] + 1}."
        )
    return RawSplit(
        labels=digits % 10,  # the files call the digit zero 10
        read=lambda rows: np.ascontiguousarray(images[..., rows].transpose(3, 2, 0, 1)),
        origin=f"y in {path.name}",
        place=lambda row: f"row {row + 1}",
        class_names=tuple(str(digit) for digit in range(10)),
    )


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Inflated:
    """Reads compressed bytes piece by piece, and never inflates more than is asked for."""

    def __init__(self, compressed: bytes) -> None:
        self._inflate = zlib.decompressobj()
        self._rest = compressed

    def read(self, size: int, /) -> bytes:
        data = self._inflate.decompress(self._rest, size) if size else b""
        self._rest = self._inflate.unconsumed_tail
        return data

    def check_end(self) -> None:
        """Raise unless all has been read and its checksum is right."""
        if self.read(1) or not self._inflate.eof:
            raise ValueError("its compressed data are damaged")


def _arrays(file: BinaryIO, path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays ``X`` and ``y`` of a MATLAB file of version 5, which MATLAB 7 writes compressed.

    Reference:
        MathWorks, "MAT-File Format", R2019b, chapter 1.
    """
    size = path.stat().st_size
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(file.read(128)[124:])
    if order is None:
        raise ValueError("it is not of MATLAB version 5, 6 or 7")
    arrays: dict[str, np.ndarray] = {}
    while file.tell() < size:
        kind, length = np.frombuffer(_exactly(file, 8), f"{order}u4").tolist()
        after = file.tell() + length
        if after > size:
            raise ValueError(_CUT)
        stream = file
        if kind == _COMPRESSED:
            check_memory(length, max_bytes, path.name)
            stream = _Inflated(_exactly(file, length))
            kind, length = np.frombuffer(_exactly(stream, 8), f"{order}u4").tolist()
        if kind != _MATRIX:
            raise ValueError("it holds what is no array")
        arrays |= _array(stream, order, length, partial(check_memory, max_bytes=max_bytes, what=path.name))
        file.seek(after)
    return arrays


def _array(stream: _Stream, order: str, length: int, check: Callable[[int], None]) -> dict[str, np.ndarray]:
    """Return one array by its name; nothing if it is none of the two, or is not of numbers.

    Args:
        stream: Where the array's parts begin.
        order: Of bytes, as NumPy writes it.
        length: Of all its parts in bytes, as declared.
        check: Takes bytes of memory; raises if they are too many.
    """
    flags = int(np.frombuffer(_part(stream, order, 8), f"{order}u4")[0])
    if flags & 0xFF not in _CLASSES:
        return {}
    shape = np.frombuffer(_part(stream, order, 4 * _MOST_DIMENSIONS), f"{order}i4").tolist()
    name = _part(stream, order, _LONGEST_NAME).decode("ascii")
    if name not in ("X", "y"):
        return {}
    kind, size, data = _tag(stream, order)
    if flags & _COMPLEX or kind not in _DTYPES:
        raise ValueError(f"{name} does not hold real numbers")
    dtype = np.dtype(order + _DTYPES[kind])
    if len(shape) < 2 or min(shape) < 0 or prod(shape) * dtype.itemsize != size or size > length:
        raise ValueError(f"{name} is not as long as its shape {tuple(shape)} says")
    check(2 * size)  # the rows that are wanted are copied
    data = data[:size] if data else _exactly(stream, size)
    if isinstance(stream, _Inflated):
        stream.read(-size % 8)
        stream.check_end()
    return {name: np.frombuffer(data, dtype).reshape(shape, order="F")}


def _tag(stream: _Stream, order: str) -> tuple[int, int, bytes]:
    """Return type and length of a part, and its data if they are so short that they stand in the tag."""
    tag = _exactly(stream, 8)
    kind, length = np.frombuffer(tag, f"{order}u4").tolist()
    return (kind & 0xFFFF, min(kind >> 16, 4), tag[4:]) if kind >> 16 else (kind, length, b"")


def _part(stream: _Stream, order: str, most: int) -> bytes:
    """Return the data of a short part, and go to the next."""
    _, length, data = _tag(stream, order)
    if length > most:
        raise ValueError("a header of an array is damaged")
    if data:
        return data[:length]
    data = _exactly(stream, length)
    _exactly(stream, -length % 8)
    return data


def _exactly(stream: _Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError(_CUT)
    return data
