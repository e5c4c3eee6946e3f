"""A document on the terminal: what is brief of it, fit for 80 columns."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._document import Block, Bullets, Cell, Chart, Definitions, Document, Group, Link, Note, Paragraph, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table as RichTable


def for_terminal(document: Document) -> "Iterator[RenderableType]":
    """Return the brief groups of a document, and its note last, where a reader of a terminal looks first.

    Args:
        document: Any.

    Returns:
        What to print on a rich console; labels are shown as they are, also where they look like markup.
    """
    # What comes last is what stands above the prompt.
    brief = [block for block in document.blocks if isinstance(block, Group) and block.is_brief]
    for group in brief:
        yield from _parts(group.blocks)
    yield from _parts([block for block in document.blocks if isinstance(block, Note)])


def rich_table(content: Table) -> "RenderableType":
    """Return a table for a rich console, without the columns that are left out where there is little room."""
    return _Fitting(content)


@dataclass(frozen=True)
class _Fitting:
    """A table with as many of its optional columns, from the left, as fit."""

    content: Table

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[RenderableType]":
        from rich.measure import Measurement
        from rich.text import Text

        columns = self.content.columns
        shown = [index for index, column in enumerate(columns) if column.brief is not None]
        optional = [index for index in shown if columns[index].is_optional]
        while optional and Measurement.get(
            console, options.update(width=1000), _drawn(self.content, shown)
        ).maximum > min(options.max_width, MOST_COLUMNS):
            shown.remove(optional.pop())
        yield _drawn(self.content, shown)
        shortened = any(_UNDETECTED in _text(row[index]) for row in self.content.rows for index in shown)
        caption = self.content.caption + (f" {_SHORT}: no difference detected." if shortened else "")
        # Rich wraps a table's own caption at more than the console's width, and cuts off the rest.
        if caption:
            yield Text(caption, style="table.caption")


def _drawn(content: Table, shown: Sequence[int]) -> "RichTable":
    """Return the columns with these indices as a table for a rich console."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    # Labels, in the first column, stay whole; what is optional takes as little room as it can.
    breaks = [" ±" if content.columns[index].is_optional else "" for index in shown]
    cells = [
        [
            _text(row[shown[0]]),
            *(_stacked(_text(row[index]), mark) for index, mark in zip(shown[1:], breaks[1:], strict=True)),
        ]
        for row in content.rows
    ]
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, index in enumerate(shown):
        column = content.columns[index]
        # Labels would otherwise be broken first, although they distinguish the rows.
        width = min(max((len(row[0]) for row in cells), default=0), 16) if place == 0 else None
        title = _stacked(column.brief or column.title.replace(" to ", "\nto "), ", ")
        table.add_column(title, justify="right" if column.is_number else "left", min_width=width)
    # Text: a label such as "[bold]" would otherwise be taken as markup.
    for row in cells:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table


MOST_COLUMNS = 100
"""Of a table, also on a wider terminal: beyond it, lines are hard to follow."""

_UNDETECTED = "no difference detected"
_SHORT = "n.d."
_SIZED = re.compile(r"(.*) (\[.*\]) (\S+)")


def _parts(blocks: Sequence[Block]) -> "Iterator[RenderableType]":
    from rich.text import Text

    for block in blocks:
        match block:
            case Group():
                label = f"{block.badge.capitalize()}: " if block.badge else ""
                if block.title:
                    yield Text(f"{label}{block.title}", style="bold")
                yield from _parts(block.blocks)
            case Table():
                yield rich_table(block)
            case Chart():
                yield Text(f"{block.caption} (charts/{block.name}.png)")
            case Note():
                yield Text(block.text)
                yield from map(Text, block.context)
                yield from (Text(f"Note: {remark}") for remark in block.remarks)
            case Bullets():
                yield from (Text(f"- {item}") for item in block.items)
            case Definitions():
                yield from (Text(f"{term}: {text}") for term, text in block.items)
            case Paragraph():
                yield Text(block.text)


def _text(cell: Cell) -> str:
    if isinstance(cell, str | Link):
        return cell if isinstance(cell, str) else cell.text
    return "\n".join(f"{badge.label}: {badge.text}" for badge in cell) or "none"


def _stacked(cell: str, *breaks: str) -> str:
    """Put what stands in brackets on a line of its own: narrow columns, and no word broken."""
    cell = cell.replace(_UNDETECTED, _SHORT)
    if found := _SIZED.fullmatch(cell):
        size, ends, unit = found.groups()
        return f"{size}{',' if size == _SHORT else ''} {unit}\n{ends}"
    for mark in (" [", " (", *filter(None, breaks)):
        cell = cell.replace(mark, f"{mark.rstrip(' [(±')}\n{mark.strip(' ,')}")
    return cell
