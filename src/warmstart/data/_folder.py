"""Images in class folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from warmstart.basics import InputError

from ._images import decode_images
from ._labels import object_array
from ._raw import RawData, RawSplit, first_sentence, natural_order, shown
from ._source import ImageSize

# Below one class folder: a path such as /, typed by mistake, would be searched for minutes.
MOST_FOLDERS = 10_000
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"})
# Folders above the class folders that are looked into for those called train and test.
_LEVELS = 3
_WORDS = {
    "train": "training set",
    "training": "training set",
    "test": "test set",
    "testing": "test set",
    "val": "validation set",
    "valid": "validation set",
    "validation": "validation set",
    "dev": "validation set",
}
_MOST_LISTED = 10

ClassFolders = list[tuple[str, Path]]


@dataclass
class _Found:
    """The class folders of each set, and the folders that these are in."""

    classes: dict[str, ClassFolders] = field(default_factory=dict)
    folders: dict[str, list[Path]] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)

    def add(self, kind: str, folder: Path, classes: ClassFolders) -> None:
        self.folders.setdefault(kind, []).append(folder)
        self.classes.setdefault(kind, []).extend(classes)


def read_folder(path: Path, *, max_bytes: int, size: ImageSize | None = None) -> RawData:
    """Return a folder of class folders as data, or one that contains such folders for training and testing.

    A class is named after its folder; images may be in subfolders. Folders without images and hidden files are ignored.
    The sets are folders called train, training or training_set, test or testing, val, valid, validation or dev, in any
    case, in the first three levels, above the class folders or one in each. Validation images are never trained on:
    they are the test set where there is no other, and else are left out.

    Args:
        path: The folder.
        max_bytes: Memory that reading may take.
        size: Height and width to which images are brought; None: as they are.

    Raises:
        InputError: If there are no class folders with images, several training sets, or a test set alone.
    """
    try:
        found = _find_sets(path)
        train = found.classes["training set"]
        read = partial(_read_split, max_bytes=max_bytes, size=size)
        test_kind = next((kind for kind in ("test set", "validation set") if kind in found.classes), "")
        test = partial(read, found.classes[test_kind], found.folders[test_kind][0]) if test_kind else None
        raw = read(train, found.folders["training set"][0])
        if not found.classes.keys() - {"training set"} and found.folders["training set"] == [path]:
            return RawData(path.name, raw, test)
        return RawData(path.name, raw, test, notes=tuple(_notes(path, found, test_kind)))
    except OSError as error:
        raise InputError(f"{shown(path)} cannot be read as a folder of images: {first_sentence(error)}.") from error


def image_files(path: Path) -> list[Path]:
    """Return the image files in a folder and its subfolders, in natural order, or the file itself if it is one.

    Hidden files are ignored. Empty where there are no such files.

    Raises:
        InputError: If there are too many folders.
    """
    if path.is_file():
        return [path] if path.suffix.lower() in IMAGE_ENDINGS else []
    return natural_order(sorted(_images_below(path)))


def read_images(paths: Sequence[Path], *, max_bytes: int, size: ImageSize | None = None) -> np.ndarray:
    """Return image files as uint8 (n, channels, height, width); see :func:`decode_images`.

    Args:
        paths: The files.
        max_bytes: Memory that reading may take.
        size: Height and width to which images are brought; None: as they are.

    Raises:
        InputError: If one cannot be read, or they differ in size.
    """
    return decode_images(paths, len(paths), place=lambda index: shown(paths[index]), max_bytes=max_bytes, size=size)


def split_kind(name: str) -> str | None:
    """Return which set a folder's name stands for; None: none.

    Example:
        >>> split_kind("Training_Set"), split_kind("VAL"), split_kind("seg_test"), split_kind("contest")
        ('training set', 'validation set', 'test set', None)
    """
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word not in ("", "set", "data", "images")]
    found = {_WORDS[word.removesuffix("set")] for word in words if word.removesuffix("set") in _WORDS}
    # A name that says more, such as "test tubes in train", is rather that of a class.
    return found.pop() if len(found) == 1 and len(words) <= 2 else None


def _find_sets(path: Path) -> _Found:
    """Return the class folders of each set: of the folder itself where none has the name of a set."""
    level, listed = [path], 0
    for _ in range(_LEVELS):
        found, below = _Found(), []
        for folder in level:
            entries = _folders(folder)
            listed += len(entries)
            for entry in entries:
                kind, inner = split_kind(entry.name), _folders(entry)
                # Folders as archives unpack them: training_set/training_set/cats.
                while len(inner) == 1 and split_kind(inner[0].name) == kind is not None:
                    inner = _folders(inner[0])
                if kind is None or not (inner or folder != path):
                    found.others.append(entry)
                elif inner:
                    found.add(kind, entry, [(one.name, one) for one in inner])
                else:
                    found.add(kind, entry, [(folder.name, entry)])
            below += entries
        for kind, folders in found.folders.items():
            # One set in several places must be of several classes: class folders that contain the sets.
            names = [name for name, _ in found.classes[kind]]
            if len(folders) > 1 and len(set(names)) < len(names):
                listing = ", ".join(shown(one.relative_to(path)) for one in folders[:_MOST_LISTED])
                raise InputError(f"{shown(path)} must contain one {kind}, got {len(folders)}: {listing}; name one.")
        if "training set" in found.classes:
            return found
        if found.classes:
            classes = {entry.name for entry in found.others}
            # Images of the same classes beside a test set are the training set.
            if level != [path] or not all({n for n, _ in own} <= classes for own in found.classes.values()):
                kind, folders = next(iter(found.folders.items()))
                raise InputError(
                    f"{shown(path)} must contain a training set, such as a folder train, got only a {kind}, "
                    f"{shown(folders[0].relative_to(path))}."
                )
            found.add("training set", path, [(entry.name, entry) for entry in found.others])
            found.others = []
            return found
        if listed > MOST_FOLDERS:
            break
        level = below
    whole = _Found()
    whole.add("training set", path, [(entry.name, entry) for entry in _folders(path)])
    return whole


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_dir())


def _notes(path: Path, found: _Found, test_kind: str) -> list[str]:
    """Return what was taken as what, as sentences."""

    def named(kind: str) -> str:
        folders = found.folders[kind]
        first = shown(folders[0].relative_to(path)) if folders[0] != path else "the rest"
        return first if len(folders) == 1 else f"{first} and the like"

    classes = {kind: sorted({name for name, _ in own}) for kind, own in found.classes.items()}
    train = classes["training set"]
    listing = ", ".join(shown(name, 60) for name in train[:_MOST_LISTED]) + (", ..." if train[_MOST_LISTED:] else "")
    text = f"{named('training set')} is the training set"
    if test_kind:
        text += f", {named(test_kind)} the test set"
    notes = [f"{text}; {len(train)} classes: {listing}."]
    if test_kind != "validation set" and "validation set" in classes:
        notes.append(f"{named('validation set')} is a validation set and is left out.")
    if lacking := [name for name in train if test_kind and name not in classes[test_kind]]:
        notes.append(f"{named(test_kind)} has no folder of class {', '.join(map(shown, lacking[:_MOST_LISTED]))}.")
    if found.others and len(found.folders["training set"]) == 1:
        others = ", ".join(shown(one.relative_to(path)) for one in found.others[:_MOST_LISTED])
        notes.append(f"{others} beside them: left out.")
    return notes


def _images_below(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    # os.walk follows no links to folders, which may loop, and would leave out what it cannot read.
    for visited, (place, folders, files) in enumerate(os.walk(folder, onerror=fail)):
        if visited >= MOST_FOLDERS:
            raise InputError(
                f"{shown(folder)} must be a class folder with at most {MOST_FOLDERS:,} folders below it, got more: is "
                "the path that of a data set?"
            )
        # In place, so that os.walk does not enter hidden folders.
        folders[:] = [one for one in folders if not one.startswith(".")]
        visible = (one for one in files if not one.startswith("."))
        yield from (Path(place, one) for one in visible if Path(one).suffix.lower() in IMAGE_ENDINGS)


def _read_split(classes: ClassFolders, folder: Path, *, max_bytes: int, size: ImageSize | None) -> RawSplit:
    images = [(name, path) for name, entry in classes for path in _images_below(entry)]
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
        read=lambda rows: read_images([paths[row] for row in rows], max_bytes=max_bytes, size=size),
        origin=f"the folder {shown(folder)}",
        place=lambda row: shown(paths[row]),
    )
