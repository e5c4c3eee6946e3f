"""LayerEnd parquet files of a folder hold the training set, and which the test set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from warmstart.basics import InputError

from ._raw import shown

_NOT_TRAINING = re.compile(r"(test|val|valid|validation)[-_.\d]")
_SHARD = re.compile(r"(.*)-\d+-of-(\d+)")


@dataclass(frozen=True)
class SplitFiles:
    """Parquet files of a training set and of a test set, each in order."""

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()


def split_files(folder: Path) -> SplitFiles:
    """Return the files that their names, or those of folders around them, call training and test files.

    Names are those of the Hugging Face hub: ``train-00000-of-00002.parquet``, ``train.parquet``, ``train/0.parquet``.

    Raises:
        InputError: If one of the files that are numbered ``-00000-of-00002`` is not there.
    """
    return SplitFiles(_files_of(folder, "train"), _files_of(folder, "test"))


def parquet_files(folder: Path) -> SplitFiles:
    """Return the parquet files of any folder; where no name says train, all are but those called test or validation.

    Raises:
        InputError: If a numbered file is not there.
    """
    for place in (folder, folder / "data"):
        found = split_files(place)
        if found.train:
            return found
    train = [path for path in sorted(folder.glob("*.parquet")) if not _NOT_TRAINING.match(path.name)]
    return SplitFiles(tuple(train), split_files(folder).test)


def _files_of(folder: Path, split: str) -> tuple[Path, ...]:
    named = [path for path in sorted(folder.glob("*.parquet")) if re.match(rf"{split}[-_.\d]", path.name)]
    files = tuple(named or sorted((folder / split).glob("*.parquet")))
    _check_complete(files)
    return files


def _check_complete(files: tuple[Path, ...]) -> None:
    """Raise if a part of a set was not copied: half of it would be a set of its own, and nothing would look wrong."""
    shards = [(path, shard) for path in files if (shard := _SHARD.match(path.stem))]
    prefixes = Counter(shard[1] for _, shard in shards)
    for path, shard in shards:
        if (there := prefixes[shard[1]]) != int(shard[2]):
            raise InputError(
                f"{shown(path.parent)} must hold all {int(shard[2])} files {shown(shard[1])}-*-of-{shard[2]}.parquet, "
                f"got {there}."
            )
