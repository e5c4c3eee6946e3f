"""From settings to data in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from warmstart.basics import InputError, unknown_name

from ._arrays import Dataset
from ._assemble import assemble
from ._csv import read_csv
from ._digits import read_digits
from ._folder import read_folder
from ._hub import download
from ._layout import SplitFiles, parquet_files, split_files
from ._mat import find_mat, read_mat
from ._named import NamedDataset, known_datasets
from ._npz import read_npz
from ._parquet import read_parquet
from ._raw import RawData, first_sentence, shown
from ._source import DataSource

DIRECTORY_VARIABLE = "WARMSTART_DATA"
_ENDINGS = (".npz", ".parquet", ".csv")

Tell = Callable[[str], None]


def load(source: DataSource, *, with_test: bool = False, progress: Tell | None = None) -> Dataset:
    """Load data into memory.

    A name means that data set: from the directory if one is named, by ``source.directory`` or by the environment
    variable ``WARMSTART_DATA``, and else downloaded from the Hugging Face hub into its cache. Only images that are
    asked for are decoded.

    Args:
        source: Where the data come from.
        with_test: Whether to load the official test set, too.
        progress: Told in words what is under way.

    Returns:
        The data; ``test`` is None unless asked for.

    Raises:
        InputError: If there are no such data, or they are not fit for classification, in one sentence.

    Example:
        >>> digits = load(DataSource("digits", subset=100))
        >>> len(digits.train), digits.input_shape, digits.classes[:3]
        (100, (1, 8, 8), ('0', '1', '2'))
    """
    tell = progress or _silent
    with _one_sentence(source):
        raw, named, place = _found(source, with_test, tell)
        dataset = assemble(raw, subset=source.subset, with_test=with_test, tell=tell)
    if named is not None:
        named.check(dataset, place)
    return dataset


def training_samples(source: DataSource, *, progress: Tell | None = None) -> int:
    """Return how many training samples there are, whatever the subset; no image is decoded.

    Raises:
        InputError: If there are no such data.

    Example:
        >>> training_samples(DataSource("digits", subset=100))
        1797
    """
    with _one_sentence(source):
        raw, _, _ = _found(source, False, progress or _silent)
    return len(raw.train.labels)


def is_at_hand(source: DataSource) -> bool:
    """Return whether a data set that is known by name lies in a folder of its own in the data directory.

    Example:
        >>> is_at_hand(DataSource("svhn", "no/such/folder"))
        False
    """
    named = next((known for known in known_datasets() if known.name == source.name), None)
    directory = _directory(source)
    if named is None or not directory:
        return False
    with _one_sentence(source):
        folders = (_path(directory) / name for name in named.folder_names)
        return any(_holds(named, inner) for folder in folders for inner in _inner(named, folder))


@contextmanager
def _one_sentence(source: DataSource) -> Iterator[None]:
    """Say in one sentence what the file system or the memory refuses, wherever that happens."""
    try:
        yield
    except MemoryError as error:
        raise InputError(
            f"{shown(source.name)} takes more memory than this machine has to give: load fewer samples with --subset."
        ) from error
    except OSError as error:
        reason = error.strerror or first_sentence(error)
        raise InputError(f"{shown(error.filename or source.name)} cannot be read: {reason}.") from error


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name of nobody
        raise InputError(f"The path to data must begin with the home directory of a user, got {shown(text)}.") from None


def _found(source: DataSource, with_test: bool, tell: Tell) -> tuple[RawData, NamedDataset | None, str]:
    """Return what there is under a name or at a path, the known data set it is, and where it was found."""
    named = next((known for known in known_datasets() if known.name == source.name), None)
    if named is None:
        return _at_path(source), None, source.name
    raw, place = _embedded(source) if named.embedded else _from_files(named, source, with_test, tell)
    return raw, named, place


def _silent(_: str) -> None:
    pass


def _embedded(source: DataSource) -> tuple[RawData, str]:
    _check_no_label(source)
    return read_digits(), "scikit-learn"


def _directory(source: DataSource) -> str | None:
    return source.directory or os.environ.get(DIRECTORY_VARIABLE)


def _inner(named: NamedDataset, folder: Path) -> tuple[Path, ...]:
    """Return where in a data set's folder its files may lie."""
    return folder, folder / named.hub_folder, folder / "data"


