"""Images in class folders."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from warmstart.basics import InputError

from ._images import decode_images
from ._labels import object_array
from ._raw import RawData, RawSplit, first_sentence, shown

# Below one class folder: a path such as /, typed by mistake, would be searched for minutes.
MOST_FOLDERS = 10_000
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})


def read_folder(path: Path, *, max_bytes: int) -> RawData:
    """Return a folder of class folders as data, or one with such folders called ``train`` and ``test``.

    A class is named after its folder; images may be in subfolders. Folders without images and hidden files are ignored.

    Args:
        path: The folder.
        max_bytes: Memory that reading may take.

    Raises:
        InputError: If there are no class folders with images.
    """
    if not (path / "train").is_dir():
        return RawData(path.name, _read_split(path, max_bytes))
    test = partial(_read_split, path / "test", max_bytes) if (path / "test").is_dir() else None
    return RawData(path.name, _read_split(path / "train", max_bytes), test)


def _read_split(folder: Path, max_bytes: int) -> RawSplit:
    def fail(error: OSError) -> None:
        raise error

    images: list[tuple[str, Path]] = []
    try:
        for entry in folder.iterdir():
            if entry.name.startswith(".") or not entry.is_dir():
                continue
            # os.walk follows no links to folders, which may loop, and would leave out what it cannot read.
            for visited, (place, folders, files) in enumerate(os.walk(entry, onerror=fail)):
                if visited >= MOST_FOLDERS:
                    raise InputError(
                        f"{shown(entry)} must be a class folder with at most {MOST_FOLDERS:,} folders below it, got "
                        "more: is the path that of a data set?"
                    )
                # In place, so that os.walk does not enter hidden folders.
                folders[:] = [name for name in folders if not name.startswith(".")]
                names = (name for name in files if not name.startswith("."))
                images += ((entry.name, Path(place, n)) for n in names if Path(n).suffix.lower() in IMAGE_ENDINGS)
    except OSError as error:
        raise InputError(f"{shown(folder)} cannot be read as a folder of images: {first_sentence(error)}.") from error
    if not images:
        raise InputError(
            f"{shown(folder)} must contain parquet files, or one folder of images per class "
            f"({', '.join(sorted(IMAGE_ENDINGS))}), got neither."
        )
    # File systems list files in any order; sorted, a seed draws the same samples on every machine.
    images.sort()
    paths = [path for _, path in images]
    return RawSplit(
        labels=object_array([name for name, _ in images]),
        read=lambda rows: decode_images(
            (paths[row] for row in rows),
            len(rows),
            place=lambda index: shown(paths[rows[index]]),
            max_bytes=max_bytes,
        ),
        origin=f"the folder {shown(folder)}",
        place=lambda row: shown(paths[row]),
    )
