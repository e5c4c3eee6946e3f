"""A document as Markdown, with the charts as images in the folder ``charts`` beside it."""

from collections.abc import Iterator, Sequence

from ._document import Block, Bullets, Cell, Chart, Definitions, Document, Group, Link, Note, Paragraph, Table


def as_markdown(document: Document) -> str:
    """Return a document as Markdown."""
    parts = [f"# {escaped(document.title)}", escaped(document.subtitle), *_parts(document.blocks, 2)]
    return "\n\n".join(part for part in parts if part) + "\n"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown whose cells are Markdown already; its titles are texts."""
    # No colons for the alignment: the tables that documentation cites stay as they are.
    lines = [list(map(escaped, header)), ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    r"""Return a text on one line, with every mark that Markdown would read as its own made literal.

    Example:
        >>> print(escaped("a_b | [1, 2](3)"))
        a\_b \| [1, 2]\(3)
    """
    # The backslash first: those that are put in afterwards must stay single.
    for mark in ("\\", "|", "<", "*", "_", "`", "~"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("](", "]\\(").replace("\n", " ")


def _parts(blocks: Sequence[Block], level: int) -> Iterator[str]:
    """Return the blocks one after the other; ``level`` is that of their headings."""
    for block in blocks:
        match block:
            case Group():
                yield f'<a id="{block.anchor}"></a>' if block.anchor else ""
                badge = f"{block.badge.capitalize()}: " if block.badge else ""
                yield f"{'#' * level} {badge}{escaped(block.title)}" if block.title else ""
                yield f"{escaped(block.kicker)} (`{block.anchor}`)" if block.kicker else ""
                yield from _parts(block.blocks, level + 1)
            case Table():
                yield from (escaped(block.caption), grid(block.header, [list(map(_cell, row)) for row in block.rows]))
            case Chart():
                yield from (escaped(block.caption), f"![{block.name}](charts/{block.name}.png)", escaped(block.remark))
            case Note():
                yield from (
                    f"**{escaped(block.text)}**",
                    escaped(" ".join(block.context)),
                    "\n".join(f"- {escaped(text)}" for text in block.remarks),
                )
            case Bullets():
                yield "\n".join(f"- {escaped(text)}" for text in block.items)
            case Definitions():
                yield "\n".join(f"- **{escaped(term)}:** {escaped(text)}" for term, text in block.items)
            case Paragraph():
                yield f"**{escaped(block.text)}**" if block.role == "absent" else escaped(block.text)


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escaped(cell)
    if isinstance(cell, Link):
        return f"[{escaped(cell.text)}](#{cell.anchor})"
    # A cell of a Markdown table is one line.
    return "<br>".join(f"**{badge.label}**: {escaped(badge.text)}" for badge in cell) or "none"
