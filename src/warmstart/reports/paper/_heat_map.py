"""Values on a grid of two options."""

from typing import Any, Final

from warmstart.paper import Cell, Format, HeatMap
from warmstart.reports.charts._style import NEUTRAL, WIDTH, altair

from ._values import NO_VALUE, interval_text, is_value, seeds_text, value_text
from ._words import title_lines

CELL_HEIGHT: Final = 40
CELL_WIDTH: Final = 52

# Black and white have the same contrast to a colour of this luminance: (L + 0.05)^2 = 0.05 * 1.05.
DARK_BELOW: Final = 0.179


def heat_map_chart(heat: HeatMap) -> Any:
    """Return a coloured cell with its value for each pair of options; where there is none, a dashed cell with ``-``."""
    alt, rows = altair(), rows_of(heat)
    base = alt.Chart().encode(x=_x(heat), y=_y(heat), tooltip=_tooltip(heat))
    layers = []
    if any(row["value"] is not None for row in rows):
        filled = base.transform_filter("isValid(datum.value)")
        layers += [
            filled.mark_rect(cornerRadius=3).encode(color=_colour(heat)),
            filled.mark_text(fontSize=12).encode(text="text:N", color=_ink()),
        ]
    if any(row["value"] is None for row in rows):
        empty = base.transform_filter("!isValid(datum.value)")
        layers += [
            empty.mark_rect(fillOpacity=0.12, fill=NEUTRAL, stroke=NEUTRAL, strokeDash=[3, 3], cornerRadius=3),
            empty.mark_text(fontSize=12, color=NEUTRAL).encode(text="text:N"),
        ]
    chart = alt.layer(*layers, data=alt.Data(values=rows))
    height = CELL_HEIGHT * len(_rows(heat)) + 8
    return chart.properties(title=title_lines(heat.value.title), width=max(WIDTH, least_width(heat)), height=height)


def rows_of(heat: HeatMap) -> list[dict[str, Any]]:
    """Return a row for every pair of options; a pair without a cell has no value."""
    cells = {(cell.x, cell.y): cell for cell in heat.cells}
    return [_row(heat, cells.get((x, y), Cell(x, y, None))) for y in _rows(heat) for x in _columns(heat)]


def least_width(heat: HeatMap) -> int:
    """Return the least width, in pixels, at which the values fit into their cells."""
    return CELL_WIDTH * len(_columns(heat)) + 80


def _columns(heat: HeatMap) -> list[str]:
    return list(dict.fromkeys(cell.x for cell in heat.cells))


def _rows(heat: HeatMap) -> list[str]:
    return list(dict.fromkeys(cell.y for cell in heat.cells))


def _row(heat: HeatMap, cell: Cell) -> dict[str, Any]:
    form = heat.value.format
    return {
        "x": cell.x,
        "y": cell.y,
        "value": cell.value if is_value(cell.value) else None,
        "text": value_text(cell.value, form),
        "interval": interval_text(cell.low, cell.high, form),
        "seeds": seeds_text(cell.n) if is_value(cell.value) else NO_VALUE,
    }


def _x(heat: HeatMap) -> Any:
    alt, columns = altair(), _columns(heat)
    angle = 0 if max(map(len, columns)) <= 7 else -40
    axis = alt.Axis(labelAngle=angle, labelLimit=140, domain=False, ticks=False)
    return alt.X("x:N", sort=columns, title=title_lines(heat.x), axis=axis, scale=_bands(0.03))


def _y(heat: HeatMap) -> Any:
    alt = altair()
    axis = alt.Axis(labelLimit=140, domain=False, ticks=False)
    return alt.Y("y:N", sort=_rows(heat), title=title_lines(heat.y), axis=axis, scale=_bands(0.06))


def _bands(gap: float) -> Any:
    return altair().Scale(paddingInner=gap, paddingOuter=gap / 2)


def _colour(heat: HeatMap) -> Any:
    """Return a scale that is read with every common kind of colour blindness; that of differences has a middle."""
    alt = altair()
    values = [abs(cell.value) for cell in heat.cells if is_value(cell.value)]
    if heat.value.format is Format.POINTS:
        most = max(values) or 1.0
        scale = alt.Scale(scheme="purpleorange", domain=[-most, most], reverse=True)
    else:
        scale = alt.Scale(scheme="viridis", zero=False, nice=False)
    return alt.Color("value:Q", scale=scale, legend=None)


def _ink() -> Any:
    alt = altair()
    dark = f"luminance(scale('color', datum.value)) < {DARK_BELOW}"
    return alt.condition(dark, alt.value("white"), alt.value("black"))


def _tooltip(heat: HeatMap) -> list[Any]:
    alt = altair()
    return [
        alt.Tooltip("x:N", title=heat.x),
        alt.Tooltip("y:N", title=heat.y),
        alt.Tooltip("text:N", title=heat.value.title),
        alt.Tooltip("interval:N"),
        alt.Tooltip("seeds:N"),
    ]
