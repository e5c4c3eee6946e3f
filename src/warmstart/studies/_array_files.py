"""A study's data as files that all its workers read: arrays are mapped, one copy in memory however many there are."""

from __future__ import annotations

import pickle
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from filelock import FileLock, Timeout

from warmstart.basics import InputError, shown
from warmstart.data import LabelledArrays
from warmstart.store import guarded, storage_errors
from warmstart.trial import Arrays

_PREFIX, _LOCK = ".arrays-", "lock"
_TARGET, _SOURCE = "target", "source"
_MADE_NAME = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}")  # as tempfile makes it
_FILE = re.compile(rf"({_TARGET}|{_SOURCE})-(train|test)(-(inputs|labels)\.npy|\.pickle)|{_LOCK}")


@dataclass(frozen=True)
class ArrayFiles:
    """The files of a study's data.

    Args:
        folder: Where they are.
        held: What is known of the data, and of the source if there is one, without samples.
        channels_last: Whether images are in them as (n, height, width, channels).
    """

    folder: Path
    held: dict[str, Arrays]
    channels_last: bool = False

    def mapped(self) -> Arrays:
        """Return the data; arrays are read from their files when they are looked at."""
        found: Arrays | None = None
        for owner in (_SOURCE, _TARGET):  # the source first: it is a part of the other
            if owner in self.held:
                train, test = (self._part(owner, name) for name in ("train", "test"))
                found = replace(self.held[owner], train=train, test=test, source=found)
        assert found is not None, "there are always data"
        return found

    def _part(self, owner: str, name: str) -> Any:
        content = self.folder / f"{owner}-{name}.pickle"
        if content.exists():
            return pickle.loads(content.read_bytes())
        paths = [self.folder / f"{owner}-{name}-{field}.npy" for field in ("inputs", "labels")]
        if not paths[0].exists():
            return None
        # Mapped copy-on-write, though nobody writes: tensors, which know no read-only memory, share them so.
        inputs, labels = (np.load(path, mmap_mode="c") for path in paths)
        is_turned = self.channels_last and inputs.ndim == 4
        return LabelledArrays(inputs.transpose(0, 3, 1, 2) if is_turned else inputs, labels)


@contextmanager
def stored(arrays: Arrays, directory: Path, *, channels_last: bool = False) -> Iterator[ArrayFiles]:
    """Write the data to files in the directory, for as long as they are needed.

    Args:
        arrays: Of a study.
        directory: Of the store.
        channels_last: How images are to be laid out: as the study's model reads them, so that no worker has to convert
            a copy of its own.

    Raises:
        InputError: If a data set of the user's own cannot be pickled.
        StorageError: If the disk is full or the directory cannot be written.
    """
    with ExitStack() as stack:
        # Guarded against sweeping, for a folder that is not locked yet looks like one of a killed process.
        with storage_errors(directory), guarded(directory):
            # Workers still map the files at the end; NFS and Windows then refuse to delete them, and the next run does.
            folder = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=directory, ignore_cleanup_errors=True)
            place, without_samples = Path(stack.enter_context(folder)), dict[str, Arrays]()
            stack.enter_context(FileLock(place / _LOCK, thread_local=False))
        with storage_errors(directory):
            for owner, held in ((_TARGET, arrays), (_SOURCE, arrays.source)):
                if held is None:
                    continue
                without_samples[owner] = replace(held, train=None, test=None, source=None)
                for part_name, part in (("train", held.train), ("test", held.test)):
                    if isinstance(part, LabelledArrays):
                        turned = channels_last and part.inputs.ndim == 4
                        np.save(
                            place / f"{owner}-{part_name}-inputs.npy",
                            part.inputs.transpose(0, 2, 3, 1) if turned else part.inputs,
                        )
                        np.save(place / f"{owner}-{part_name}-labels.npy", part.labels)
                    elif part is not None:
                        try:
                            content = cloudpickle.dumps(part)
                        except Exception as error:
                            raise InputError(
                                "workers must be 1 for data that cannot be sent to another process "
                                f"({type(error).__name__}: {shown(error)})."
                            ) from error
                        (place / f"{owner}-{part_name}.pickle").write_bytes(content)
        # Outside: an OSError of what uses the files, such as a listener's, says nothing about the disk.
        yield ArrayFiles(place, without_samples, channels_last)


def is_leftover(path: Path) -> bool:
    """Return whether this is a folder that :func:`stored` makes, with nothing else in it."""
    is_ours = _MADE_NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    return bool(is_ours) and all(_FILE.fullmatch(file.name) for file in path.iterdir())


def sweep(directory: Path) -> None:
    """Delete the files that an earlier run left, because it was killed or could not delete them; nothing else."""
    with guarded(directory):
        for left in directory.iterdir():
            with suppress(Timeout, OSError):  # in use, not ours to delete, or just deleted by who made it
                if is_leftover(left):
                    with FileLock(left / _LOCK, timeout=0):
                        shutil.rmtree(left, ignore_errors=True)
