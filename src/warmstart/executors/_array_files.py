"""A study's arrays as files that all its workers map: one copy in memory however many there are."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from warmstart.data import LabelledArrays
from warmstart.store import storage_errors
from warmstart.trial import Arrays

_SHARED = ".arrays-"
_TARGET, _SOURCE = "target", "source"
_MADE_NAME = re.compile(rf"{re.escape(_SHARED)}[a-z0-9_]{{8}}")  # as tempfile makes it
_ARRAY = re.compile(rf"({_TARGET}|{_SOURCE})-(train|test)-(inputs|labels)\.npy")


@dataclass(frozen=True)
class ArrayFiles:
    """Where a study's arrays lie.

    Args:
        paths: Of the files, by owner, part and field.
        classes: Numbers of classes, by owner.
        channels_last: Whether images lie in them as (n, height, width, channels).
    """

    paths: dict[str, str]
    classes: dict[str, int]
    channels_last: bool = False

    def mapped(self) -> Arrays:
        """Return the arrays, read from their files when they are looked at."""
        source = self._owned(_SOURCE) if _SOURCE in self.classes else None
        return replace(self._owned(_TARGET), source=source)

    def _owned(self, owner: str) -> Arrays:
        train = self._part(owner, "train")
        assert train is not None, "there are always training data"
        return Arrays(train, self._part(owner, "test"), self.classes[owner])

    def _part(self, owner: str, name: str) -> LabelledArrays | None:
        paths = [self.paths.get(f"{owner}-{name}-{field}") for field in ("inputs", "labels")]
        if None in paths:
            return None
        # Copied where somebody writes, which nobody does: tensors, which know no read-only memory, share them so.
        inputs, labels = (np.load(path, mmap_mode="c") for path in paths if path)
        is_turned = self.channels_last and inputs.ndim == 4
        return LabelledArrays(inputs.transpose(0, 3, 1, 2) if is_turned else inputs, labels)


@contextmanager
def stored(arrays: Arrays, directory: Path, *, channels_last: bool = False) -> Iterator[ArrayFiles]:
    """Lay the arrays down as files in the directory, for as long as they are needed.

    Args:
        arrays: Of a study.
        directory: The study's.
        channels_last: How images are to lie in memory: as the study's model reads them, so that no worker has to turn
            a copy of its own.

    Raises:
        StorageError: If the disk is full or the directory cannot be written.
    """
    with storage_errors(directory):
        # Workers still map the files at the end; NFS and Windows then refuse to delete them, and the next run does it.
        folder = tempfile.TemporaryDirectory(prefix=_SHARED, dir=directory, ignore_cleanup_errors=True)
    with folder as name:
        classes = {_TARGET: arrays.classes} | ({} if arrays.source is None else {_SOURCE: arrays.source.classes})
        yield ArrayFiles(_written(arrays, Path(name), channels_last), classes, channels_last)


def _written(arrays: Arrays, folder: Path, channels_last: bool) -> dict[str, str]:
    with storage_errors(folder):
        paths: dict[str, str] = {}
        for owner, held in ((_TARGET, arrays), (_SOURCE, arrays.source)):
            for name in ("train", "test"):
                part = None if held is None else getattr(held, name)
                for field in () if part is None else ("inputs", "labels"):
                    key = f"{owner}-{name}-{field}"
                    paths[key] = str(folder / f"{key}.npy")
                    values = getattr(part, field)
                    is_turned = channels_last and values.ndim == 4
                    np.save(paths[key], values.transpose(0, 2, 3, 1) if is_turned else values)
        return paths


def sweep(directory: Path) -> None:
    """Delete array files that an earlier run left, because it was killed or could not delete them; nothing else."""
    for left in directory.iterdir():
        is_ours = _MADE_NAME.fullmatch(left.name) and left.is_dir() and not left.is_symlink()
        if is_ours and all(_ARRAY.fullmatch(file.name) for file in left.iterdir()):
            shutil.rmtree(left, ignore_errors=True)
