"""What kind of samples a source holds, as far as can be told without reading them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np

from warmstart.basics import require

from ._layout import parquet_files
from ._named import known_datasets
from ._source import DataSource

_TEXT_TABLES = frozenset({".csv", ".tsv", ".txt", ".feather", ".arrow", ".xlsx"})
_COMPRESSED = frozenset({".gz", ".zst", ".bz2"})


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
        endings = [ending.lower() for ending in path.suffixes[-2:]]
        if endings and endings[-1] in _COMPRESSED:
            endings.pop()
        if endings and endings[-1] in _TEXT_TABLES and not path.is_dir():
            return True
        if path.is_dir():
            files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
            if any(ending in _TEXT_TABLES for file in files for ending in file.suffixes[-2:]):
                return True
            found = parquet_files(path).train
            return _is_table_of_parquet(found[0]) if found else False
        if endings[-1:] == [".parquet"]:
            return _is_table_of_parquet(path)
        if endings[-1:] == [".npz"]:
            return _is_table_of_npz(path)
    except Exception:  # damaged files make readers raise errors of a dozen types
        return None
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
