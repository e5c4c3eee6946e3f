"""From settings to data in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, choice, unknown_name

from ._arrays import Dataset, Targets
from ._assemble import assemble, no_test_set, only_classes
from ._embedded import read_diabetes, read_digits
from ._folder import read_folder
from ._hub import download
from ._images import with_image_size
from ._layout import SplitFiles, split_files, table_files
from ._mat import find_mat, read_mat
from ._named import OUR_DATASETS, NamedDataset, known_datasets
from ._npz import read_npz
from ._own import IN_MEMORY, OwnDataset, as_dataset, split_parts
from ._own_object import is_own, own_object
from ._parquet import declared_classes, image_data
from ._raw import RawData, first_sentence, shown
from ._roles import table_data
from ._source import DataSource, Scale
from ._table import TABLE_ENDINGS, TEXT_OPTIONS, Table, open_table, table_ending, table_name
from ._torchvision import find_torchvision, read_torchvision

# The environment variable that names the data directory.
DIRECTORY_VARIABLE = "WARMSTART_DATA"
_ENDINGS = (".npz", *TABLE_ENDINGS)
_OF_TABLES = (
    "label",
    "drop",
    "features",
    "test",
    "key",
    "group",
    "order",
    "missing",
    "missing_marks",
    "tidy_labels",
    "many_classes",
    *TEXT_OPTIONS,
)

Progress = Callable[[str], None]


def load(
    source: DataSource,
    *,
    with_test: bool = False,
    progress: Progress | None = None,
    targets: Targets | str = Targets.CLASSES,
    arrays: bool = True,
) -> Dataset | OwnDataset:
    """Load data into memory.

    A known name means that data set: from the data directory if there is one (``source.directory`` or the environment
    variable ``WARMSTART_DATA``), otherwise downloaded from the Hugging Face hub into its cache. Only the images that
    are needed are decoded.

    Args:
        source: Where the data come from.
        with_test: Whether to load the official test set, too.
        progress: Called with one phrase before each download and each read.
        targets: Whether labels are read as classes, or as finite 32-bit numbers to predict: a column, or in an ``.npz``
            an array (n,) or (n, k). What the items of a data set of your own are does not depend on it.
        arrays: Whether arrays of your own become a :class:`Dataset`; else whatever is your own stays as it is.

    Returns:
        The data; ``test`` is None unless requested. An :class:`OwnDataset` only if ``source`` names data of your own
        that are no arrays.

    Raises:
        InputError: If there are no such data, or they have no such labels, in one sentence.

    Example:
        >>> digits = load(DataSource("digits", subset=100))
        >>> len(digits.train), digits.input_shape, digits.classes[:3]
        (100, (1, 8, 8), ('0', '1', '2'))
        >>> load(DataSource("diabetes"), targets="values").train.labels[:3]
        array([151.,  75., 141.], dtype=float32)
    """
    progress, targets = progress or (lambda _: None), choice(Targets, targets, name="targets")
    with input_errors(source):
        own = own_value(source)
        if own is not None:
            progress(f"Reading {source.name}")
            dataset = as_dataset(
                own,
                source=source,
                targets=targets if arrays else None,
                with_test=with_test,
                arrays=arrays,
            )
            if with_test and dataset.test is None:
                raise no_test_set(source.name)
            return dataset
        raw, named, place = find_data(source, with_test, progress, targets)
        dataset = assemble(
            raw,
            subset=source.subset,
            with_test=with_test,
            targets=targets,
            scale=source.scale is not Scale.NONE,
            progress=progress,
        )
        dataset = with_image_size(dataset, source.image_shape)
    if named is not None:
        named.check(dataset, place, source.image_shape)
    return dataset


def training_samples(source: DataSource, *, targets: Targets | str = Targets.CLASSES) -> int:
    """Return the number of training samples, whatever the subset; no image is decoded.

    Raises:
        InputError: If there are no such data.

    Example:
        >>> training_samples(DataSource("digits", subset=100))
        1797
    """
    # A missing label is found only by assembling, so this also counts rows that cannot be loaded.
    targets = choice(Targets, targets, name="targets")
    with input_errors(source):
        own = own_value(source)
        if own is not None:
            return len(split_parts(own, source.name)[0])
        raw, _, _ = find_data(source, False, lambda _: None, targets)
    return len(raw.train.labels)


def is_at_hand(source: DataSource) -> bool:
    """Return whether the data directory has a folder of its own for this known data set.

    Example:
        >>> is_at_hand(DataSource("svhn", "no/such/folder"))
        False
    """
    named, directory = _known_dataset(source.name), _data_directory(source)
    if named is None or not directory:
        return False
    with input_errors(source):
        folders = [_user_path(directory) / name for name in named.folder_names]
        inner_folders = [inner for folder in folders for inner in _inner_folders(named, folder)]
        if named.name in find_torchvision(_user_path(directory)):
            return True
        return any(
            split_files(inner).train or "train" in _mat_files(named, inner) or named.name in find_torchvision(inner)
            for inner in inner_folders
        )


@contextmanager
def input_errors(source: DataSource) -> Iterator[None]:
    # Files vanish and memory runs out at any point of a read, so this wraps all of it.
    try:
        yield
    except MemoryError as error:
        raise InputError(
            f"{shown(source.name)} needs more memory than this machine has: load fewer samples with --subset."
        ) from error
    except OSError as error:
        reason = error.strerror or first_sentence(error)
        raise InputError(f"{shown(error.filename or source.name)} cannot be read: {reason}.") from error


def _known_dataset(name: str) -> NamedDataset | None:
    return next((known for known in OUR_DATASETS if known.name == name), None)


def _data_directory(source: DataSource) -> str | None:
    return source.directory or os.environ.get(DIRECTORY_VARIABLE)


def _user_path(text: str) -> Path:
    # The shell does not expand ~ in --data-dir=~/data, and nobody does in a study file.
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~name, and no user has that name
        raise InputError(f"The path to data must begin with the home directory of a user, got {shown(text)}.") from None


def _inner_folders(named: NamedDataset, folder: Path) -> tuple[Path, ...]:
    # As users copy a data set's repository: its files, the folder of its configuration, or "data", the hub's default.
    return folder, folder / named.hub_folder, folder / "data"


def _mat_files(named: NamedDataset, folder: Path) -> dict[str, Path]:
    return find_mat(folder) if named.name == "svhn" else {}


def own_value(source: DataSource) -> Any:
    """Return what a source of the user's own, or of another package, leads to; None if it is neither."""
    if is_own(source.name):
        return own_object(source.name, source.options)
    if source.options:
        raise InputError(
            f"options must be left out for {shown(source.name)}, as only data of your own (module:Object) have any, "
            f"got {', '.join(source.options)}."
        )
    return None


