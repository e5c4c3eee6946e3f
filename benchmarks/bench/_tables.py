"""Tables of texts, for the terminal and for a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import rich.table


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        title: What it shows, a phrase.
        header: Names of the columns.
        rows: Cells, as many in each row as there are columns.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def as_markdown(table: Table) -> str:
    """Return the lines of a table, without its title.

    Example:
        >>> print(as_markdown(Table("sums", ["a", "b"], [["1", "2"]])))
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_rich(table: Table) -> rich.table.Table:
    """Return a table for the terminal."""
    drawn = rich.table.Table(*table.header, title=table.title, title_justify="left")
    for row in table.rows:
        drawn.add_row(*(cell.replace("[", r"\[") for cell in row))
    return drawn