def _holds(named: NamedDataset, folder: Path) -> bool:
    return bool(split_files(folder).train) or "train" in _mat_files(named, folder)


def _mat_files(named: NamedDataset, folder: Path) -> dict[str, Path]:
    return find_mat(folder) if named.name == "svhn" else {}


def _from_files(named: NamedDataset, source: DataSource, with_test: bool, tell: Tell) -> tuple[RawData, str]:
    directory = _directory(source)
    if directory:
        return _in_directory(named, _path(directory), source)
    if named.hub_id is None:
        raise InputError(
            f"{named.name} is not downloaded: directory (--data-dir) or the environment variable {DIRECTORY_VARIABLE} "
            f"must name a folder with {' or '.join(named.folder_names)} in it, got none."
        )
    tell(f"Downloading {named.name} from the Hugging Face hub ({named.hub_id})")
    folder = download(named, with_test=with_test)
    return read_parquet(named.name, split_files(folder), source.label, max_bytes=source.max_bytes), str(folder)


def _in_directory(named: NamedDataset, directory: Path, source: DataSource) -> tuple[RawData, str]:
    origin = "" if source.directory else f" (from the environment variable {DIRECTORY_VARIABLE})"
    if not directory.is_dir():
        raise InputError(f"The data directory must be a folder that exists, got {shown(directory)}{origin}.")
    folders = [directory / name for name in named.folder_names] + [directory]
    for folder in folders:
        for inner in _inner(named, folder):
            raw = _in_folder(named, inner, source)
            if raw is not None:
                return raw, str(inner)
    raise InputError(
        f"The data directory {shown(directory)}{origin} must hold the files of {named.name}, but there is no "
        f"train-*.parquet{' or train_32x32.mat' if named.name == 'svhn' else ''} in {', '.join(map(shown, folders))}."
    )


def _in_folder(named: NamedDataset, folder: Path, source: DataSource) -> RawData | None:
    files = split_files(folder)
    if files.train:
        return read_parquet(named.name, files, source.label, max_bytes=source.max_bytes)
    mat = _mat_files(named, folder)
    if "train" in mat:
        _check_no_label(source)
        return read_mat(named.name, mat, max_bytes=source.max_bytes)
    return None


def _at_path(source: DataSource) -> RawData:
    path = _path(source.name)
    if not path.exists():
        raise _missing(source.name, path)
    if path.is_dir():
        return _at_folder(path, source)
    stop_reason = path.suffix.lower()
    if stop_reason == ".csv":
        return read_csv(path, source.label, max_bytes=source.max_bytes)
    if stop_reason == ".npz":
        return read_npz(path, source.label, max_bytes=source.max_bytes)
    if stop_reason == ".parquet":
        return read_parquet(path.stem, SplitFiles((path,)), source.label, max_bytes=source.max_bytes)
    raise InputError(f"A file with data must end in {', '.join(_ENDINGS)}, got {shown(path)}.")


def _at_folder(path: Path, source: DataSource) -> RawData:
    name = path.resolve().name
    files = parquet_files(path)
    if files.train:
        return read_parquet(name, files, source.label, max_bytes=source.max_bytes)
    if files.test:
        raise InputError(
            f"{shown(path)} must hold training files, got only those of a test set, such as {files.test[0].name}."
        )
    _check_no_label(source)
    return read_folder(path, max_bytes=source.max_bytes)


def _missing(name: str, path: Path) -> InputError:
    if "/" in name or os.sep in name or path.suffix.lower() in _ENDINGS:
        return InputError(
            f"data must be a known data set or a path that exists, got {shown(name)}, which does not exist."
        )
    return unknown_name(
        "data set", shown(name, 100), [*(known.name for known in known_datasets()), "or a path that exists"]
    )


def _check_no_label(source: DataSource) -> None:
    if source.label is not None:
        raise InputError(
            f"label (--label) must be left out for {source.name}, which has no columns, got '{source.label}'."
        )
