"""Version 1: correlation of weights with those that the round started from."""

from collections.abc import Sequence
from statistics import StatisticsError, correlation

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point, Table
from warmstart.paper._experiment import Claim, Experiment, Judgement
from warmstart.paper._judge import of_first_case, positive, untestable
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._show import NOTHING, estimate_point, percent
from warmstart.statistics import Estimate, interval_text, mean_interval

from .sweep import cases, cold_arms, starts, warm_arms

ID = "correlation"
READING = "weight correlation"
FEWEST = 3
"""Two points always lie on a line."""
FEWEST_ARMS = 8
"""So many settings before an association over them says anything."""


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
    return [exhibit for case in results.cases for exhibit in (_table(results, case), _scatter(results, case))]


def _table(results: Results, case: CaseResults) -> Table:
    arms = cold_arms(results.setting) | warm_arms(results.setting)
    caption = (
        "Correlation of the weights at the end of the last round with those at its start, mean over seeds with its "
        "95 % interval. Settings are learning rate/batch size, of both rounds for a warm start. The paper's values are "
        "not known."
    )
    rows = [(name, percent(case.accuracy(arm)), _number(_correlation(case, arm))) for arm, name in arms.items()]
    return Table("correlation", caption, ("setting", "accuracy %", "correlation with the start"), tuple(rows))


def _correlation(case: CaseResults, arm: str) -> Estimate:
    return mean_interval(case.reading(arm, READING))


def _number(estimate: Estimate) -> str:
    if estimate.mean is None:
        return NOTHING
    interval = "" if estimate.interval is None else f" {interval_text(*estimate.interval, digits=3)}"
    return f"{estimate.mean:.3f}{interval}"


def _scatter(results: Results, case: CaseResults) -> Curves:
    return Curves(
        "accuracy",
        "Accuracy against the correlation of the weights with those that the last round started from, a point for each "
        "setting.",
        Axis("correlation with the start"),
        Axis("accuracy", Format.SHARE),
        tuple(point for arm, start in starts(results.setting).items() for point in _points(case, arm, start)),
        joined=False,
    )


def _points(case: CaseResults, arm: str, series: str) -> list[Point]:
    x = _correlation(case, arm).mean
    return [] if x is None else [estimate_point(series, x, case.accuracy(arm))]


@of_first_case
def _good_ones_have_moved(results: Results, case: CaseResults) -> Judgement:
    arms = list(warm_arms(results.setting))
    known = [arm for arm in arms if _is_known(case, arm)]
    there = f"{len(known)} of {len(arms)} warm settings were trained to the end"
    if len(known) < FEWEST_ARMS:
        return untestable(f"{there}; an association over them needs at least {FEWEST_ARMS}.")
    what = "Minus the correlation of accuracy and correlation with the start"
    judgement = positive(mean_interval(_negated(case, known)), what)
    return Judgement(judgement.verdict, (*judgement.reasons, f"{there}, and count."))


def _is_known(case: CaseResults, arm: str) -> bool:
    has_results = None not in (_correlation(case, arm).mean, case.accuracy(arm).mean)
    return has_results and case.untrained([arm]) is None


def _negated(case: CaseResults, arms: Sequence[str]) -> list[float | None]:
    """Return minus the association within each seed."""
    columns = zip(*(case.reading(arm, READING) for arm in arms), strict=True)
    accuracies = zip(*(case.accuracies(arm) for arm in arms), strict=True)
    found = [association(one, other) for one, other in zip(columns, accuracies, strict=True)]
    return [None if value is None else -value for value in found]


EXPERIMENT = Experiment(
    id=ID,
    number=7,
    title="Correlation with the start",
    where="Version 1",
    question="Do warm starts that generalize well stay close to where they started?",
    paper_setting=(
        "The models of the sweep over learning rates and batch sizes: Pearson's correlation of their final weights "
        "with those that the round started from."
    ),
    deviations=(
        "Kernels and matrices together, without biases and gains of normalization layers, which lie near 1 whatever is "
        "trained; else as in the sweep, which it shares."
    ),
    cases=cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Among warm starts, those that generalize well have a low correlation with their start.",
            _good_ones_have_moved,
            published="So it is for ResNets. No numbers are known.",
        ),
    ),
)
