"""Colours and marks that distinguish a chart's series, ours from published ones too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from warmstart.paper import Point, Source
from warmstart.reports.charts._style import COLOURS, SHAPES, altair

_PUBLISHED = {Source.PAPER: (5.0, 3.0), Source.REPRODUCTION: (1.5, 3.0)}
_OURS = ((1.0, 0.0), (14.0, 4.0), (14.0, 4.0, 5.0, 4.0))


@dataclass(frozen=True)
class Look:
    """How one entry of the legend is drawn.

    Attributes:
        label: Its name there.
        colour: Of the series, whosever numbers these are.
        shape: Likewise.
        dash: Of its line.
        hollow: Whether its marks are.
    """

    label: str
    colour: str
    shape: str
    dash: tuple[float, ...]
    hollow: bool


def label_of(point: Point) -> str:
    """Return the name of a point's series in the legend.

    Example:
        >>> label_of(Point("cold", 0, 0.5)), label_of(Point("cold", 0, 0.5, by=Source.PAPER))
        ('cold', 'cold (paper)')
    """
    return point.series if point.by is Source.US else f"{point.series} ({point.by})"


def looks_of(points: Sequence[Point]) -> list[Look]:
    """Return a look for every series and whose numbers they are: ours, then the paper's, then the reproduction's.

    Colour and shape are the series'; published numbers have hollow marks and short dashes, our lines are solid for the
    first six series and have longer dashes when the colours come round again.
    """
    series = list(dict.fromkeys(point.series for point in points))
    present = {(point.series, point.by): label_of(point) for point in points}
    looks = []
    for by in Source:
        for index, name in enumerate(series):
            if (name, by) in present:
                # Our lines are told apart by dashes once the colours have come round.
                dash = _PUBLISHED.get(by) or _OURS[index // len(COLOURS) % len(_OURS)]
                colour, shape = COLOURS[index % len(COLOURS)], SHAPES[index % len(SHAPES)]
                looks.append(Look(present[name, by], colour, shape, dash, hollow=by is not Source.US))
    return looks


def look_channels(looks: Sequence[Look]) -> dict[str, Any]:
    """Return the encodings of the field ``label``, in one legend: stroke, fill and shape."""
    alt = altair()
    legend = alt.Legend(orient="bottom", title=None, symbolStrokeWidth=1.8)

    def scale(values: list[Any]) -> Any:
        return alt.Scale(domain=[look.label for look in looks], range=values)

    # Transparent, not white: marks lie on each other, and pages are dark, too.
    fills = ["transparent" if look.hollow else look.colour for look in looks]
    return {
        "stroke": alt.Stroke("label:N", scale=scale([look.colour for look in looks]), legend=legend),
        "fill": alt.Fill("label:N", scale=scale(fills), legend=legend),
        "shape": alt.Shape("label:N", scale=scale([look.shape for look in looks]), legend=legend),
    }
