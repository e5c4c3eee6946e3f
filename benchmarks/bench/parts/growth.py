"""Whether any cost grows faster than what it depends on."""

import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.benchmark import Timer

from bench._costs import CURVES, Curve
from bench._part import Gate, Part, Table
from bench._turns import Setting, spread
from bench._words import time_text

UPPER_DECADES = 2
LONGEST_SECONDS = 10


def _measure(setting: Setting) -> dict[str, Any]:
    sizes = setting.some(max(len(curve.sizes) for curve in CURVES), 2)
    longest = setting.some(LONGEST_SECONDS, 1)
    return {"curves": [measured(curve, curve.sizes[:sizes], longest) for curve in CURVES]}


def measured(curve: Curve, sizes: Sequence[int], longest: int = LONGEST_SECONDS) -> dict[str, Any]:
    """Return what a curve costs at these sizes: the seconds of all repetitions, and the exponent of the medians."""
    points = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            timer: Timer = curve.prepare(size, Path(folder))
            # Repeats until the quartiles are close together; what takes long runs twice, the first time to warm up.
            points.append({"size": size, "seconds": list(timer.adaptive_autorange(max_run_time=longest).times)})
    medians = [statistics.median(point["seconds"]) for point in points]
    return {"axis": curve.axis, "name": curve.name, "points": points, "exponent": exponent(sizes, medians)}


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the power of the size with which values grow over the upper two decades: the slope on logarithms.

    Example:
        >>> round(exponent([1, 10, 100, 1000], [5.0, 2.0, 20.0, 200.0]), 6)
        1.0
    """
    upper = [(size, value) for size, value in zip(sizes, values, strict=True) if size * 10**UPPER_DECADES >= max(sizes)]
    logarithms = [(math.log(size), math.log(value)) for size, value in upper]
    return statistics.linear_regression(*zip(*logarithms, strict=True)).slope


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    rows = []
    for curve in measured["curves"]:
        first, *_, last = curve["points"]
        times = [time_text(spread(point["seconds"])) for point in (first, last)]
        sizes = f"{first['size']:,} to {last['size']:,}"
        rows.append([curve["axis"], curve["name"], sizes, *times, f"{curve['exponent']:.2f}"])
    header = ("grows with", "what costs", "sizes", "at the smallest", "at the largest", "exponent")
    return [Table("Growth of cost", header, rows)]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    limits = {(curve.axis, curve.name): curve.limit for curve in CURVES}
    return {
        f"{curve['name']}, exponent of {curve['axis']}": Gate(
            spread([curve["exponent"]]), limit=limits[curve["axis"], curve["name"]]
        )
        for curve in measured["curves"]
    }


PART = Part("growth", _measure, _tables, _gates)
