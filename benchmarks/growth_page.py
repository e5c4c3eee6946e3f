"""The page on growth: tables and charts from what was measured."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from growth_curves import UPPER_DECADES, Curve
from warmstart.basics import write_atomically
from warmstart.reports._export import images_of
from warmstart.reports._markdown import grid
from warmstart.reports.charts._style import COLOURS, DASHES, HEIGHT, SHAPES, WIDTH, altair

HEADER = ("what costs", "sizes", "at the smallest", "at the largest", "exponent", "memory at the largest")
_UNITS = (("µs", 1e-6), ("ms", 1e-3))
OPENING = f"""# Growth of cost

How cost grows with samples, classes, parameters, epochs, rounds and trials. Times are medians, with the fastest and the
slowest repetition in brackets (bars in the charts); the first repetition, which includes what is set up once, is
dropped where it is short. The *exponent* is the power of the size with which the median grows over the upper
{UPPER_DECADES} decades, the slope on logarithmic axes: 1 is proportional (the dotted line in the charts), 0 is
constant. In between, part of the cost does not grow yet. A little above 1, data may outgrow the processor's caches, or
the machine was busy with something else. *Memory* is the peak beyond what the process had before.

    python benchmarks/growth.py --json benchmarks/results/growth.json --page docs/growth.md

measures everything on one thread, and writes this page, its charts and the file `benchmarks/results/growth.json`. A
test compares the page with that file.
"""


def page(result: Mapping[str, Any], curves: Sequence[Curve]) -> str:
    """Return the page as Markdown."""
    made = result["provenance"]
    machine = f"Measured on: {made['cpu']}, {made['threads']} thread, PyTorch {made['torch']}, commit {made['commit']}."
    return "\n".join([OPENING, machine, *(_section(axis, result, curves) for axis in axes(result))])


def axes(result: Mapping[str, Any]) -> list[str]:
    """Return what grows, each once, in order."""
    return list(dict.fromkeys(curve["axis"] for curve in result["curves"]))


def _section(axis: str, result: Mapping[str, Any], curves: Sequence[Curve]) -> str:
    found = _found(axis, result)
    why = {curve.name: curve.why for curve in curves if curve.axis == axis}
    reasons = "\n".join(f"- {_capital(curve['name'])}: {why[curve['name']]}" for curve in found)
    drawn = f"![Growth with {axis}](images/{image_name(axis)})"
    table = grid(HEADER, [_row(curve) for curve in found])
    return f"\n## With {axis}\n\n{table}\n\n{drawn}\n\n{reasons}\n".rstrip()


def _found(axis: str, result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [curve for curve in result["curves"] if curve["axis"] == axis]


def image_name(axis: str) -> str:
    """Return the file name of a chart."""
    return f"growth-{axis}.svg"


def _row(curve: Mapping[str, Any]) -> list[str]:
    first, *_, last = curve["points"]
    memory = last.get("mebibytes")
    return [
        curve["name"],
        f"{first['size']:,} to {last['size']:,}",
        _seconds(first),
        _seconds(last),
        f"{curve['exponent']:.2f}",
        "" if memory is None else f"{memory:,.0f} MiB",
    ]


def _seconds(point: Mapping[str, Any]) -> str:
    seconds = point["seconds"]
    median = statistics.median(seconds)
    unit, size = next(((unit, size) for unit, size in _UNITS if median < 1000 * size), ("s", 1.0))
    shown, low, high = (_digits(value / size) for value in (median, min(seconds), max(seconds)))
    return f"{shown} {unit} [{low}, {high}]"


def _digits(value: float) -> str:
    """Return a number with two digits, or all those before the point."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def write_page(result: Mapping[str, Any], curves: Sequence[Curve], file: Path) -> None:
    """Write the page, and its charts into the folder ``images`` beside it."""
    specs = {image_name(axis).removesuffix(".svg"): chart(axis, result).to_dict() for axis in axes(result)}
    folder = file.parent / "images"
    folder.mkdir(exist_ok=True)
    for name, content in images_of(specs).items():
        if name.endswith(".svg"):
            write_atomically(folder / name, content)
    write_atomically(file, page(result, curves) + "\n")


def chart(axis: str, result: Mapping[str, Any]) -> Any:
    """Return seconds against size on logarithms, a line per curve, with bars of the spread and a proportional line."""
    alt, found = altair(), _found(axis, result)
    names = [curve["name"] for curve in found]
    rows = [row for curve in found for row in _points(curve)]
    x = alt.X("size:Q", title=axis, scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", grid=False, tickCount=6))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=_channel(alt.Color, names, COLOURS))
    y = alt.Y("median:Q", title="seconds", scale=alt.Scale(type="log"), axis=alt.Axis(format="~g", tickCount=6))
    lines = base.mark_line(strokeWidth=2.2).encode(y=y, strokeDash=_channel(alt.StrokeDash, names, DASHES))
    points = base.mark_point(filled=True, size=70, opacity=1).encode(y=y, shape=_channel(alt.Shape, names, SHAPES))
    spread = base.mark_rule(strokeWidth=1.6).encode(y="fastest:Q", y2="slowest:Q")
    even = alt.Chart(alt.Data(values=_in_proportion(rows))).mark_line(strokeDash=[1, 4], color="#8a8f94")
    layers = alt.layer(even.encode(x=x, y=y), spread, lines, points)
    return layers.properties(title=f"Growth with {axis}", width=WIDTH, height=HEIGHT)


def _channel(kind: Any, names: Sequence[str], looks: Sequence[Any]) -> Any:
    alt = altair()
    chosen = [looks[index % len(looks)] for index in range(len(names))]
    legend = alt.Legend(orient="bottom", title=None, columns=2)
    return kind("name:N", scale=alt.Scale(domain=list(names), range=chosen), legend=legend)


def _points(curve: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for point in curve["points"]:
        seconds = point["seconds"]
        ends = {"median": statistics.median(seconds), "fastest": min(seconds), "slowest": max(seconds)}
        yield {"name": curve["name"], "size": point["size"], **ends}


def _in_proportion(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Return the ends of a line of slope 1 through the largest value."""
    largest = max(rows, key=lambda row: row["median"])
    smallest = min(row["size"] for row in rows)
    low = largest["median"] * smallest / largest["size"]
    return [{"size": smallest, "median": low}, {"size": largest["size"], "median": largest["median"]}]
