"""The program."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from warmstart.basics import write_atomically
from warmstart.store import provenance

from ._cells import cells
from ._place import Place


def main(arguments: Sequence[str]) -> int:
    """Measure cells until all are measured or the time is over; return the exit code."""
    options = _parser().parse_args(arguments)
    place = Place(options.device, options.quick, options.repeats)
    if place.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device; --device cpu --quick only checks that the program runs.")
    chosen = {
        name: cell for name, cell in cells(place.some(32, 2)).items() if options.only in (None, name.split(",")[0])
    }
    results = json.loads(options.json.read_text()) if options.json.exists() else {}
    _measure({name: cell for name, cell in chosen.items() if name not in results}, place, results, options)
    _show(results)
    left = [name for name in chosen if name not in results]
    remaining = f"{len(left)} cells are left: run the same command again to resume."
    Console().print(remaining if left else "All cells are measured.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure training on a GPU; run again, it resumes.")
    parser.add_argument("--json", type=Path, required=True, help="where figures are stored, cell by cell")
    parser.add_argument("--minutes", type=float, default=9, help="start no further cell after this time (default: 9)")
    parser.add_argument("--only", metavar="KIND", help="only cells of a kind, such as lanes")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="less of everything: only checks that it runs")
    parser.add_argument("--repeats", type=int, default=3, help="turns that count (default: 3)")
    return parser


def _measure(todo: Mapping[str, Any], place: Place, results: dict[str, Any], options: argparse.Namespace) -> None:
    begin = time.monotonic()
    for number, (name, cell) in enumerate(todo.items()):
        if number and time.monotonic() - begin > options.minutes * 60:
            return
        made = provenance(device=place.device, workers=1, threads=torch.get_num_threads())
        try:
            measured = cell(place)
        except torch.cuda.OutOfMemoryError as error:  # too many lanes for the memory are a result, too
            measured = {"out_of_memory": str(error).splitlines()[0]}
        results[name] = {"measured": measured, "made": {**made, "turns": place.repeats, "quick": place.quick}}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.json, json.dumps(results, indent=2) + "\n")


def _show(results: Mapping[str, Any]) -> None:
    table = Table("cell", "figure", "median [quartiles]")
    for name, result in results.items():
        for figure, value in _flat(result["measured"]):
            table.add_row(name, figure, value)
    Console().print(table)


def _flat(measured: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in measured.items():
        if isinstance(value, Mapping) and "median" in value:
            rows.append((before + name, "{median:.4g} [{lower_quartile:.4g}, {upper_quartile:.4g}]".format(**value)))
        elif isinstance(value, Mapping):
            rows += _flat(value, f"{before}{name}: ")
        else:
            rows.append((before + name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows
