"""The parquet files of a folder that belong to the training set and to the test set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from warmstart.basics import InputError

from ._raw import shown

# However they are named, held-out samples must not be trained on.
_NOT_TRAINING = re.compile(r"(test|val|valid|validation)[-_.\d]")
_SHARD = re.compile(r"(.*)-\d+-of-(\d+)")


@dataclass(frozen=True)
class SplitFiles:
    """Parquet files of a training set and of a test set, each in order."""

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()


def split_files(folder: Path) -> SplitFiles:
    """Return the files that are named as on the Hugging Face hub.

    That is ``train-00000-of-00002.parquet``, ``train.parquet`` or ``train/0.parquet``, and the same for ``test``.

    Raises:
        InputError: If one of several numbered files is missing.
    """
    return SplitFiles(_files_of(folder, "train"), _files_of(folder, "test"))


def parquet_files(folder: Path) -> SplitFiles:
    """Return the parquet files of any folder; if none is named train, all but those named test or validation.

    Raises:
        InputError: If one of several numbered files is missing.
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
    # A set of which a part was not copied would load as a smaller set, and nothing would look wrong.
    shards = [(path, shard) for path in files if (shard := _SHARD.match(path.stem))]
    counts = Counter(shard[1] for _, shard in shards)
    for path, shard in shards:
        if counts[shard[1]] != int(shard[2]):
            raise InputError(
                f"{shown(path.parent)} must contain all {int(shard[2])} files "
                f"{shown(shard[1])}-*-of-{shard[2]}.parquet, got {counts[shard[1]]}."
            )
    return files
