"""From encoded images to one array."""

from __future__ import annotations

import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import SEEK_CUR, BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from warmstart.basics import InputError, require

from ._raw import check_memory, check_regular_file, first_sentence
from ._source import MAX_BYTES

# What is meant by an image, by how its file begins: Pillow would also start Ghostscript for an EPS called .png.
_BEGINNINGS = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM|RIFF....WEBP|(II|MM)(\*\0|\0\*|\+\0|\0\+)|P[1-6]\s", re.DOTALL
)
_FORMATS = frozenset({"PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "PPM"})  # an MPO is a JPEG with others behind
_UNKNOWN = "unknown format, or not PNG, JPEG, GIF, BMP, WebP, TIFF or PPM"
_MOST_THREADS = 8
_AT_A_TIME = 512
_BYTES_AT_A_TIME = 64 * 2**20
_WORKING_BYTES = 12  # of a pixel while it is decoded: as decoded, with transparency, in colour


def decode_images(
    encoded: Iterable[bytes | Path], count: int, *, place: Callable[[int], str], max_bytes: int = MAX_BYTES
) -> np.ndarray:
    """Return the decoded images, uint8 (count, channels, height, width).

    One-bit and greyscale images have one channel, of 16 bits the upper eight; all others are converted to RGB, which
    drops transparency. If both occur, greyscale ones become RGB too.

    Args:
        encoded: Bytes of image files (PNG, JPEG, GIF, BMP, WebP, TIFF, PPM), or where the files are; at most 512 are
            held in memory at a time, fewer if they are large.
        count: How many there are.
        place: Takes a position in ``encoded``; returns where that image is from, for messages.
        max_bytes: Memory that they may take, known from the size of the first before it is decoded.

    Raises:
        InputError: If an image cannot be read, or is not as large as the first, or they take too much memory.
    """
    pillow = require("PIL.Image", extra="data", purpose="Reading images")

    def decode(numbered: tuple[int, bytes | Path]) -> np.ndarray:
        index, data = numbered
        with _opened(pillow, data, place(index)) as image:  # only its header has been read
            width, height = image.size
            if index == 0:
                needed = width * height * (count * _channels(image) + _WORKING_BYTES)
                check_memory(needed, max_bytes, f"{count:,} images of {width}x{height} pixels")
            elif width * height != pixels:
                raise _different(place(index), (height, width), place(0), first.shape)
            return _pixels(image)

    # Pillow warns of large images, which have been compared with the limit, and of damaged notes beside the pixels.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        numbered = iter(enumerate(encoded))
        one = next(numbered, None)
        first = np.empty((0, 0, 0), np.uint8) if one is None else decode(one)
        pixels = first.shape[1] * first.shape[2]
        at_a_time = max(1, min(_AT_A_TIME, _BYTES_AT_A_TIME // max(1, _WORKING_BYTES * pixels)))
        # Decoders release the interpreter's lock.
        others = (image for some in _batched(numbered, at_a_time) for image in pool.map(decode, some))
        return _stacked(chain([] if one is None else [first], others), count, place, max_bytes)


def _batched(numbered: Iterable[tuple[int, bytes | Path]], most: int) -> Iterator[list[tuple[int, bytes | Path]]]:
    """Yield images in lists of at most so many, fewer if their files are large."""
    some: list[tuple[int, bytes | Path]] = []
    held = 0
    for index, data in numbered:
        some.append((index, data))
        held += len(data) if isinstance(data, bytes) else 0
        if len(some) >= most or held >= _BYTES_AT_A_TIME:
            yield some
            some, held = [], 0
    if some:
        yield some


def _stacked(images: Iterable[np.ndarray], count: int, place: Callable[[int], str], max_bytes: int) -> np.ndarray:
    stacked: np.ndarray = np.empty((count, 0, 0, 0), np.uint8)
    found = 0
    for index, image in enumerate(images):
        if index == 0:
            stacked = np.empty((count, *image.shape), np.uint8)
        if image.shape[1:] != stacked.shape[2:]:
            raise _different(place(index), image.shape, place(0), stacked.shape)
        if len(image) > stacked.shape[1]:
            check_memory(stacked.nbytes * 4, max_bytes, f"{count:,} images of {_size(image.shape)} pixels in colour")
            stacked = np.tile(stacked, (1, len(image), 1, 1))
        stacked[index] = image  # one channel spreads over three
        found += 1
    if found != count:  # the rest of the array is whatever the memory held
        raise InputError(f"There must be {count:,} images, as many as labels, but {found:,} were found.")
    return stacked


def _different(place: str, shape: tuple[int, ...], first_place: str, first_shape: tuple[int, ...]) -> InputError:
    return InputError(
        f"Images must all be of one size, but {place} is {_size(shape)}, {first_place} is {_size(first_shape)}."
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


@contextmanager
def _opened(pillow: Any, encoded: bytes | Path, place: str) -> Iterator[Any]:
    """Open an image whose format is one of those meant, and turn whatever goes wrong in the context into a sentence."""
    if isinstance(encoded, Path):
        check_regular_file(encoded, "image")
    try:
        with BytesIO(encoded) if isinstance(encoded, bytes) else encoded.open("rb") as file:
            if not _BEGINNINGS.match(file.read(12)):
                raise ValueError(_UNKNOWN)
            file.seek(0)
            with pillow.open(file) as image:
                if image.format not in _FORMATS:  # where a reader fails, Pillow tries others
                    raise ValueError(_UNKNOWN)
                if image.format == "PNG":
                    _check_png(file)
                yield image
    except InputError:
        raise
    except Exception as error:  # damaged images make decoders raise errors of a dozen types
        # Pillow names the memory address of the buffer that it did not recognise.
        reason = _UNKNOWN if type(error).__name__ == "UnidentifiedImageError" else first_sentence(error)
        raise InputError(f"The image at {place} cannot be read: {reason}.") from error


def _check_png(file: BinaryIO) -> None:
    """Raise if the checksum of a piece of pixels is wrong, at which Pillow does not look."""
    after = file.tell()
    file.seek(8)
    while len(head := file.read(8)) == 8 and not head.endswith(b"IEND"):
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IDAT":
            data, checksum = file.read(length), file.read(4)
            if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(checksum, "big"):
                raise ValueError("its pixels are damaged, as the checksum says")
        else:
            file.seek(length + 4, SEEK_CUR)
    file.seek(after)


def _channels(image: Any) -> int:
    return 1 if image.mode in ("L", "1") or image.mode.startswith("I") else 3


def _pixels(image: Any) -> np.ndarray:
    if 0 in image.size:
        raise ValueError("it has no pixels")
    if image.mode == "L" or image.mode == "1":
        return np.asarray(image.convert("L"))[None]
    if image.mode.startswith("I"):  # 16 bits, whose name depends on Pillow's version
        return (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)[None]
    if image.mode == "F":
        raise ValueError("its pixels are 32-bit floats")
    if "transparency" in image.info:  # Pillow warns unless transparency is resolved first
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
