"""From encoded images to one array."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._raw import first_sentence

_MOST_THREADS = 8
_AT_A_TIME = 512


def decode_images(encoded: Iterable[bytes | Path], count: int, *, place: Callable[[int], str]) -> np.ndarray:
    """Return the decoded images, uint8 (count, channels, height, width).

    One-bit and greyscale images have one channel, of 16 bits the upper eight; all others are converted to RGB, which
    drops transparency. If both occur, greyscale ones become RGB too.

    Args:
        encoded: Bytes of image files, or where the files are; at most 512 are held in memory at a time.
        count: How many there are.
        place: Takes a position in ``encoded``; returns where that image is from, for messages.

    Raises:
        InputError: If an image cannot be read, or is not as large as the first.
    """
    pillow = require("PIL.Image", extra="data", purpose="Reading images")

    def decode(numbered: tuple[int, bytes | Path]) -> np.ndarray:
        return _decode(pillow, numbered[1], place(numbered[0]))

    # Decoders release the interpreter's lock.
    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        images = (image for some in _batched(enumerate(encoded)) for image in pool.map(decode, some))
        return _stacked(images, count, place)


def _batched(numbered: Iterable[tuple[int, bytes | Path]]) -> Iterator[list[tuple[int, bytes | Path]]]:
    iterator = iter(numbered)
    while some := list(islice(iterator, _AT_A_TIME)):
        yield some


def _stacked(images: Iterable[np.ndarray], count: int, place: Callable[[int], str]) -> np.ndarray:
    stacked: np.ndarray = np.empty((count, 0, 0, 0), np.uint8)
    for index, image in enumerate(images):
        if index == 0:
            stacked = np.empty((count, *image.shape), np.uint8)
        if image.shape[1:] != stacked.shape[2:]:
            first, other = _size(stacked.shape), _size(image.shape)
            raise InputError(f"Images must all be of one size, but {place(index)} is {other}, {place(0)} is {first}.")
        if len(image) > stacked.shape[1]:
            stacked = np.tile(stacked, (1, len(image), 1, 1))
        stacked[index] = image  # one channel spreads over three
    return stacked


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def _decode(pillow: Any, encoded: bytes | Path, place: str) -> np.ndarray:
    try:
        with pillow.open(BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as image:
            return _pixels(image)
    except Exception as error:  # damaged images make decoders raise errors of a dozen types
        raise InputError(f"The image at {place} cannot be read: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    # Pillow names the memory address of the buffer that it did not recognise.
    return "unknown format" if type(error).__name__ == "UnidentifiedImageError" else first_sentence(error)


def _pixels(image: Any) -> np.ndarray:
    if image.mode == "L" or image.mode == "1":
        return np.asarray(image.convert("L"))[None]
    if image.mode.startswith("I"):  # 16 bits, whose name depends on Pillow's version
        return (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)[None]
    if image.mode == "F":
        raise ValueError("its pixels are 32-bit floats")
    if "transparency" in image.info:  # Pillow warns unless transparency is resolved first
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
