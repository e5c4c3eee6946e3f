"""Values on a grid of two options."""

from collections.abc import Iterable
from typing import Any, Final

from warmstart.paper import Cell, Format, HeatMap
from warmstart.reports.charts._style import NEUTRAL, WIDTH, altair

from ._values import NO_VALUE, interval_text, is_value, seeds_text, title_lines, value_text

CELL_HEIGHT: Final = 40
CELL_WIDTH: Final = 52

# Black and white have the same contrast to a colour of this luminance: (L + 0.05)^2 = 0.05 * 1.05.
DARK_BELOW: Final = 0.179


def heat_map_chart(heat: HeatMap) -> Any:
    """Return a coloured cell with its value for each pair of options; where there is none, a dashed cell with ``-``."""
    alt, rows, columns = altair(), rows_of(heat), _distinct(cell.x for cell in heat.cells)
    lines = _distinct(cell.y for cell in heat.cells)
    angle = 0 if max(map(len, columns)) <= 7 else -40
    x, y = (
        {"title": title_lines(title), "sort": sort, "scale": alt.Scale(paddingInner=gap, paddingOuter=gap / 2)}
        for title, sort, gap in ((heat.x, columns, 0.03), (heat.y, lines, 0.06))
    )
    quiet = {"labelLimit": 140, "domain": False, "ticks": False}
    titles = {"x:N": heat.x, "y:N": heat.y, "text:N": heat.value.title}
    base = alt.Chart().encode(
        x=alt.X("x:N", axis=alt.Axis(labelAngle=angle, **quiet), **x),
        y=alt.Y("y:N", axis=alt.Axis(**quiet), **y),
        tooltip=[*(alt.Tooltip(field, title=title) for field, title in titles.items()), "interval:N", "seeds:N"],
    )
    layers = []
    if any(row["value"] is not None for row in rows):
        filled = base.transform_filter("isValid(datum.value)")
        dark = f"luminance(scale('color', datum.value)) < {DARK_BELOW}"
        ink = alt.condition(dark, alt.value("white"), alt.value("black"))
        # Scales that are read with every common kind of colour blindness; that of differences has a middle.
        scale = alt.Scale(scheme="viridis", zero=False, nice=False)
        if heat.value.format is Format.POINTS:
            most = max(abs(cell.value) for cell in heat.cells if is_value(cell.value)) or 1.0
            scale = alt.Scale(scheme="purpleorange", domain=[-most, most], reverse=True)
        layers += [
            filled.mark_rect(cornerRadius=3).encode(color=alt.Color("value:Q", scale=scale, legend=None)),
            filled.mark_text(fontSize=12).encode(text="text:N", color=ink),
        ]
    if any(row["value"] is None for row in rows):
        empty = base.transform_filter("!isValid(datum.value)")
        layers += [
            empty.mark_rect(fillOpacity=0.12, fill=NEUTRAL, stroke=NEUTRAL, strokeDash=[3, 3], cornerRadius=3),
            empty.mark_text(fontSize=12, color=NEUTRAL).encode(text="text:N"),
        ]
    chart = alt.layer(*layers, data=alt.Data(values=rows))
    height = CELL_HEIGHT * len(lines) + 8
    return chart.properties(title=title_lines(heat.value.title), width=max(WIDTH, least_width(heat)), height=height)


def rows_of(heat: HeatMap) -> list[dict[str, Any]]:
    """Return a row for every pair of options; a pair without a cell has no value."""
    form, rows = heat.value.format, []
    cells = {(cell.x, cell.y): cell for cell in heat.cells}
    for y in _distinct(cell.y for cell in heat.cells):
        for x in _distinct(cell.x for cell in heat.cells):
            cell = cells.get((x, y), Cell(x, y, None))
            known = is_value(cell.value)
            texts = {"text": value_text(cell.value, form), "interval": interval_text(cell.low, cell.high, form)}
            seeds = seeds_text(cell.n) if known else NO_VALUE
            rows.append({"x": x, "y": y, "value": cell.value if known else None, **texts, "seeds": seeds})
    return rows


def least_width(heat: HeatMap) -> int:
    """Return the least width, in pixels, at which the values fit into their cells."""
    return CELL_WIDTH * len({cell.x for cell in heat.cells}) + 80


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