def find_data(
    source: DataSource, with_test: bool, progress: Progress, targets: Targets
) -> tuple[RawData, NamedDataset | None, str]:
    """Return the data, the known data set that they are, and where they were found."""
    named = _known_dataset(source.name)
    if named is None:
        return _read_path(source, targets), None, source.name
    if named.targets is not targets:
        if targets is Targets.VALUES:
            raise only_classes(named.name)
        raise InputError(f"targets must be values for {named.name}, which has no classes, got classes.")
    if named.embedded:
        _check_no_columns(source)
        return {"digits": read_digits, "diabetes": read_diabetes}[named.name](), named, "scikit-learn"
    text = _data_directory(source)
    if not text:
        if named.hub_id is None:
            raise InputError(
                f"{named.name} is not downloaded: directory (--data-dir) or the environment variable "
                f"{DIRECTORY_VARIABLE} must name a folder that contains {' or '.join(named.folder_names)}, got none."
            )
        progress(f"Downloading {named.name} from the Hugging Face hub ({named.hub_id})")
        folder = download(named, with_test=with_test)
        raw = _parquet_data(named.name, split_files(folder), source, targets)
        return raw, named, str(folder)
    directory = _user_path(text)
    # A variable set long ago is easily forgotten.
    origin = "" if source.directory else f" (from the environment variable {DIRECTORY_VARIABLE})"
    if not directory.is_dir():
        raise InputError(f"The data directory must be an existing folder, got {shown(directory)}{origin}.")
    # The directory itself comes last: it may also contain the files of another data set.
    parents = [directory / name for name in named.folder_names] + [directory]
    for folder in (inner for parent in parents for inner in _inner_folders(named, parent)):
        files, mat_files = split_files(folder), _mat_files(named, folder)
        if files.train:
            raw = _parquet_data(named.name, files, source, targets)
            return raw, named, str(folder)
        if "train" in mat_files:
            _check_no_columns(source)
            return read_mat(named.name, mat_files, max_bytes=source.max_bytes), named, str(folder)
        if (place := find_torchvision(folder).get(named.name)) is not None:
            _check_no_columns(source, but=("label",))
            raw = read_torchvision(named.name, place, source.label, max_bytes=source.max_bytes)
            return raw, named, str(place)
    raise InputError(
        f"The data directory {shown(directory)}{origin} must contain the files of {named.name}, but there is no "
        f"train-*.parquet{' or train_32x32.mat' if named.name == 'svhn' else ''} in {', '.join(map(shown, parents))}."
    )


