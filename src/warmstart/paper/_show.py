"""What many experiments show alike: numbers as text, tables of arms, curves over rounds and epochs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from statistics import fmean

from warmstart.basics import short_name
from warmstart.statistics import Estimate, PairedRatio, describe_difference, describe_ratio, mean_interval

from ._exhibits import Point, Source, Table
from ._published import Number, published
from ._results import CaseResults, ReadValue

NOTHING = "-"


def fit_for_a_file(*parts: str) -> str:
    """Return a name of an exhibit made of parts, one of which may be a path.

    Example:
        >>> fit_for_a_file("accuracy", "/tmp/my data.npz")
        'accuracy-tmp-my-data.npz'
    """
    return short_name(re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(parts)).strip("-"))


def percent(estimate: Estimate) -> str:
    """Return an accuracy in per cent with half its interval.

    Example:
        >>> percent(Estimate(0.562, 0.552, 0.572, n=5)), percent(Estimate(0.562, None, None, n=1))
        ('56.2 ± 1.0', '56.2')
    """
    if estimate.mean is None:
        return NOTHING
    if estimate.interval is None:
        return f"{100 * estimate.mean:.1f}"
    low, high = estimate.interval
    return f"{100 * estimate.mean:.1f} ± {50 * (high - low):.1f}"


def number_text(number: Number) -> str:
    """Return a published accuracy in per cent, with its standard deviation where that is published."""
    spread = "" if number.deviation is None else f" (sd {100 * number.deviation:g})"
    end = {"low": "at least ", "high": "at most "}.get(str(number.facets.get("end", "")), "")
    return f"{end}{round(100 * number.value, 2):g}{spread}"


def published_text(experiment: str, *, by: Source = Source.PAPER, **facets: str | float) -> str:
    """Return the published accuracies with these facets, or a dash."""
    return ", ".join(number_text(number) for number in published(experiment, "accuracy", by=by, **facets)) or NOTHING


def ratio_text(ratio: PairedRatio) -> str:
    """Return a ratio of costs in words."""
    return NOTHING if ratio.mean is None else describe_ratio(ratio)


def arms_table(
    name: str,
    caption: str,
    cases: Sequence[CaseResults],
    *,
    reference: str | Callable[[CaseResults], str] = "cold",
    theirs: Callable[[CaseResults, str], Mapping[str, str]] | None = None,
) -> Table:
    """Return one row for every arm of every study: its last round beside the reference's, and what was published.

    Args:
        name: Of the table.
        caption: Of the table; how to read the columns is added.
        cases: The studies.
        reference: The arm that the others are compared with.
        theirs: Returns published values for an arm of a study, by title of their columns; alike for all.
    """
    facets = list(dict.fromkeys(key for case in cases for key in case.facets))
    rows: list[tuple[str, ...]] = []
    titles: tuple[str, ...] = ()
    for case in cases:
        base = reference if isinstance(reference, str) else reference(case)
        for arm in case.arms:
            beside = theirs(case, arm) if theirs is not None else {}
            titles = tuple(beside)
            rows.append((*(case.facets.get(key, "") for key in facets), *_arm_cells(case, arm, base), *beside.values()))
    header = (*facets, "strategy", "accuracy %", "difference to the reference", *_COSTS, *titles)
    return Table(name, f"{caption} {_READING}", header, tuple(rows))


_COSTS = ("steps, last round", "it ended")
_READING = (
    "After the last round, mean over seeds with half its 95 % interval; differences and ratios are paired by seed, in "
    "percentage points and as geometric means."
)


def _arm_cells(case: CaseResults, arm: str, reference: str) -> tuple[str, ...]:
    is_reference = arm == reference or reference not in case.arms
    difference = "reference" if is_reference else describe_difference(case.difference(arm, reference))
    steps = case.cost(arm).mean
    ratio = "" if is_reference else f" ({ratio_text(case.cost_ratio(arm, reference))})"
    cost = NOTHING if steps is None else f"{steps:,.0f}{ratio}"
    return arm, percent(case.accuracy(arm)), difference, cost, _stop_reasons(case, arm)


def _stop_reasons(case: CaseResults, arm: str) -> str:
    """Return how the last rounds of an arm ended, and how often."""
    counts = Counter(record.stop_reason for record in case.table.at(arm, case.rounds))
    return ", ".join(f"{count} {stop_reason}" for stop_reason, count in counts.most_common()) or NOTHING


def over_rounds(case: CaseResults, arms: Iterable[str], *, names: Mapping[str, str] | None = None) -> list[Point]:
    """Return accuracy against samples seen, a series for each arm."""
    return [
        _point((names or {}).get(arm, arm), case.samples_seen(number), case.accuracy(arm, number))
        for arm in arms
        for number in range(1, case.rounds + 1)
        if case.samples_seen(number)
    ]


def gaps_over_rounds(case: CaseResults, arms: Iterable[str], reference: str = "cold") -> list[Point]:
    """Return the paired difference to the reference against samples seen, in points."""
    points: list[Point] = []
    for arm in arms:
        for number in range(1, case.rounds + 1):
            if case.samples_seen(number):
                difference = case.difference(arm, reference, number)
                points.append(_point(arm, case.samples_seen(number), difference, times=100))
    return points


def over_readings(
    case: CaseResults,
    arm: str,
    name: str,
    *,
    series: str,
    round: int | None = None,
    after: int = 0,
    by_steps: bool = False,
) -> list[Point]:
    """Return what measurements read against epochs (or steps) of a round, the mean over the seeds that got so far.

    Args:
        case: The study.
        arm: The arm.
        name: Of the readings.
        series: Name of the points' series.
        round: Number of the round; by default the last.
        after: Added to the epochs or steps, for rounds that follow others.
        by_steps: Against steps instead of epochs.
    """
    columns: dict[int, list[ReadValue]] = {}
    for readings in case.readings(arm, name, round):
        for reading in readings:
            columns.setdefault(reading.epoch, []).append(reading)
    return [
        _point(series, after + _place(found, by_steps), mean_interval([reading.value for reading in found]))
        for _, found in sorted(columns.items())
    ]


def over_epochs(
    case: CaseResults, arm: str, column: str, *, series: str, round: int | None = None, after: int = 0
) -> list[Point]:
    """Return what is stored of every epoch of a round, the mean over the seeds that got so far.

    Args:
        case: The study.
        arm: The arm.
        column: LayerEnd: "steps", "train_accuracy" as the stop rule measures it, or "train_loss".
        series: Name of the points' series.
        round: Number of the round; by default the last.
        after: Added to the epochs, for rounds that follow others.
    """
    runs = [_epochs(case, (arm, seed, round or case.rounds), column) for seed in range(case.study.seeds)]
    return [
        _point(series, after + epoch, mean_interval(values)) for epoch, values in enumerate(zip_longest(*runs), start=1)
    ]


def _epochs(case: CaseResults, key: tuple[str, int, int], column: str) -> list[float]:
    history = case.histories.get(key, {})
    return [row[history["columns"].index(column)] for row in history.get("epochs", [])]


def _place(found: Sequence[ReadValue], by_steps: bool) -> float:
    return fmean(reading.steps for reading in found) if by_steps else found[0].epoch


def _point(series: str, x: float, estimate: Estimate, *, times: float = 1) -> Point:
    scaled = [None if end is None else end * times for end in (estimate.mean, estimate.low, estimate.high)]
    return Point(series, x, scaled[0], scaled[1], scaled[2], estimate.n)


def arm_point(case: CaseResults, arm: str, *, series: str, x: float) -> Point:
    """Return the accuracy of an arm after the last round as a point of a curve."""
    return _point(series, x, case.accuracy(arm))


def estimate_point(series: str, x: float, estimate: Estimate, *, times: float = 1) -> Point:
    """Return an estimate as a point of a curve, in another unit if ``times`` says so."""
    return _point(series, x, estimate, times=times)


def their_points(
    experiment: str, *, series: Callable[[Number], str], x: str, quantity: str = "accuracy", **facets: str | float
) -> list[Point]:
    """Return published numbers as points: one for each that has the facet ``x`` and these facets."""
    found = [number for number in published(experiment, quantity, by=None, **facets) if x in number.facets]
    return [Point(series(number), float(number.facets[x]), number.value, by=number.by) for number in found]
