"""Decoding of images into one array."""

from __future__ import annotations

import os
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import SEEK_CUR, BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from warmstart.basics import InputError, require

from ._arrays import Dataset, LabelledArrays
from ._raw import check_memory, check_regular_file, first_sentence
from ._source import MAX_BYTES, ImageSize, Interpolation

# An image is what begins like one, whatever its name: Pillow would start Ghostscript for an EPS called .png.
_BEGINNINGS = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|BM|RIFF....WEBP|(II|MM)(\*\0|\0\*|\+\0|\0\+)|P[1-6]\s", re.DOTALL
)
# An MPO is a JPEG with others behind it.
_FORMATS = frozenset({"PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "PPM"})
_UNKNOWN = "unknown format, or not PNG, JPEG, GIF, BMP, WebP, TIFF or PPM"
_MOST_THREADS = 8
_BATCH_IMAGES = 512
_BATCH_BYTES = 64 * 2**20
# Per pixel while it is decoded: as decoded, with transparency, in colour.
_WORKING_BYTES = 12


def decode_images(
    encoded: Iterable[bytes | Path],
    count: int,
    *,
    place: Callable[[int], str],
    max_bytes: int = MAX_BYTES,
    size: ImageSize | None = None,
) -> np.ndarray:
    """Return the decoded images, uint8 (count, channels, height, width).

    One-bit and greyscale images have one channel, the upper eight bits of 16-bit ones; all others are converted to RGB,
    which drops transparency. If both occur, greyscale images become RGB too.

    Args:
        encoded: Contents or paths of image files (PNG, JPEG, GIF, BMP, WebP, TIFF, PPM); at most 512 are held in memory
            at a time, fewer if they are large.
        count: Number of images.
        place: Maps an index in ``encoded`` to where that image is from, for messages.
        max_bytes: Memory limit, checked against the size of the first image before it is decoded.
        size: Height and width to which every image is brought; None: as they are, which must be equal.

    Raises:
        InputError: If an image cannot be read or differs in size from the first, or if all need too much memory.
    """
    pillow = require("PIL.Image", extra="data", purpose="Reading images")

    def decode(numbered: tuple[int, bytes | Path]) -> np.ndarray:
        index, data = numbered

        def check_header(width: int, height: int, channels: int) -> None:
            if size is not None:
                needed = size[0] * size[1] * count * channels + width * height * _WORKING_BYTES
                check_memory(needed, max_bytes, f"an image of {width}x{height} pixels among {count:,}")
            elif index == 0:
                needed = width * height * (count * channels + _WORKING_BYTES)
                check_memory(needed, max_bytes, f"{count:,} images of {width}x{height} pixels")
            elif width * height != pixels:
                raise _different_sizes(place(index), (height, width), place(0), first.shape)

        return _decode(pillow, data, place(index), check_header, size)

    # Pillow warns of large images, which check_memory has seen, and of damaged metadata beside the pixels.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        numbered = iter(enumerate(encoded))
        # The first is decoded alone: its size is the limit for the others, and decides how many fit into a batch.
        head = [decode(one) for one in islice(numbered, 1)]
        first = head[0] if head else np.empty((0, 0, 0), np.uint8)
        pixels = first.shape[1] * first.shape[2]
        batch_size = max(1, min(_BATCH_IMAGES, _BATCH_BYTES // max(1, _WORKING_BYTES * pixels)))
        # Threads suffice, as decoders release the interpreter's lock.
        tail = (image for batch in _batches(numbered, batch_size) for image in pool.map(decode, batch))
        stacked, found = np.empty((count, *first.shape), np.uint8), 0
        for index, image in enumerate(chain(head, tail)):
            if image.shape[1:] != stacked.shape[2:]:
                raise _different_sizes(place(index), image.shape, place(0), stacked.shape)
            if len(image) > stacked.shape[1]:
                check_memory(
                    stacked.nbytes * 4, max_bytes, f"{count:,} images of {_size(image.shape)} pixels in colour"
                )
                stacked = np.tile(stacked, (1, len(image), 1, 1))
            # A greyscale image among colour ones spreads over their three channels.
            stacked[index] = image
            found += 1
    if found != count:  # the rest of the array would be whatever the memory contained
        raise InputError(f"There must be {count:,} images, one per label, but {found:,} were found.")
    return stacked


def _batches(numbered: Iterable[tuple[int, bytes | Path]], most: int) -> Iterator[list[tuple[int, bytes | Path]]]:
    batch: list[tuple[int, bytes | Path]] = []
    held = 0
    for index, data in numbered:
        batch.append((index, data))
        # The size of a file says little about its pixels: huge files of few pixels must not pile up either.
        held += len(data) if isinstance(data, bytes) else 0
        if len(batch) >= most or held >= _BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _different_sizes(place: str, shape: tuple[int, ...], first_place: str, first_shape: tuple[int, ...]) -> InputError:
    return InputError(
        f"Images must all have the same size, but {place} is {_size(shape)}, {first_place} is {_size(first_shape)} "
        "(width x height): bring them to one with image_size (--image-size 32, or 32x24 for height x width)."
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[-1]}x{shape[-2]}"


def resized(images: np.ndarray, size: ImageSize) -> np.ndarray:
    """Return images, uint8 (n, channels, height, width), brought to a height and width as those of files are.

    Example:
        >>> resized(np.full((2, 1, 4, 4), 7, np.uint8), ImageSize(2, 3))[0, 0].tolist()
        [[7, 7, 7], [7, 7, 7]]
    """
    if images.shape[2:] == size[:2]:
        return images
    pillow = require("PIL.Image", extra="data", purpose="Resizing images")
    # One channel after the other: Pillow knows no images of two channels, or of five.
    result = np.empty((*images.shape[:2], *size[:2]), np.uint8)
    for place in np.ndindex(*images.shape[:2]):
        result[place] = _resized(pillow, pillow.fromarray(images[place]), size)
    return result


def with_image_size(dataset: Dataset, size: ImageSize | None) -> Dataset:
    """Return a data set whose images have a height and width; those of files have it already.

    Raises:
        InputError: If a size is given and samples are no images.
    """
    if size is None:
        return dataset
    if not dataset.is_image:
        raise InputError(
            f"image_size (--image-size) must be left out for {dataset.name}, which has no images, got "
            f"{size[0]}x{size[1]}."
        )
    parts = {"train": dataset.train, "test": dataset.test}
    brought = {
        name: None if part is None else LabelledArrays(resized(part.inputs, size), part.labels)
        for name, part in parts.items()
    }
    return replace(dataset, **brought)


def pixels_of(image: Any, size: ImageSize | None = None) -> np.ndarray:
    """Return an image of Pillow's as uint8 (1 or 3, height, width), see :func:`decode_images`."""
    pillow = require("PIL.Image", extra="data", purpose="Reading images")
    if image.mode in ("L", "1"):
        return _resized(pillow, image.convert("L"), size)[None]
    # 16 bits: I, I;16, I;16B, depending on the file and on Pillow's version.
    if image.mode.startswith("I"):
        upper = (np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)
        return _resized(pillow, pillow.fromarray(upper), size)[None]
    # Pillow warns about a palette's transparency unless it is resolved first.
    colour = image.convert("RGBA") if "transparency" in image.info else image
    return _resized(pillow, colour.convert("RGB"), size).transpose(2, 0, 1)


def _resized(pillow: Any, image: Any, size: ImageSize | None) -> np.ndarray:
    if size is None or image.size == (size.width, size.height):
        return np.asarray(image)
    filters = {Interpolation.BILINEAR: pillow.Resampling.BILINEAR, Interpolation.AREA: pillow.Resampling.BOX}
    return np.asarray(image.resize((size.width, size.height), filters[size.interpolation]))


def _decode(
    pillow: Any,
    encoded: bytes | Path,
    place: str,
    check_header: Callable[..., None],
    size: ImageSize | None,
) -> np.ndarray:
    """Return one image, uint8 (1 or 3, height, width).

    ``check_header`` is given width, height and channels before any pixel is decoded: a small file can expand to more
    than the memory.
    """
    if isinstance(encoded, Path):
        check_regular_file(encoded, "image")
    try:
        with BytesIO(encoded) if isinstance(encoded, bytes) else encoded.open("rb") as file:
            beginning = file.read(12)
            if not _BEGINNINGS.match(beginning):
                raise ValueError(_UNKNOWN)
            if beginning.startswith(b"\x89PNG"):
                # Pillow skips the checksums of pixel data, so a flipped bit would silently become a wrong picture.
                file.seek(8)
                while len(head := file.read(8)) == 8 and not head.endswith(b"IEND"):
                    length = int.from_bytes(head[:4], "big")
                    if not head.endswith(b"IDAT"):
                        file.seek(length + 4, SEEK_CUR)
                    elif zlib.crc32(file.read(length), zlib.crc32(b"IDAT")).to_bytes(4, "big") != file.read(4):
                        raise ValueError("its pixels are damaged (wrong checksum)")
            file.seek(0)
            # Reads only the header. If the reader for this beginning fails, Pillow tries all others.
            with pillow.open(file) as image:
                if image.format not in _FORMATS:
                    raise ValueError(_UNKNOWN)
                is_grey = image.mode in ("L", "1") or image.mode.startswith("I")
                check_header(*image.size, channels=1 if is_grey else 3)
                if 0 in image.size:
                    raise ValueError("it has no pixels")
                if image.mode == "F":
                    raise ValueError("its pixels are 32-bit floats")
                return pixels_of(image, size)
    except InputError:
        raise
    except Exception as error:  # damaged images make decoders raise errors of a dozen types
        # Pillow's own message names the memory address of the buffer that it did not recognise.
        reason = _UNKNOWN if type(error).__name__ == "UnidentifiedImageError" else first_sentence(error)
        raise InputError(f"The image at {place} cannot be read: {reason}.") from error
