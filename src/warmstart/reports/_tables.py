"""The tables of a report as rows of text, whatever draws them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmstart.analysis import CostSummary, Summary
from warmstart.store import COSTS

from ._format import (
    COST_TITLES,
    accuracy_text,
    cost_text,
    cost_with_factor,
    difference_text,
    duration_text,
    ratio_text,
    stop_reasons_text,
)


@dataclass(frozen=True)
class TextTable:
    """A header and rows of equally many cells."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def results(summary: Summary) -> TextTable:
    """Return one row per strategy: accuracy, difference, steps, seconds and how its rounds ended."""
    header = (
        "strategy",
        "accuracy",
        f"difference to {summary.reference}",
        "steps, all rounds",
        "steps, last round",
        "seconds, all rounds",
        "rounds ended",
    )
    rows = [
        (
            arm.arm,
            accuracy_text(arm.accuracy),
            difference_text(arm.accuracy_difference),
            cost_with_factor("steps", arm.total["steps"]),
            cost_with_factor("steps", arm.last_round["steps"]),
            "-" if arm.total["seconds"].value.mean is None else duration_text(arm.total["seconds"].value.mean),
            stop_reasons_text(arm.stop_reasons),
        )
        for arm in summary.arms
    ]
    return TextTable(header, rows)


def costs(summary: Summary) -> TextTable:
    """Return one row per strategy and cost: over all rounds and of the last round, with the factors."""
    factor = f"times {summary.reference}"
    rows = [
        (
            arm.arm,
            COST_TITLES[cost],
            _counted(cost, arm.total),
            ratio_text(arm.total[cost].ratio),
            _counted(cost, arm.last_round),
            ratio_text(arm.last_round[cost].ratio),
        )
        for arm in summary.arms
        for cost in COSTS
    ]
    return TextTable(("strategy", "cost", "all rounds", factor, "last round", factor), rows)


def _counted(name: str, costs: Mapping[str, CostSummary]) -> str:
    """Return a cost, which can be missing where others are known: operations of a model that none could count."""
    is_missing = costs[name].value.mean is None and costs["steps"].value.mean is not None
    return "not counted" if is_missing else cost_text(name, costs[name].value)


def rounds(summary: Summary) -> TextTable:
    """Return one row per round and strategy."""
    header = ("round", "samples seen", "strategy", "accuracy", f"difference to {summary.reference}", "steps", "seconds")
    rows = [
        (
            str(row.round),
            f"{row.samples_seen:,}",
            row.arm,
            accuracy_text(row.accuracy),
            difference_text(row.accuracy_difference),
            cost_text("steps", row.cost["steps"]),
            cost_text("seconds", row.cost["seconds"]),
        )
        for row in summary.rounds
    ]
    return TextTable(header, rows)


def settings(values: Mapping[str, Any]) -> TextTable:
    """Return nested settings as dotted names and values."""
    return TextTable(("setting", "value"), _flat(values, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(_flat(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return {True: "yes", False: "no", None: "none"}.get(value, str(value)) if _is_word(value) else str(value)


def _is_word(value: Any) -> bool:
    # 1 == True in Python, so the type decides.
    return value is None or isinstance(value, bool)