def _read_path(source: DataSource, targets: Targets) -> RawData:
    path = _user_path(source.name)
    ending = table_ending(path)
    if not path.exists():
        if "/" in source.name or os.sep in source.name or ending in _ENDINGS:
            raise InputError(
                f"data must be a known data set or a path that exists, got {shown(source.name)}, which does not exist."
            )
        if source.name == IN_MEMORY:
            raise InputError(
                f"The data '{IN_MEMORY}' were in memory and are not stored with a study: give them again, as dataset= "
                "of run_study."
            )
        known = [
            *(known.name for known in known_datasets()),
            *("or a path that exists", "or module:Object", "or data in memory, given as dataset= of run_study"),
        ]
        raise unknown_name("data set", shown(source.name, 100), known)
    if path.is_dir():
        name, (files, are_arrivals) = path.resolve().name, table_files(path)
        if files.train and table_ending(files.train[0]) == ".parquet":
            return _parquet_data(name, files, source, targets, are_arrivals=are_arrivals)
        if files.train:
            return _table_data(name, files, source, targets, are_arrivals=are_arrivals)
        if files.test:
            raise InputError(
                f"{shown(path)} must contain training files, got only a test set, such as {files.test[0].name}."
            )
        others = find_torchvision(path)
        if len(others) > 1:
            places = ", ".join(shown(place) for place in others.values())
            raise InputError(f"{shown(path)} must contain one data set, got {len(others)}: name one of {places}.")
        _check_no_columns(source, but=("label",) if others else ())
        if targets is Targets.VALUES:
            raise only_classes(shown(path))
        for known, place in others.items():
            return read_torchvision(known, place, source.label, max_bytes=source.max_bytes)
        return read_folder(path, max_bytes=source.max_bytes, size=source.image_shape)
    if ending == ".npz":
        _check_no_columns(source, but=("label", "order", "missing", "many_classes"))
        return read_npz(path, source, targets=targets)
    if ending == ".parquet":
        return _parquet_data(table_name(path), SplitFiles((path,)), source, targets)
    if ending in TABLE_ENDINGS:
        return _table_data(table_name(path), SplitFiles((path,)), source, targets)
    ways = {
        ".zip": "unpack it",
        ".arff": "rename it to .csv and add --comment @",
        ".xls": "save it as .xlsx",
        ".json": "save it as a table, such as .csv or .parquet",
    }
    way = ways.get(ending, "rename it if it is a text table, else save it as .csv or .parquet")
    raise InputError(f"A data file must end in {', '.join(_ENDINGS)}, got {shown(path)}: {way}.")


def _parquet_data(
    name: str, files: SplitFiles, source: DataSource, targets: Targets, *, are_arrivals: bool = False
) -> RawData:
    """Return parquet files as images if they have a column of them, else as a table."""
    limits = {"max_bytes": source.max_bytes, "size": source.image_shape}
    images = None if source.features else image_data(name, files, source.label, **limits, drop=source.drop)
    if images is not None:
        _check_no_columns(source, but=("label",))
        return images
    return _table_data(name, files, source, targets, are_arrivals=are_arrivals)


def _table_data(
    name: str, files: SplitFiles, source: DataSource, targets: Targets, *, are_arrivals: bool = False
) -> RawData:
    test = (_user_path(source.test),) if source.test else files.test
    for path in test:
        if not path.exists() or table_ending(path) not in (*TABLE_ENDINGS, ".test"):
            raise InputError(
                f"test must be a file that exists and ends in {', '.join(TABLE_ENDINGS)}, got {shown(path)}."
            )
    first = files.train[0]

    def class_names(label: str) -> tuple[str, ...] | None:
        return declared_classes(first, label) if table_ending(first) == ".parquet" else None

    def open_test(known: Sequence[str]) -> Table:
        return open_table(test, source, known=known)

    return table_data(
        name,
        open_table(files.train, source),
        source,
        targets,
        open_test=open_test if test else None,
        are_arrivals=are_arrivals,
        class_names=class_names,
    )


def _check_no_columns(source: DataSource, *, but: tuple[str, ...] = ()) -> None:
    """Raise if options are given that only tables have."""
    for option in _OF_TABLES:
        value = getattr(source, option)
        if option not in but and value != getattr(DataSource(), option):
            flag = option.replace("_", "-")
            raise InputError(
                f"{option} (--{flag}) must be left out for {shown(source.name)}, which has no columns, got "
                f"{shown(', '.join(value) if isinstance(value, tuple) else repr(value), 100)}."
            )
