"""Whether samples arrive in an order that their source knows."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from ._named import OUR_DATASETS
from ._own_object import is_own
from ._source import DataSource

_TABLE = re.compile(r".*\.((csv|tsv|txt)(\.gz|\.zst)?|parquet|feather|xlsx)", re.IGNORECASE)
# Parts of one table: the splits of a data set, and the shards in which large ones are written.
_PART = re.compile(r"(train|test|val|valid|validation|part)[-_.\d]|.*-\d+-of-\d+\.", re.IGNORECASE)


def arrives_in_order(source: DataSource) -> bool:
    """Return whether data arrive in an order: ``order`` says so, or they are a folder of tables, one for each arrival.

    Nothing is read but the names of files.

    Example:
        >>> arrives_in_order(DataSource("rain.csv", order="day")), arrives_in_order(DataSource("digits"))
        (True, False)
    """
    if source.order is not None:
        return True
    if is_own(source.name) or any(source.name == known.name for known in OUR_DATASETS):
        return False
    with suppress(OSError, RuntimeError):  # no such file, or no such user
        names = [path.name for path in Path(source.name).expanduser().iterdir()]
        tables = [name for name in names if _TABLE.fullmatch(name) and not name.startswith(".")]
        return len(tables) > 1 and not any(_PART.match(name) for name in tables)
    return False
