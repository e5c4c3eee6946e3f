"""Tables of arms, and numbers as text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from warmstart.basics import short_name
from warmstart.statistics import Estimate, PairedRatio, describe_difference, describe_ratio

from .exhibits import Source, Table
from .published import Number, published
from .results import CaseResults, Results

NO_VALUE = "-"


def exhibit_name(*parts: str) -> str:
    """Return the name of an exhibit made of parts, one of which may be a path.

    Example:
        >>> exhibit_name("accuracy", "/tmp/my data.npz")
        'accuracy-tmp-my-data.npz'
    """
    # A data set of the user's own is a path, and names of exhibits become names of files.
    return short_name(re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(parts)).strip("-"))


def percent(estimate: Estimate) -> str:
    """Return an accuracy in per cent with half its interval.

    Example:
        >>> percent(Estimate(0.562, 0.552, 0.572, n=5)), percent(Estimate(0.562, None, None, n=1))
        ('56.2 ± 1.0', '56.2')
    """
    if estimate.mean is None:
        return NO_VALUE
    if estimate.interval is None:
        return f"{100 * estimate.mean:.1f}"
    low, high = estimate.interval
    return f"{100 * estimate.mean:.1f} ± {50 * (high - low):.1f}"


def number_text(number: Number) -> str:
    """Return a published accuracy in per cent, with its standard deviation if that is published."""
    spread = "" if number.deviation is None else f" (sd {100 * number.deviation:g})"
    end = {"low": "at least ", "high": "at most "}.get(str(number.facets.get("end", "")), "")
    return f"{end}{round(100 * number.value, 2):g}{spread}"


def published_text(experiment: str, *, by: Source = Source.PAPER, **facets: str | float) -> str:
    """Return the published accuracies with these facets, or a dash."""
    return ", ".join(number_text(number) for number in published(experiment, "accuracy", by=by, **facets)) or NO_VALUE


def ratio_text(ratio: PairedRatio) -> str:
    """Return a ratio of costs in words."""
    return NO_VALUE if ratio.mean is None else describe_ratio(ratio)


def on_papers_data(results: Results, text: str) -> str:
    """Return a published number's text, or a dash where another data set replaces the paper's."""
    return text if results.setting.data is None else NO_VALUE


def arms_table(
    name: str,
    caption: str,
    cases: Sequence[CaseResults],
    *,
    reference: str | Callable[[CaseResults], str] = "cold",
    extra: Callable[[CaseResults, str], Mapping[str, str]] | None = None,
) -> Table:
    """Return a row per arm of every study: its last round, compared with the reference's.

    Args:
        name: Name of the table.
        caption: Caption of the table; an explanation of the columns is added.
        cases: The studies.
        reference: The arm that all others are compared with.
        extra: Returns more cells of an arm's row, such as published values, by column title; the titles are the same
            for all arms.
    """
    # Studies of one experiment may differ in their facets; a column that a study lacks stays empty.
    facets = list(dict.fromkeys(key for case in cases for key in case.facets))
    rows: list[tuple[str, ...]] = []
    titles: tuple[str, ...] = ()
    for case in cases:
        base = reference if isinstance(reference, str) else reference(case)
        for arm in case.arms:
            # A study without the reference has nothing to compare with.
            is_reference = arm == base or base not in case.arms
            steps = case.cost(arm).mean
            ratio = "" if is_reference else f" ({ratio_text(case.cost_ratio(arm, base))})"
            # Beside the accuracy, because a round that ended at its limit has not shown what the arm can do.
            stop_reasons = Counter(record.stop_reason for record in case.table.at(arm, case.rounds))
            more = extra(case, arm) if extra is not None else {}
            titles = tuple(more)
            rows.append(
                (
                    *(case.facets.get(key, "") for key in facets),
                    arm,
                    percent(case.accuracy(arm)),
                    "reference" if is_reference else describe_difference(case.difference(arm, base)),
                    NO_VALUE if steps is None else f"{steps:,.0f}{ratio}",
                    ", ".join(f"{count} {reason}" for reason, count in stop_reasons.most_common()) or NO_VALUE,
                    *more.values(),
                )
            )
    columns = ("strategy", "accuracy %", "difference to the reference", "steps, last round", "it ended")
    explanation = (
        "After the last round, mean over seeds with half its 95 % interval; differences and ratios are paired by seed, "
        "in percentage points and as geometric means."
    )
    return Table(name, f"{caption} {explanation}", (*facets, *columns, *titles), tuple(rows))
