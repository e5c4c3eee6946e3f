"""Images in class folders."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from warmstart.basics import InputError

from ._images import decode_images
from ._labels import object_array
from ._raw import RawData, RawSplit, first_sentence, shown

MOST_FOLDERS = 10_000
"""Below one class folder: a path such as ``/``, typed by mistake, would be walked through for minutes."""
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})


def read_folder(path: Path, *, max_bytes: int) -> RawData:
    """Return a folder of class folders as data, or one with such folders called ``train`` and ``test``.

    A class is called as its folder; images may lie in folders below it. Folders without images and hidden files do not
    count.

    Args:
        path: The folder.
        max_bytes: Memory that reading may take.

    Raises:
        InputError: If there are no class folders with images.
    """
    if not (path / "train").is_dir():
        return RawData(path.name, _split(path, max_bytes))
    test = partial(_split, path / "test", max_bytes) if (path / "test").is_dir() else None
    return RawData(path.name, _split(path / "train", max_bytes), test)


def _split(folder: Path, max_bytes: int) -> RawSplit:
    try:
        classes = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
        images = [(entry.name, image) for entry in classes for image in _images(entry)]
    except OSError as error:
        raise InputError(f"{shown(folder)} cannot be read as a folder of images: {first_sentence(error)}.") from error
    if not images:
        raise InputError(
            f"{shown(folder)} must hold parquet files, or a folder for each class with images in it "
            f"({', '.join(sorted(IMAGE_ENDINGS))}), got neither."
        )
    labels, paths = (list(column) for column in zip(*images, strict=True))
    return RawSplit(
        labels=object_array(labels),
        read=partial(_decode, paths, max_bytes),
        origin=f"the folder {shown(folder)}",
        place=lambda row: shown(paths[row]),
    )


def _images(folder: Path) -> list[Path]:
    """Return the images in a folder and those below it; links to folders there are not followed, as they may loop."""
    found: list[Path] = []
    folders, met = [str(folder)], 0
    while folders:
        met += 1
        if met > MOST_FOLDERS:
            raise InputError(
                f"{shown(folder)} must be a class folder with at most {MOST_FOLDERS:,} folders below it, got more: is "
                "the path that of a data set?"
            )
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif Path(entry.name).suffix.lower() in IMAGE_ENDINGS and not entry.is_dir():
                    found.append(Path(entry.path))
    return sorted(found)


def _decode(paths: list[Path], max_bytes: int, rows: np.ndarray) -> np.ndarray:
    wanted = [paths[row] for row in rows]
    return decode_images(wanted, len(wanted), place=lambda index: shown(wanted[index]), max_bytes=max_bytes)
