"""How cost grows with samples, classes, parameters, epochs, rounds and trials.

Every cost is measured at sizes over three decades on one thread. Prints a table; --json FILE writes the figures, --page
FILE the documentation's page with its charts. With --from FILE nothing is measured: the figures are read from that
file.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import growth_storing
import growth_training
from growth_curves import Curve, measured
from growth_page import write_page
from warmstart.basics import write_atomically
from warmstart.store import provenance

CURVES: tuple[Curve, ...] = growth_training.CURVES + growth_storing.CURVES


def report(curves: Sequence[Curve], *, repeats: int, quick: bool) -> dict[str, Any]:
    """Measure the curves; if ``quick``, without their largest size."""
    found = []
    for curve in curves:
        sizes = curve.sizes[:-1] if quick else curve.sizes
        found.append(measured(curve, repeats=repeats, sizes=sizes))
        sys.stderr.write(f"{curve.axis}: {curve.name}, exponent {found[-1]['exponent']:.2f}\n")
    return {"curves": found, "provenance": provenance(device="cpu", workers=1, threads=torch.get_num_threads())}


def show(result: dict[str, Any]) -> None:
    table = Table("grows", "what costs", "size: seconds (median)", "exponent")
    for curve in result["curves"]:
        points = [f"{point['size']:,}: {statistics.median(point['seconds']):.2g}" for point in curve["points"]]
        table.add_row(curve["axis"], curve["name"], "  ".join(points), f"{curve['exponent']:.2f}")
    Console().print(table)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="leave out the largest sizes")
    parser.add_argument("--only", metavar="WORD", help="only curves that grow with this, such as samples")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--from", type=Path, dest="source", metavar="FILE")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    curves = [curve for curve in CURVES if options.only in (None, curve.axis)]
    if options.source:
        result = json.loads(options.source.read_text())
    else:
        result = report(curves, repeats=options.repeats, quick=options.quick)
    show(result)
    if options.json:
        write_atomically(options.json, json.dumps(result, indent=1) + "\n")
    if options.page:
        write_page(result, CURVES, options.page)


if __name__ == "__main__":
    main(sys.argv[1:])
