"""The program."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from warmstart.store import provenance

from ._file import busy, measured_with_origin, read_results, write_results
from ._page import page
from ._part import Setting
from ._tables import as_rich
from .parts import PARTS

_TURNS, _QUICK_TURNS = 5, 1


def main(arguments: Sequence[str]) -> int:
    """Measure the parts asked for, show and store them; return the exit code."""
    options = _parser().parse_args(arguments)
    setting = _setting(options)
    console = Console(width=None if sys.stdout.isatty() else 160)
    results = read_results(options.json) if options.json else {}
    machine = provenance(device="cpu", workers=1, threads=setting.threads)
    torch.set_num_threads(setting.threads)
    if _names(options) and busy() > 0.5 + setting.threads:
        console.print(f"The machine is busy already (load {busy()}): figures will be noisy.")
    for name in _names(options):
        console.rule(PARTS[name].title)
        results[name] = measured_with_origin(PARTS[name], setting, machine)
        for table in PARTS[name].tables(results[name]["measured"]):
            console.print(as_rich(table))
        if options.json:  # at once, so that a part that fails costs no other
            write_results(options.json, {known: results[known] for known in PARTS if known in results})
    if options.page:
        source = options.json.as_posix() if options.json else "none: figures were not stored"
        options.page.parent.mkdir(parents=True, exist_ok=True)
        options.page.write_text(page(PARTS, results, source))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what training, studies and commands cost on this machine.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="less of everything: only checks that it runs")
    parser.add_argument("--threads", type=int, default=1, help="PyTorch threads (default: 1)")
    parser.add_argument("--repeats", type=int, help=f"turns that count (default: {_TURNS}, quick: {_QUICK_TURNS})")
    parser.add_argument("--json", type=Path, help="store the figures here; parts that are not measured stay")
    parser.add_argument("--page", type=Path, help="write the page of all parts in the file")
    parser.add_argument("--no-measuring", action="store_true", help="only write the page")
    return parser


def _setting(options: argparse.Namespace) -> Setting:
    usual = _QUICK_TURNS if options.quick else _TURNS
    repeats = usual if options.repeats is None else options.repeats
    return Setting(threads=options.threads, repeats=repeats, quick=options.quick)


def _names(options: argparse.Namespace) -> Sequence[str]:
    if options.no_measuring:
        return []
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        raise SystemExit(f"PART must be one of {', '.join(PARTS)}, got {unknown[0]}.")
    return options.parts or list(PARTS)
