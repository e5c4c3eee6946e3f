"""Whether bfloat16 changes accuracy, or the warm-start gap, beside float32.

The same study runs once in each precision: cold and warm, the same seeds, hence the same splits, arrivals and fresh
weights. Results of bfloat16 and float32 are paired by seed. Speed is not measured here, so the machine may be busy;
`benchmarks/run.py precision` measures it.

Safe to interrupt: run it again to resume.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import warmstart as ws
from warmstart.analysis import plain
from warmstart.basics import write_atomically
from warmstart.statistics import describe_difference, mean_interval, paired_difference
from warmstart.store import StudyRecords
from warmstart.studies import study_to_dict

REFERENCE, OTHER = ws.Precision.FP32, ws.Precision.BF16
MEASURES = {
    "cold accuracy": ("%", "points", 100.0),
    "warm accuracy": ("%", "points", 100.0),
    "gap, cold - warm": ("points", "points", 100.0),
    "cold steps": ("steps", "steps", 1.0),
    "warm steps": ("steps", "steps", 1.0),
}
"""What is compared, the units of its means and of their differences, and the factor from stored values to both."""


def study_of(options: argparse.Namespace) -> ws.Study:
    """Return the study, in float32."""
    data = ws.DataSource(options.data, directory=options.data_dir, subset=options.subset)
    return ws.Study(
        [ws.Cold(), ws.Warm()],
        data=data,
        evaluation=ws.EvaluationSettings(holdout=options.holdout),
        architecture=ws.ResNet18(width=options.width),
        stream=ws.TwoPhase(),
        stop=ws.StoppingRule(max_epochs=options.max_epochs),
        seeds=options.seeds,
    )


def measured(records: StudyRecords) -> list[dict[str, float | None]]:
    """Return what each seed gave: accuracies after the last round, their difference, and steps of all rounds."""

    def accuracy(arm: str, seed: int) -> float | None:
        return next(
            record.score
            for record in records.rounds
            if (record.arm, record.seed, record.round) == (arm, seed, records.rounds_expected)
        )

    def steps(arm: str, seed: int) -> int:
        return sum(record.steps or 0 for record in records.rounds if (record.arm, record.seed) == (arm, seed))

    found: list[dict[str, float | None]] = []
    for seed in range(records.seeds_expected):
        cold, warm = accuracy("cold", seed), accuracy("warm", seed)
        gap = None if cold is None or warm is None else cold - warm
        values = (cold, warm, gap, steps("cold", seed), steps("warm", seed))
        found.append(dict(zip(MEASURES, values, strict=True)))
    return found


def compared(by_precision: Mapping[str, Sequence[Mapping[str, float | None]]]) -> dict[str, Any]:
    """Return each measure in each precision, and the difference that bfloat16 makes, paired by seed."""
    result: dict[str, Any] = {}
    for name, (_, unit, scale) in MEASURES.items():
        values = {precision: [seed[name] for seed in seeds] for precision, seeds in by_precision.items()}
        difference = paired_difference(values[OTHER], values[REFERENCE])
        result[name] = {
            **{precision: plain(mean_interval(seeds)) for precision, seeds in values.items()},
            f"{OTHER} - {REFERENCE}": plain(difference),
            "words": describe_difference(difference, unit=unit, scale=scale),
        }
    return result


def run(options: argparse.Namespace, arguments: Sequence[str]) -> dict[str, Any]:
    """Run both studies, or what is left of them, and return the result as plain values."""
    study, console = study_of(options), Console(stderr=True)
    execution = ws.Execution(workers=1, threads=options.threads, device="cpu")
    records = {}
    for precision in (REFERENCE, OTHER):
        console.print(f"{precision}: {options.directory / precision}", highlight=False)
        alike = replace(study, recipe=replace(study.recipe, precision=precision))
        records[str(precision)] = ws.run_study(alike, options.directory / precision, execution=execution)
    by_precision = {precision: measured(each) for precision, each in records.items()}
    return {
        "command": f"python benchmarks/precision.py {' '.join(arguments)}",
        "n": study.seeds,
        "confidence": 0.95,
        "differences": compared(by_precision),
        "seeds": by_precision,
        "study": study_to_dict(replace(study, data=replace(study.data, directory=None))),
        "data": dict(records[REFERENCE].data),
        "provenance": {precision: dict(each.provenance) for precision, each in records.items()},
    }


def table(result: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows of the table: each measure in both precisions, and what the difference shows."""
    rows = [["", str(REFERENCE), str(OTHER), f"{OTHER} beside {REFERENCE}, {result['n']} seeds"]]
    for name, (unit, _, scale) in MEASURES.items():
        found = result["differences"][name]
        cells = [_mean_text(found[precision], scale, unit) for precision in (REFERENCE, OTHER)]
        rows.append([name, *cells, found["words"]])
    return rows


def _mean_text(estimate: Mapping[str, Any], scale: float, unit: str) -> str:
    if estimate["mean"] is None:
        return "none"
    half = "" if estimate["low"] is None else f" ± {scale * (estimate['high'] - estimate['mean']):.1f}"
    return f"{scale * estimate['mean']:.1f} {unit}{half}"


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--data-dir", help="where named data sets are stored")
    parser.add_argument("--subset", type=int, default=6000, help="samples to draw splits from (default: 6000)")
    parser.add_argument(
        "--holdout",
        type=float,
        default=2 / 3,
        help="share of them to evaluate on: more of them narrow the intervals for next to no time (default: 2/3)",
    )
    parser.add_argument("--width", type=int, default=16, help="of ResNet-18 (default: 16)")
    parser.add_argument("--max-epochs", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=Path("runs/precision"), help="where both studies are stored")
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args(arguments)
    result = run(options, arguments)
    header, *rows = table(result)
    shown = Table(*header)
    for row in rows:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    Console(width=160).print(shown)
    if options.json:
        write_atomically(options.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
