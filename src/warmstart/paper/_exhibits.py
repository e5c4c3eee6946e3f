"""What an experiment shows: tables and charts as plain data, ready to be drawn by whoever draws."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Whose a number is: ``US`` measured it here, the ``PAPER`` published it, an independent ``REPRODUCTION`` did."""

    US = "ours"
    PAPER = "paper"
    REPRODUCTION = "reproduction"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Args:
        name: Of the table, fit for a file name and unlike that of the experiment's other exhibits.
        caption: One or two sentences: what it shows, with units.
        header: Titles of the columns.
        rows: Cells, one for each column.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Point:
    """One value of a chart.

    Args:
        series: What it belongs to, as the legend names it.
        x: Where it lies.
        y: Its value; None: there is none, such as where training diverged.
        low: Lower end of its interval; None: no interval.
        high: Upper end of its interval.
        n: How many seeds it is the mean of; 0 where that is not known.
        by: Whose number it is.
    """

    series: str
    x: float
    y: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    by: Source = Source.US


class Format(StrEnum):
    """How values are written: ``SHARE`` in [0, 1] as per cent, ``NUMBER`` as it is, ``POINTS`` with a sign."""

    SHARE = "share"
    NUMBER = "number"
    POINTS = "points"


@dataclass(frozen=True)
class Axis:
    """An axis.

    Args:
        title: With the unit.
        format: How its values are written.
        log: Whether it is logarithmic; values of 0 or less are then left out.
    """

    title: str
    format: Format = Format.NUMBER
    log: bool = False


@dataclass(frozen=True)
class Curves:
    """Values against a quantity, one line (or, unjoined, one cloud of points) for each series.

    Args:
        name: As of a table.
        caption: As of a table.
        x: Horizontal axis.
        y: Vertical axis.
        points: In any order; an interval is drawn where both ends are there. Published ones are drawn apart.
        joined: Whether points of a series are joined by a line; False: a scatter plot.
        zero: Whether a line marks y = 0.
    """

    name: str
    caption: str
    x: Axis
    y: Axis
    points: tuple[Point, ...]
    joined: bool = True
    zero: bool = False


@dataclass(frozen=True)
class Cell:
    """One value of a heat map.

    Args:
        x: Its column, as text.
        y: Its row, as text.
        value: Its value; None: none.
        low: Lower end of its interval.
        high: Upper end of its interval.
        n: How many seeds.
    """

    x: str
    y: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True)
class HeatMap:
    """Values on a grid of two options, with each value written in its cell.

    Args:
        name: As of a table.
        caption: As of a table.
        x: Title of the columns' option.
        y: Title of the rows' option.
        value: Title and format of the values.
        cells: In the order in which columns and rows first appear.
    """

    name: str
    caption: str
    x: str
    y: str
    value: Axis
    cells: tuple[Cell, ...]


Exhibit = Table | Curves | HeatMap
