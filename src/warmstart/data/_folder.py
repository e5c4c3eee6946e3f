"""Images in class folders."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from warmstart.basics import InputError

from ._images import decode_images
from ._raw import RawData, RawSplit

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})


def read_folder(path: Path) -> RawData:
    """Return a folder of class folders as data, or one with such folders called ``train`` and ``test``.

    A class is called as its folder; images may lie in folders below it. Folders without images and hidden files do not
    count.

    Raises:
        InputError: If there are no class folders with images.
    """
    if not (path / "train").is_dir():
        return RawData(path.name, _split(path))
    test = partial(_split, path / "test") if (path / "test").is_dir() else None
    return RawData(path.name, _split(path / "train"), test)


def _split(folder: Path) -> RawSplit:
    images = [(entry.name, image) for entry in sorted(folder.iterdir()) if entry.is_dir() for image in _images(entry)]
    if not images:
        raise InputError(
            f"{folder} must hold parquet files, or a folder for each class with images in it "
            f"({', '.join(sorted(IMAGE_ENDINGS))}), got neither."
        )
    labels, paths = (list(column) for column in zip(*images, strict=True))
    return RawSplit(
        labels=np.array(labels),
        read=partial(_decode, paths),
        origin=f"the folder {folder}",
        place=lambda row: str(paths[row]),
    )


def _images(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS)
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder.parent).parts)
    )


def _decode(paths: list[Path], rows: np.ndarray) -> np.ndarray:
    wanted = [paths[row] for row in rows]
    return decode_images(wanted, len(wanted), place=lambda index: str(wanted[index]))
