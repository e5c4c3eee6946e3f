"""A document on the terminal: what is brief of it, fit for 80 columns."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ._document import Block, Bullets, Cell, Chart, Definitions, Document, Group, Link, Note, Paragraph, Table

if TYPE_CHECKING:
    from rich.console import RenderableType


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
    from rich import box
    from rich.console import Group as RichGroup
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = [index for index, column in enumerate(content.columns) if column.brief is not None]
    cells = [[_text(row[index]) for index in shown] for row in content.rows]
    shortened = any(_UNDETECTED in cell for row in cells for cell in row)
    caption = content.caption + (f" {_SHORT}: no difference detected." if shortened else "")
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, index in enumerate(shown):
        column = content.columns[index]
        # Labels would otherwise be broken first, although they distinguish the rows.
        width = min(max((len(row[0]) for row in cells), default=0), 16) if place == 0 else None
        title = _stacked(column.brief or column.title, ", ")
        table.add_column(title, justify="right" if column.is_number else "left", min_width=width)
    # Text: a label such as "[bold]" would otherwise be taken as markup. Labels, in the first column, stay whole.
    for row in cells:
        table.add_row(*(Text(cell if not place else _stacked(cell), overflow="fold") for place, cell in enumerate(row)))
    # Rich wraps a table's own caption at more than the console's width, and cuts off the rest.
    return RichGroup(table, Text(caption, style="table.caption")) if caption else table


_UNDETECTED = "(no difference detected)"
_SHORT = "n.d."


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
    cell = cell.replace(_UNDETECTED, f"({_SHORT})")
    for mark in (" [", " (", *breaks):
        cell = cell.replace(mark, f"{mark.rstrip(' [(')}\n{mark.strip(' ,')}")
    return cell
