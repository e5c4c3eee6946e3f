"""The gate: whether a candidate may serve in place of the champion."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final, Literal

import numpy as np

from warmstart.basics import ACCURACY, InputError, Metric, check_in_range
from warmstart.statistics import interval_text, score_interval

# A class with fewer units than this cannot veto: "not worse in any class" would be settled by chance.
LEAST_CLASS_UNITS: Final = 30
_POWER: Final = 0.8
# Means of groups differ by far less than rows can: with the range of a row 21 days of 48 rows could tell nothing at a
# tolerance of 1 point. With imaginary groups that differ by the 99th percentile, or by three rows, a candidate at
# exactly the tolerance passes in up to 9 % of simulated cases from seven groups on, in up to 14 % with three.
LEAST_GROUPS: Final = 7
_ROWS_OF_IMAGINARY: Final = 3
# A candidate that is neither shown to be worse nor to be no worse is judged again on all of the next arrivals, before
# they are trained on: of 26 weeks of electricity prices, held out by the day, the held-out days alone promoted next to
# nothing. Its chance of passing wrongly is shared among these looks, so that all together have ``alpha``.
LATER_LOOKS: Final = 4
FIRST_SHARE: Final = 0.8
LATER_SHARE: Final = (1 - FIRST_SHARE) / LATER_LOOKS
# Larger scores, infinite ones too, count as this large: its square and the sum of many of them are still numbers. One
# such row keeps a candidate from being promoted.
_LARGEST: Final = 1e100
# Beyond it a difference has no size that says anything.
_BOUNDLESS: Final = 1e15


@dataclass(frozen=True)
class GateRule:
    """How scores are compared.

    Args:
        metric: Of the scores: name, unit and direction, for the sentences.
        score_range: Largest minus smallest score of a row; None: without bounds, as errors are.
        tolerance: How much worse a candidate may be, in [0, 1): of a score, or as a share of the opponent's error.
        class_tolerance: The same for a single class.
        alpha: Probability of accepting a candidate that is worse by the tolerance.
        class_alpha: Probability, over all classes, of a veto against a candidate that is worse by ``class_tolerance``.
        root: Whether the metric is the root of the mean, as rmse is of squared errors.

    Example:
        >>> GateRule().tolerance
        0.01
    """

    metric: Metric = ACCURACY
    score_range: float | None = 1.0
    tolerance: float = 0.01
    class_tolerance: float = 0.05
    alpha: float = 0.05
    class_alpha: float = 0.05
    root: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        check_in_range("tolerance", self.tolerance, 0, 1, high_open=True)
        check_in_range("class_tolerance", self.class_tolerance, 0, 1, high_open=True)
        for name in ("alpha", "class_alpha"):
            check_in_range(name, getattr(self, name), 0, 0.5, low_open=True, high_open=True)


@dataclass(frozen=True, eq=False)
class ModelScores:
    """The scores of one model on the rows that judge.

    Args:
        model: Its identity: two models with the same one are the same model.
        values: One per row, higher is better, of shape (rows,): 1 or 0 for right or wrong, minus the error for errors,
            minus the squared error where the rule has ``root``; NaN where the row was not scored.
    """

    model: str
    values: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """A candidate's score minus its opponent's; above 0 the candidate is the better, whatever the metric's direction.

    Attributes:
        mean: Mean difference, in the unit of the metric.
        low: Lower end; below the true difference but for a probability of ``alpha``.
        high: Upper end, likewise.
        n: Number of rows, or of groups of rows.
        tolerance: How far below 0 the difference may be, in the same unit.
        alpha: Error of each end.
    """

    mean: float
    low: float
    high: float
    n: int
    tolerance: float
    alpha: float = 0.05

    @property
    def is_better(self) -> bool:
        """Whether the candidate is shown to be better."""
        return self.low > 0

    @property
    def is_not_worse(self) -> bool:
        """Whether the candidate is shown to be worse by no more than the tolerance."""
        return self.low >= -self.tolerance

    @property
    def is_worse(self) -> bool:
        """Whether the candidate is shown to be worse by more than the tolerance."""
        return self.high < -self.tolerance

    @property
    def error(self) -> float:
        """Standard error of the mean difference."""
        return (self.high - self.mean) / NormalDist().inv_cdf(1 - self.alpha)

    @property
    def resolution(self) -> float:
        """The smallest tolerance with which an equally good candidate would pass four times of five."""
        return (NormalDist().inv_cdf(1 - self.alpha) + NormalDist().inv_cdf(_POWER)) * self.error

    @property
    def rows_needed(self) -> int | None:
        """With how many rows an equally good candidate would pass four times of five: 6.2 v / tolerance^2.

        The factor is (z(.95) + z(.8))^2, at an alpha of 0.05. None where there is no tolerance, or no row.
        """
        if not self.tolerance or not math.isfinite(self.error):
            return None
        return math.ceil((self.n + 2) * (self.resolution / self.tolerance) ** 2)

    def text(self, metric: Metric) -> str:
        """Return the difference and its interval as the metric shows them.

        Example:
            >>> Comparison(0.004, -0.019, 0.027, n=312, tolerance=0.01).text(ACCURACY)
            '+0.4 [-1.9, 2.7] points'
            >>> Comparison(-0.02, -0.05, 0.01, n=90, tolerance=0.1).text(Metric("rmse", "°C", higher_is_better=False))
            'rmse +0.02 [-0.01, 0.05] °C'
        """
        return gap_text(metric, self.mean, self.low, self.high)


@dataclass(frozen=True)
class ClassVeto:
    """A class in which the candidate is shown to be worse than the champion by more than the class tolerance."""

    name: str
    comparison: Comparison


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        outcome: ``promote``; ``worse``: shown to be worse than the champion; ``undecided``: neither.
        champion: The candidate against the champion.
        anchor: The candidate against the anchor; None where the champion is the anchor.
        vetoes: Classes that are shown to be worse; with one there is no promotion.
        becomes_anchor: Whether the candidate is promoted and shown to be no worse than the anchor at all.
        reason: One sentence.
    """

    outcome: Literal["promote", "worse", "undecided"]
    champion: Comparison
    anchor: Comparison | None
    vetoes: tuple[ClassVeto, ...]
    becomes_anchor: bool
    reason: str


