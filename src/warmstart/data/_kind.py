"""What a source holds, and whether it arrives in order, as far as can be told without reading it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from warmstart.basics import require

from ._layout import table_files
from ._named import known_datasets
from ._source import DataSource
from ._table import TABLE_ENDINGS, table_ending


def arrives_in_order(source: DataSource) -> bool:
    """Return whether data arrive in an order: ``order`` says so, or they are a folder of tables, one for each arrival.

    Nothing is read but the names of files.

    Example:
        >>> arrives_in_order(DataSource("rain.csv", order="day")), arrives_in_order(DataSource("digits"))
        (True, False)
    """
    if source.order is not None:
        return True
    with suppress(Exception):  # no such file, or no such user: whoever reads it reports that better
        path = Path(source.name).expanduser()
        return path.is_dir() and table_files(path)[1]
    return False


def is_table(source: DataSource) -> bool | None:
    """Return whether samples are rows of a table rather than images; None where only reading them would tell.

    Nothing is raised for a source that cannot be read: whoever reads it reports that better.

    Example:
        >>> is_table(DataSource("churn.csv.gz")), is_table(DataSource("digits")), is_table(DataSource("mine:data"))
        (True, False, None)
    """
    named = next((known for known in known_datasets() if known.name == source.name), None)
    if named is not None:
        return len(named.input_shape) == 1 if named.input_shape else None
    try:
        path = Path(source.name).expanduser()
        if path.is_dir():
            train = table_files(path)[0].train
            if not train:
                return False
            path = train[0]
        ending = table_ending(path)
        if ending == ".parquet":
            return _is_table_of_parquet(path)
        if ending == ".npz":
            return _is_table_of_npz(path)
        return True if ending in TABLE_ENDINGS else None
    except Exception:  # damaged files make readers raise errors of a dozen types
        return None


def _is_table_of_parquet(path: Path) -> bool:
    arrow, parquet = (require(name, extra="data", purpose="Reading tables") for name in ("pyarrow", "pyarrow.parquet"))
    kinds = arrow.types
    # Images are bytes, or a struct of bytes and a path, as the hub lays them out.
    return not any(kinds.is_binary(kind) or kinds.is_struct(kind) for kind in parquet.read_schema(path).types)


def _is_table_of_npz(path: Path) -> bool:
    with ZipFile(path) as archive:
        shapes = []
        for name in archive.namelist():
            with archive.open(name) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shapes.append(read(file)[0])
    return not any(len(shape) >= 3 for shape in shapes)
