"""What chapters must be, so that every file and every place on the page has a name of its own."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from warmstart.basics import InputError
from warmstart.paper import Chapter, Table

from ._charts import exhibit_name

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_chapters(chapters: Sequence[Chapter], note: str) -> None:
    """Raise unless the chapters can be written.

    Raises:
        InputError: If there are none, a name is twice there or does not fit a file name, a row of a table has not a
            cell for every title, or the note is empty.
    """
    if not chapters:
        raise InputError("chapters must hold at least one chapter, got none.")
    if not note.strip():
        raise InputError("note must say at what scale the results were obtained, got an empty text.")
    _check_names("id of a chapter", [chapter.id for chapter in chapters])
    for chapter in chapters:
        _check_names(f"name of an exhibit of '{chapter.id}'", [exhibit.name for exhibit in chapter.exhibits])
    _check_unique("name of a file", [exhibit_name(chapter, one) for chapter in chapters for one in chapter.exhibits])
    for table in (one for chapter in chapters for one in chapter.exhibits if isinstance(one, Table)):
        _check_rows(table)


def _check_names(kind: str, names: Sequence[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(f"The {kind} must be made of letters, digits, '.', '_' and '-', got {name!r}.")
    _check_unique(kind, names)


def _check_unique(kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"The {kind} must be there once, got '{name}' {count} times.")


def _check_rows(table: Table) -> None:
    for row in table.rows:
        if len(row) != len(table.header):
            raise InputError(
                f"Each row of table '{table.name}' must have {len(table.header)} cells, got one of {len(row)}."
            )
