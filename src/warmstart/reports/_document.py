"""What a report holds, whatever draws it: blocks of text, tables and charts, built once and rendered four times.

A block names what it is, not how it looks: :mod:`._html`, :mod:`._markdown`, :mod:`._terminal` and :func:`as_json` each
know every kind, so a block that is added to a document is in all of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from warmstart.analysis import plain

SCHEMA: Final = "warmstart.report/1"
"""Name and version of the JSON form."""


@dataclass(frozen=True)
class Link:
    """A text that leads to the group with this anchor."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Badge:
    """A text with a short label in front, such as a claim with its verdict."""

    label: str
    text: str


# Whatever draws a table asks for no more than these three.
Cell = str | Link | tuple[Badge, ...]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its title.
        is_number: Whether its cells are numbers, which are read best when they stand below each other.
        is_tight: Whether a page should not break its cells.
        brief: Its title where there is little room; empty: the same; None: it is left out there.
        is_optional: Whether a terminal that has no room for it leaves it out.
    """

    title: str
    is_number: bool = False
    is_tight: bool = False
    brief: str | None = ""
    is_optional: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of equally many cells; ``style`` is a class of the page's style sheet."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    style: str = ""
    kind: str = field(default="table", init=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The titles of the columns."""
        return tuple(column.title for column in self.columns)


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: Of its files and of its place on the page.
        title: What it is, for who cannot see it.
        caption: What it shows.
        spec: Vega-Lite specification.
        remark: What it leaves out; empty: nothing.
        least_width: In pixels, below which its texts overlap; 0: it fits any screen.
        subtitle: Paragraphs in its image file, which is shown apart from the page.
    """

    name: str
    title: str
    caption: str
    spec: Mapping[str, Any]
    remark: str = ""
    least_width: int = 0
    subtitle: tuple[str, ...] = ()
    kind: str = field(default="chart", init=False)


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``role`` is empty, ``caption``, ``remark``, or ``absent`` where it says that there is nothing."""

    text: str
    role: str = ""
    kind: str = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    kind: str = field(default="bullets", init=False)


@dataclass(frozen=True)
class Definitions:
    """Terms, each with what it stands for."""

    items: tuple[tuple[str, str], ...]
    kind: str = field(default="definitions", init=False)


@dataclass(frozen=True)
class Note:
    """What comes before everything else, such as the verdict, with its context and with what to keep in mind."""

    label: str
    text: str
    remarks: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    kind: str = field(default="note", init=False)


@dataclass(frozen=True)
class Group:
    """Blocks that belong together.

    Attributes:
        role: ``section``, ``chapter``, ``finding``, ``exhibit``, or ``fold``, which a page opens by a click.
        blocks: What it holds.
        title: Its heading; empty: none.
        badge: A short label in front of the heading.
        anchor: Where links lead to; a chapter has one.
        kicker: What stands above the heading of a chapter.
        is_brief: Whether a terminal shows it, which has room for the most important alone.
    """

    role: str
    blocks: "tuple[Block, ...]"
    title: str = ""
    badge: str = ""
    anchor: str = ""
    kicker: str = ""
    is_brief: bool = False
    kind: str = field(default="group", init=False)


Block = Table | Chart | Paragraph | Bullets | Definitions | Note | Group


@dataclass(frozen=True)
class Document:
    """A report: what kind of report it is, its title, a line below it, and its blocks in order."""

    kicker: str
    title: str
    subtitle: str
    blocks: tuple[Block, ...]

    def charts(self) -> list[Chart]:
        """Return all charts in order, also those inside groups."""
        return list(_charts(self.blocks))


def as_json(document: Document) -> str:
    """Return a document as JSON: its blocks by ``kind``, charts as Vega-Lite specifications."""
    # Its kind is a field of every block, so the JSON needs no list of kinds that could fall behind.
    values = {"schema": SCHEMA, **plain(document)}
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def settings_table(values: Mapping[str, Any]) -> Table:
    """Return nested settings as dotted names and values.

    Example:
        >>> settings_table({"model": {"hidden": [8, 8], "bias": True}}).rows
        [('model.hidden', '8, 8'), ('model.bias', 'yes')]
    """
    return Table((Column("setting"), Column("value")), list(_flattened(values, "")))


def _charts(blocks: Sequence[Block]) -> Iterator[Chart]:
    for block in blocks:
        if isinstance(block, Group):
            yield from _charts(block.blocks)
        elif isinstance(block, Chart):
            yield block


def _flattened(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    # 1 == True in Python, so the type decides.
    is_word = value is None or isinstance(value, bool)
    return {True: "yes", False: "no", None: "none"}[value] if is_word else str(value)