def gap_text(metric: Metric, mean: float, low: float | None = None, high: float | None = None) -> str:
    """Return a difference, of which more is better, and its interval as the metric shows them.

    Errors are shown as they are, so that a worse model's is higher.

    Example:
        >>> gap_text(Metric("mae", "dollars", higher_is_better=False), -12.25)
        'mae +12.2 dollars'
    """
    if max(abs(mean), abs(low or 0.0), abs(high or 0.0)) >= _BOUNDLESS:
        return f"{metric.name} without bounds"
    sign = metric.factor * (1 if metric.higher_is_better else -1)
    digits = metric.digits(mean, None if high is None else high - mean)
    size = round(sign * mean, digits) + 0.0
    signed = f"{size:+,.{digits}f}" if size else f"{size:.{digits}f}"
    if low is not None and high is not None:
        signed += f" {interval_text(*sorted((sign * low, sign * high)), digits=digits)}"
    name = "" if metric == ACCURACY else f"{metric.name} "
    return f"{name}{signed} {metric.difference_unit}".rstrip()


def compare_scores(
    candidate: np.ndarray, opponent: np.ndarray, *, rule: GateRule, units: np.ndarray | None = None
) -> Comparison:
    """Compare two models on the same rows; see :func:`warmstart.statistics.score_interval`.

    The tolerance of an error is a share of the opponent's mean error. Squared errors e of two rmse r are compared by
    (e_opponent - e_candidate) / (2 r_opponent), whose mean is the difference of the two rmse up to second order.

    Args:
        candidate: As of :class:`ModelScores`, of shape (rows,).
        opponent: The same rows in the same order.
        rule: How scores are compared.
        units: Group of each row, where rows of a group are not independent: whole numbers from 0, of shape (rows,).

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> right = np.ones(400)
        >>> found = compare_scores(right, right, rule=GateRule())
        >>> found.text(ACCURACY), found.is_not_worse
        ('0.0 [-0.7, 0.7] points', True)
    """
    differences, tolerance = difference_of(candidate, opponent, rule=rule, units=units)
    reach = rule.score_range
    if reach is not None and units is not None and len(differences) >= LEAST_GROUPS:
        rows_per_group = np.isfinite(candidate + opponent).sum() / len(differences)
        of_groups = max(float(np.quantile(abs(differences), 0.99)), _ROWS_OF_IMAGINARY * reach / rows_per_group)
        reach = min(reach, of_groups)
    estimate = score_interval(differences, score_range=reach, alpha=rule.alpha)
    if estimate.mean is None or estimate.low is None or estimate.high is None:
        return Comparison(0.0, -math.inf, math.inf, 0, tolerance, rule.alpha)
    return Comparison(estimate.mean, estimate.low, estimate.high, estimate.n, tolerance, rule.alpha)


