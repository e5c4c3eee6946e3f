"""Version 1: correlation of weights with those that the round started from."""

from collections.abc import Sequence
from math import atanh, sqrt, tanh
from statistics import StatisticsError, correlation

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit, Point, Table
from warmstart.paper.kit.experiment import Claim, Experiment, Judgement
from warmstart.paper.kit.judge import of_first_case, positive, untestable
from warmstart.paper.kit.points import estimate_point
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.tables import NO_VALUE, percent
from warmstart.statistics import Estimate, interval_text, mean_interval, student_quantile

from .sweep import DESK, cases, cold_arms, starts, warm_arms

READING = "weight correlation"
# Two points always lie on a line.
FEWEST = 3
# Fewer settings than this say nothing about an association between them.
FEWEST_ARMS = 8
# An association weaker than this is none.
LEAST = 0.1
WHAT = "Minus the correlation, over settings, of accuracy and correlation with the start"


def association(correlations: Sequence[float | None], accuracies: Sequence[float | None]) -> float | None:
    """Return Pearson's correlation over arms; None with fewer than three pairs, or where one side is constant."""
    pairs = [(x, y) for x, y in zip(correlations, accuracies, strict=True) if x is not None and y is not None]
    if len(pairs) < FEWEST:
        return None
    try:
        return correlation([x for x, _ in pairs], [y for _, y in pairs])
    except StatisticsError:
        return None


def _exhibits(results: Results) -> Sequence[Exhibit]:
    return [exhibit for case in results.cases for exhibit in _of_case(results, case)]


def _of_case(results: Results, case: CaseResults) -> Sequence[Exhibit]:
    series, rows, points = starts(results.setting), [], list[Point]()
    for arm, name in (cold_arms(results.setting) | warm_arms(results.setting)).items():
        estimate, text = mean_interval(case.reading(arm, READING)), NO_VALUE
        # An arm without a reading has a row all the same: the table shows what is missing.
        if estimate.mean is not None:
            interval = "" if estimate.interval is None else f" {interval_text(*estimate.interval, digits=3)}"
            text = f"{estimate.mean:.3f}{interval}"
            points.append(estimate_point(series[arm], estimate.mean, case.accuracy(arm)))
        rows.append((name, percent(case.accuracy(arm)), text))
    table_caption = (
        "Correlation of the weights at the end of the last round with those at its start, mean over seeds with its "
        "95 % interval. Settings are learning rate/batch size, of both rounds for a warm start. The paper's values are "
        "not known."
    )
    chart_caption = (
        "Accuracy against the correlation of the weights with those that the last round started from, a point for each "
        "setting."
    )
    x = Axis("correlation with the start")
    return [
        Table("correlation", table_caption, ("setting", "accuracy %", "correlation with the start"), tuple(rows)),
        Curves("accuracy", chart_caption, x, ACCURACY_AXIS, tuple(points), joined=False),
    ]


@of_first_case
def accurate_ones_have_moved(results: Results, case: CaseResults) -> Judgement:
    """Judge the association of accuracy and correlation over the warm arms that were trained to the end."""
    arms = list(warm_arms(results.setting))
    known = [
        arm
        for arm in arms
        if mean_interval(case.reading(arm, READING)).mean is not None
        and case.accuracy(arm).mean is not None
        and case.training_problem([arm]) is None
    ]
    there = f"{len(known)} of {len(arms)} warm settings were trained to the end"
    if len(known) < FEWEST_ARMS:
        return untestable(f"{there}; an association over them needs at least {FEWEST_ARMS}.")
    # Over settings, of which each is one point: more seeds sharpen the points, but what few settings have in common by
    # chance they have in common with every seed.
    points = [(mean_interval(case.reading(arm, READING)).mean, case.accuracy(arm).mean) for arm in known]
    found = association(*zip(*points, strict=True))
    if found is None:
        return untestable(f"{there}, and have all the same accuracy or correlation.")
    judgement = positive(negative_association(found, len(known), case.confidence), WHAT, smallest=LEAST)
    return Judgement(judgement.verdict, (*judgement.reasons, f"{there}, and count."))


def negative_association(value: float, count: int, confidence: float) -> Estimate:
    """Return minus a correlation over some points, with Fisher's interval.

    tanh(artanh(r) -+ t(n - 3, (1 + confidence) / 2) / sqrt(n - 3))

    Reference:
        Fisher, "On the 'probable error' of a coefficient of correlation deduced from a small sample", Metron 1, 1921.

    Example:
        >>> estimate = negative_association(-0.6, 24, 0.95)
        >>> f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
        '0.60 [0.23, 0.82]'
    """
    # A perfect correlation has no interval: next to it is close enough.
    middle = -atanh(max(min(value, 0.999999), -0.999999))
    half = student_quantile(count - 3, confidence) / sqrt(count - 3)
    return Estimate(-value, tanh(middle - half), tanh(middle + half), n=count, confidence=confidence)


EXPERIMENT = Experiment(
    id="correlation",
    number=7,
    title="Correlation with the start",
    where="Version 1",
    question="Do warm starts that generalize well stay close to where they started?",
    paper_setting=(
        "The models of the sweep over learning rates and batch sizes: Pearson's correlation of their final weights "
        "with those that the round started from."
    ),
    deviations=(
        "Kernels and matrices together, without biases and gains of normalization layers, which are near 1 whatever is "
        "trained; else as in the sweep, which it shares."
    ),
    declare=cases,
    desk=DESK,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Among warm starts, those that generalize well have a low correlation with their start.",
            accurate_ones_have_moved,
            published="So it is for ResNets. No numbers are known.",
            seeds=5,
        ),
    ),
)
