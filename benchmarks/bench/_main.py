"""The program."""

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recorded_page import filled
from warmstart.basics import write_atomically
from warmstart.store import provenance

from ._part import Gate, Part, Table
from ._turns import Setting
from ._words import ratio_text
from .parts import PARTS

_ORIGIN = ("commit", "created", "torch", "python", "cpu", "cores", "threads", "turns", "load_before", "load_after")


def main(arguments: Sequence[str]) -> int:
    """Measure the parts asked for, show and store them; return 1 if one stops a release."""
    options = _parser().parse_args(arguments)
    names = [] if options.no_measuring else options.parts or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise SystemExit(f"PART must be one of {', '.join(PARTS)}, got {unknown[0]}.")
    if options.quick and options.against:
        raise SystemExit("--against needs full figures, and --quick only checks that the program runs: leave one out.")
    setting = Setting(options.threads, options.repeats or (1 if options.quick else 5), options.quick)
    results = read_results(options.json) if options.json else {}
    machine = provenance(device="cpu", workers=1, threads=setting.threads)
    if names and _load() > 0.5 + setting.threads:
        print(f"The machine is busy already (load {_load()}): figures will be noisy.")
    for name in names:
        results[name] = _measured(PARTS[name], setting, machine)
        print(f"\n{tables_of(name, results[name])}")
        if options.json:  # at once, so that a part that fails costs no other; parts that are not measured stay
            options.json.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(options.json, json.dumps({"parts": results}, indent=2) + "\n")
    if options.page:
        write_atomically(options.page, filled(options.page.read_text(), blocks_of(results)))
    if not options.against:
        return 0
    compared, failed = compare(read_results(options.against), {name: results[name] for name in names or results})
    print(f"\n{compared.markdown()}")
    print(f"\nStops a release: {'; '.join(failed) or 'nothing'}.")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what must not get slower or larger between releases.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="less of everything: only checks that it runs")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch threads (default: 1)")
    parser.add_argument("--repeats", type=int, help="turns (default: 5, quick: 1)")
    parser.add_argument("--json", type=Path, help="store the figures here; parts that are not measured stay")
    parser.add_argument("--against", type=Path, help="compare with this file; exit code 1 if a figure stops a release")
    parser.add_argument("--page", type=Path, help="write the tables between the marks of this page anew")
    parser.add_argument("--no-measuring", action="store_true", help="only compare, or write the page")
    return parser


def read_results(path: Path) -> dict[str, Any]:
    """Return the parts in a file, by name; none if there is no file."""
    return json.loads(path.read_text())["parts"] if path.exists() else {}


def _measured(part: Part, setting: Setting, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part's figures with their origin."""
    load, begin = _load(), time.perf_counter()
    measured = part.measure(setting)
    how = {"turns": setting.repeats, "quick": setting.quick, "seconds": round(time.perf_counter() - begin, 1)}
    return {"measured": measured, "made": {**machine, **how, "load_before": load, "load_after": _load()}}


def _load() -> float:
    """Return the load average of the last minute; 0 where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def tables_of(name: str, result: Mapping[str, Any]) -> str:
    """Return a part's tables as Markdown."""
    return "\n\n".join(f"### {table.title}\n\n{table.markdown()}" for table in PARTS[name].tables(result["measured"]))


def blocks_of(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands between the marks of the page: each part's tables, and where and when it was measured."""
    rows = [[name, *(str(result["made"][key]) for key in _ORIGIN)] for name, result in results.items()]
    tables = {name: tables_of(name, result) for name, result in results.items() if name in PARTS}
    return {**tables, "origins": Table("", ("part", *_ORIGIN), rows).markdown()}


def compare(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Table, list[str]]:
    """Return a table of every figure that stops a release, and the names of those that do."""
    rows, failed = [], []
    for name in (name for name in PARTS if name in found):
        before: Mapping[str, Gate] = PARTS[name].gates(recorded[name]["measured"]) if name in recorded else {}
        for label, gate in PARTS[name].gates(found[name]["measured"]).items():
            known = before.get(label)
            wanted = "not recorded" if known is None else ratio_text(known.figure)
            better = "higher" if gate.higher_is_better else "lower"
            fails = gate.fails(known)
            failed += [f"{name}, {label}"] if fails else []
            wanted = wanted if gate.limit is None else f"at most {gate.limit}"
            rows.append([name, label, wanted, ratio_text(gate.figure), better, "failed" if fails else ""])
    return Table("", ("part", "figure", "recorded", "now", "better", ""), rows), failed
