"""SVHN as it was first published: MATLAB files with arrays ``X`` and ``y``."""

from __future__ import annotations

import zlib
from functools import partial
from math import prod
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from warmstart.basics import InputError

from ._raw import RawData, RawSplit, check_memory, reading

# The files are parsed here, with every length checked against the bytes that are there: a single flipped bit can make
# SciPy's reader end the process with a segmentation fault.

_MATRIX, _COMPRESSED = 14, 15
# Array classes of numbers, from float64 to uint64; others are text, cells, objects and sparse arrays.
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x800
_MOST_DIMENSIONS, _LONGEST_NAME = 32, 63
_CUT = "it ends before its arrays do"
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def find_mat(folder: Path) -> dict[str, Path]:
    """Return those of SVHN's two files that the folder contains, by the name of their set."""
    paths = {split: folder / f"{split}_32x32.mat" for split in ("train", "test")}
    return {split: path for split, path in paths.items() if path.is_file()}


def read_mat(name: str, files: dict[str, Path], *, max_bytes: int) -> RawData:
    """Return SVHN's files as data.

    Args:
        name: Name of the data set.
        files: As returned by :func:`find_mat`, including the training set.
        max_bytes: Memory that reading one of them may take.

    Raises:
        InputError: If a file cannot be read or contains other arrays.
    """
    test = partial(_read_split, files["test"], max_bytes) if "test" in files else None
    return RawData(name, _read_split(files["train"], max_bytes), test)


def _read_split(path: Path, max_bytes: int) -> RawSplit:
    with reading(path, "MATLAB file"), path.open("rb") as file:
        arrays = _read_arrays(file, path, max_bytes)
    images, labels = arrays.get("X"), arrays.get("y")
    if (
        images is None
        or labels is None
        or images.ndim != 4
        or 0 in images.shape[:3]
        or images.dtype != np.uint8
        or labels.size != images.shape[3]
    ):
        raise InputError(f"{path} must contain uint8 X (height, width, channels, n) and y (n, 1), got other arrays.")
    digits = labels.reshape(-1)
    odd = np.flatnonzero((digits < 0) | (digits > 10))
    if len(odd):
        raise InputError(
            f"Labels must lie in [0, 10], but y in {path.name} contains {digits[odd[0]]} at row {odd[0] + 1}."
        )
    return RawSplit(
        labels=digits % 10,  # the digit zero has the label 10 in these files
        read=lambda rows: np.ascontiguousarray(images[..., rows].transpose(3, 2, 0, 1)),
        origin=f"y in {path.name}",
        place=lambda row: f"row {row + 1}",
        class_names=tuple(str(digit) for digit in range(10)),
    )


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Inflated:
    """A stream over compressed bytes."""

    def __init__(self, compressed: bytes) -> None:
        self._inflate = zlib.decompressobj()
        self._rest = compressed

    def read(self, size: int, /) -> bytes:
        # Never more than requested, as a small file can expand beyond all memory. A size of 0 would mean no limit.
        data = self._inflate.decompress(self._rest, size) if size else b""
        self._rest = self._inflate.unconsumed_tail
        return data

    def check_end(self) -> None:
        """Raise unless everything has been read and the checksum is right."""
        if self.read(1) or not self._inflate.eof:
            raise ValueError("its compressed data are damaged")


def _read_arrays(file: BinaryIO, path: Path, max_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays ``X`` and ``y`` of a MATLAB file of version 5, which MATLAB 7 writes compressed.

    Reference:
        MathWorks, "MAT-File Format", R2019b, chapter 1.
    """
    size = path.stat().st_size
    # The header's last four bytes are the version and "MI", written in the byte order of the machine.
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(file.read(128)[124:])
    if order is None:
        raise ValueError("it is not a MATLAB 5, 6 or 7 file")
    arrays: dict[str, np.ndarray] = {}
    after = file.tell()
    while after < size:
        file.seek(after)
        kind, length = np.frombuffer(_read_exactly(file, 8), f"{order}u4").tolist()
        after = file.tell() + length
        if after > size:
            raise ValueError(_CUT)
        stream: _Stream = file
        if kind == _COMPRESSED:
            check_memory(length, max_bytes, path.name)
            stream = _Inflated(_read_exactly(file, length))
            kind, length = np.frombuffer(_read_exactly(stream, 8), f"{order}u4").tolist()
        if kind != _MATRIX:
            raise ValueError("it contains something other than arrays")
        flags = int(np.frombuffer(_read_part(stream, order, 8), f"{order}u4")[0])
        if flags & 0xFF not in _NUMERIC_CLASSES:
            continue
        shape = np.frombuffer(_read_part(stream, order, 4 * _MOST_DIMENSIONS), f"{order}i4").tolist()
        name = _read_part(stream, order, _LONGEST_NAME).decode("ascii")
        if name not in ("X", "y"):
            continue
        kind, data_size, data = _read_tag(stream, order)
        if flags & _COMPLEX or kind not in _DTYPES:
            raise ValueError(f"{name} does not contain real numbers")
        dtype = np.dtype(order + _DTYPES[kind])
        if len(shape) < 2 or min(shape) < 0 or prod(shape) * dtype.itemsize != data_size or data_size > length:
            raise ValueError(f"{name} does not have the size of its shape {tuple(shape)}")
        # Twice, as the requested rows are copied.
        check_memory(2 * data_size, max_bytes, path.name)
        data = data[:data_size] if data else _read_exactly(stream, data_size)
        if isinstance(stream, _Inflated):
            # The checksum stands at the end of the compressed data, behind the padding to 8 bytes.
            stream.read(-data_size % 8)
            stream.check_end()
        arrays[name] = np.frombuffer(data, dtype).reshape(shape, order="F")
    return arrays


def _read_tag(stream: _Stream, order: str) -> tuple[int, int, bytes]:
    """Return type and length of a part, and its data if stored in the tag itself (up to 4 bytes)."""
    tag = _read_exactly(stream, 8)
    kind, length = np.frombuffer(tag, f"{order}u4").tolist()
    return (kind & 0xFFFF, min(kind >> 16, 4), tag[4:]) if kind >> 16 else (kind, length, b"")


def _read_part(stream: _Stream, order: str, most: int) -> bytes:
    """Return the data of a part of at most so many bytes, and skip its padding."""
    _, length, data = _read_tag(stream, order)
    if length > most:
        raise ValueError("a header of an array is damaged")
    if data:
        return data[:length]
    data = _read_exactly(stream, length)
    _read_exactly(stream, -length % 8)
    return data


def _read_exactly(stream: _Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError(_CUT)
    return data