def difference_of(
    candidate: np.ndarray, opponent: np.ndarray, *, rule: GateRule, units: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return candidate minus opponent per row or group, in the metric's unit and order, and the tolerance in that unit.

    Rows that either model did not score are left out; see :func:`compare_scores`.
    """
    left, right = np.asarray(candidate, dtype=np.float64), np.asarray(opponent, dtype=np.float64)
    if left.ndim != 1 or left.shape != right.shape or (units is not None and np.shape(units) != left.shape):
        raise InputError(f"candidate, opponent and units must be one per row, got {left.shape} and {right.shape}.")
    scored = ~(np.isnan(left) | np.isnan(right))
    left, right = (np.clip(values[scored], -_LARGEST, _LARGEST) for values in (left, right))
    if units is not None and len(left):
        _, first, group = np.unique(np.asarray(units)[scored], return_index=True, return_inverse=True)
        # Numbered in the order of their first row: the watch reads differences as a sequence in time.
        group = np.argsort(np.argsort(first))[group]
        left, right = (np.bincount(group, values) / np.bincount(group) for values in (left, right))
    differences, tolerance = left - right, rule.tolerance
    if not rule.metric.higher_is_better:
        error = abs(float(right.mean())) if len(right) else 0.0
        if rule.root:
            error = math.sqrt(error)
            # An opponent without any error: whatever is not equal to it is worse, by how much does not matter.
            differences = differences / (2 * error) if error else differences
        tolerance *= error
    return differences, tolerance


def judge(
    candidate: ModelScores,
    champion: ModelScores,
    anchor: ModelScores | None = None,
    *,
    rule: GateRule,
    units: np.ndarray | None = None,
    classes: Sequence[object] | np.ndarray | None = None,
) -> Verdict:
    """Decide whether a candidate may serve in place of the champion.

        promote    low(champion) >= -tolerance and low(anchor) >= -tolerance and no class has a veto
        worse      high(champion) < -tolerance
        undecided  else; the champion keeps serving

    The anchor is the last model that was shown to be no worse than the anchor before it: against the champion alone,
    losses within the tolerance would add up over the rounds. A class has a veto where it has at least 30 units and is
    shown to be worse by more than ``class_tolerance``, at ``class_alpha`` over the number of such classes.

    Args:
        candidate: The model to judge.
        champion: The model that serves.
        anchor: The best model ever shown; None, or the champion itself: the champion is the anchor.
        rule: How scores are compared. Candidates of a round share ``alpha``, and so do the looks at each of them.
        units: As of :func:`compare_scores`.
        classes: True class of each row; None: there are none.

    Raises:
        InputError: If the candidate is one of the models that it is compared with, or shapes differ.

    Example:
        >>> rows = np.arange(2000)
        >>> old, new = ModelScores("old", rows % 10 > 1), ModelScores("new", rows % 10 > 0)
        >>> judge(new, old, rule=GateRule()).reason
        'promoted: +10.0 [8.9, 11.1] points on 2,000 rows'
        >>> judge(old, new, rule=GateRule()).reason
        'kept: -10.0 [-11.1, -8.9] points on 2,000 rows, shown to be worse than the 1.0 points that are allowed'
    """
    for opponent in (champion, anchor):
        if opponent is not None and opponent.model == candidate.model:
            raise InputError(f"candidate must be another model than its opponents, got {candidate.model} for both.")
    against_champion = compare_scores(candidate.values, champion.values, rule=rule, units=units)
    against_anchor = None
    if anchor is not None and anchor.model != champion.model:
        against_anchor = compare_scores(candidate.values, anchor.values, rule=rule, units=units)
    vetoes = _vetoes(candidate.values, champion.values, rule, units, classes)
    passes = against_champion.is_not_worse and (against_anchor is None or against_anchor.is_not_worse)
    outcome: Literal["promote", "worse", "undecided"] = "undecided"
    if against_champion.is_worse:
        outcome = "worse"
    elif passes and not vetoes:
        outcome = "promote"
    becomes_anchor = outcome == "promote" and (against_anchor or against_champion).low >= 0
    verdict = Verdict(outcome, against_champion, against_anchor, vetoes, becomes_anchor, reason="")
    return replace(verdict, reason=_reason(verdict, rule.metric, "rows" if units is None else "groups"))


def beats_baseline(
    candidate: np.ndarray, baseline: np.ndarray, *, rule: GateRule, units: np.ndarray | None = None
) -> Comparison:
    """Compare the first model with a predictor that learns nothing; it may serve where ``is_better``.

    Args:
        candidate: As of :func:`compare_scores`.
        baseline: The trivial predictor's scores of the same rows.
        rule: How scores are compared; the tolerance does not count here, beside what ``resolution`` and
            ``rows_needed`` say of later rounds.
        units: As of :func:`compare_scores`.

    Example:
        >>> right, majority = np.ones(100), np.arange(100) % 4 == 0
        >>> beats_baseline(right, majority, rule=GateRule()).is_better
        True
    """
    return compare_scores(candidate, baseline, rule=rule, units=units)


def _vetoes(
    candidate: np.ndarray,
    champion: np.ndarray,
    rule: GateRule,
    units: np.ndarray | None,
    classes: Sequence[object] | np.ndarray | None,
) -> tuple[ClassVeto, ...]:
    if classes is None:
        return ()
    labels = np.asarray(classes)
    if labels.shape != np.shape(candidate):
        raise InputError(f"classes must be one per row, got {labels.shape} for {np.shape(candidate)}.")
    scored = ~(np.isnan(np.asarray(candidate, float)) | np.isnan(np.asarray(champion, float)))
    rows = {}
    for label in np.unique(labels[scored]):
        chosen = scored & (labels == label)
        if (
            len(np.unique(np.asarray(units)[chosen])) >= LEAST_CLASS_UNITS
            if units is not None
            else chosen.sum() >= LEAST_CLASS_UNITS
        ):
            rows[str(label)] = chosen
    per_class = replace(rule, tolerance=rule.class_tolerance, alpha=rule.class_alpha / max(len(rows), 1))
    found = []
    for name, chosen in rows.items():
        groups = None if units is None else np.asarray(units)[chosen]
        comparison = compare_scores(candidate[chosen], champion[chosen], rule=per_class, units=groups)
        if comparison.is_worse:
            found.append(ClassVeto(name, comparison))
    return tuple(found)


def _reason(verdict: Verdict, metric: Metric, units: str) -> str:
    champion, anchor, rows = verdict.champion, verdict.anchor, f"{verdict.champion.n:,} {units}"
    gap = f"{champion.text(metric)} on {rows}"
    allowed = metric.text(champion.tolerance, difference=True)
    if verdict.outcome == "promote":
        beside = "" if champion.is_better else f", where a loss of {allowed} is allowed"
        return f"promoted: {gap}{beside}"
    if verdict.outcome == "worse":
        return f"kept: {gap}, shown to be worse than the {allowed} that are allowed"
    if verdict.vetoes:
        worst = min(verdict.vetoes, key=lambda veto: veto.comparison.mean)
        limit = metric.text(worst.comparison.tolerance, difference=True)
        more = f" and {len(verdict.vetoes) - 1} more" if len(verdict.vetoes) > 1 else ""
        rows = f"{worst.comparison.n:,} {units}"
        return (
            f"kept: in class {worst.name}{more} {worst.comparison.text(metric)} on {rows}, shown to be worse than the "
            f"{limit} that are allowed"
        )
    if anchor is not None and champion.is_not_worse:
        return f"kept: {gap}, but {anchor.text(metric)} against the best model ever shown, where {allowed} are allowed"
    needed = champion.rows_needed
    if not champion.n:
        return f"kept: no {units} to judge by"
    if needed is None or needed <= champion.n:
        return f"kept: {gap}, which may be worse than the {allowed} that are allowed"
    rounded = round(needed, 1 - math.floor(math.log10(needed)))
    return f"kept: {champion.text(metric)}; {rows} cannot tell, about {rounded:,} would"
