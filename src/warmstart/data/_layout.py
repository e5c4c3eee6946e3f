"""The table files of a folder that belong to the training set and to the test set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from warmstart.basics import InputError

from ._folder import IMAGE_ENDINGS
from ._raw import natural_order, shown
from ._table import TABLE_ENDINGS, table_ending

# However they are named, held-out samples must not be trained on.
_NOT_TRAINING = re.compile(r"(test|val|valid|validation)[-_.\d]")
_SHARD = re.compile(r"(.*)-\d+-of-(\d+)")


@dataclass(frozen=True)
class SplitFiles:
    """Files of a training set and of a test set, each in order."""

    train: tuple[Path, ...]
    test: tuple[Path, ...] = ()


def split_files(folder: Path) -> SplitFiles:
    """Return the files that are named as on the Hugging Face hub.

    That is ``train-00000-of-00002.parquet``, ``train.parquet`` or ``train/0.parquet``, and the same for ``test``.

    Raises:
        InputError: If one of several numbered files is missing.
    """
    return SplitFiles(_files_of(folder, "train"), _files_of(folder, "test"))


def table_files(folder: Path) -> tuple[SplitFiles, bool]:
    """Return the table files of any folder, and whether each is an arrival.

    Parquet files named as on the hub are one data set. Otherwise each file is an arrival, in the order of the names,
    with numbers in them by value; but those named test are the test set, those named validation are left out, a file
    named train is all there is, and parquet files named ``part-0`` or ``x-00000-of-00002`` and so on are parts of one
    data set. Text files that end in ``.txt`` are read only where there are no others, and no folder has images.

    Raises:
        InputError: If one of several numbered files is missing.
    """
    for place in (folder, folder / "data"):
        found = split_files(place)
        if found.train:
            return found, False
    paths = [path for path in folder.iterdir() if not path.name.startswith((".", "_")) and not path.is_dir()]
    tables = [path for path in paths if table_ending(path) in TABLE_ENDINGS and table_ending(path) != ".txt"]
    if any(path.suffix != ".parquet" for path in tables) or not tables:
        # An image folder may hold a list of its images, or a text about them.
        if _has_images(folder):
            return SplitFiles(()), False
        tables = tables or [path for path in paths if table_ending(path) == ".txt"]
    tables = natural_order(tables)
    training = [path for path in tables if not _NOT_TRAINING.match(path.name.lower())]
    test = [path for path in tables if path.name.lower().startswith("test") and path not in training]
    named = [path for path in training if re.match(r"train(ing)?[-_.\d]", path.name.lower())]
    of_one = [path for path in training if path.name.startswith("part-") or _SHARD.match(path.stem)]
    is_sharded = of_one == training and all(path.suffix == ".parquet" for path in training)
    split = SplitFiles(tuple(named or training), tuple(test) or split_files(folder).test)
    return split, len(split.train) > 1 and not named and not is_sharded


def _has_images(folder: Path) -> bool:
    """Return whether a folder in this folder has an image, or folders of their own."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.name.startswith("."):
            for inner in entry.iterdir():
                if inner.suffix.lower() in IMAGE_ENDINGS or inner.is_dir():
                    return True
    return False


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
