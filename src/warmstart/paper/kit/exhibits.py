"""What an experiment shows: tables and charts as plain data, rendered elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Origin of a number: ``US`` measured it, the ``PAPER`` published it, an independent ``REPRODUCTION`` did."""

    US = "ours"
    PAPER = "paper"
    REPRODUCTION = "reproduction"


@dataclass(frozen=True)
class Table:
    """A table of text.

    Args:
        name: Unique among the exhibits of the experiment, and usable in a file name.
        caption: One or two sentences: what it shows, with units.
        header: Column titles.
        rows: Cells, one per column.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Point:
    """One value of a chart.

    Args:
        series: Name of its series, as in the legend.
        x: Position on the horizontal axis.
        y: The value; None where there is none, such as after training diverged.
        low: Lower end of the interval; None: no interval.
        high: Upper end of the interval.
        n: Number of seeds it is the mean of; 0 where unknown.
        by: Origin of the number.
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


ACCURACY_AXIS = Axis("accuracy", Format.SHARE)
POINTS_AXIS = Axis("points", Format.POINTS)
SAMPLES_SEEN = Axis("training samples seen")


@dataclass(frozen=True)
class Curves:
    """Values against a quantity, one line (or, unjoined, one cloud of points) per series.

    Args:
        name: As in :class:`Table`.
        caption: As in :class:`Table`.
        x: Horizontal axis.
        y: Vertical axis.
        points: In any order; an interval is drawn where both ends are known. Published points are drawn differently.
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
        n: Number of seeds.
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
        name: As in :class:`Table`.
        caption: As in :class:`Table`.
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
