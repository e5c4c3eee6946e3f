"""Verdicts on claims about several comparisons: their mean, or the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from warmstart.statistics import PairedRatio, paired_difference, paired_ratio

from .experiment import Judgement, Verdict
from .judge import DifferenceJudge, missing
from .results import CaseResults

Column = Sequence[float | None]
RatioJudge = Callable[[PairedRatio, str], Judgement]


@dataclass(frozen=True)
class Comparison:
    """One of the comparisons that a claim is about.

    Args:
        what: Its name in reasons.
        values: One value per seed.
        reference: One value per seed to compare it with.
        problem: Why it cannot be judged; None: it can.
        may_contradict: Whether the claim is contradicted as soon as this comparison contradicts it.
    """

    what: str
    values: Column
    reference: Column
    problem: str | None = None
    may_contradict: bool = True


def compared(
    case: CaseResults, arm: str, reference: str = "cold", *, what: str, may_contradict: bool = True
) -> Comparison:
    """Return the comparison of two arms' accuracies after the last round."""
    columns = case.accuracies(arm), case.accuracies(reference)
    return Comparison(what, *columns, case.training_problem([reference, arm]), may_contradict)


def costs_compared(case: CaseResults, arm: str, reference: str = "cold", *, what: str) -> Comparison:
    """Return the comparison of two arms' steps of the last round."""
    return Comparison(what, case.costs(arm), case.costs(reference), case.training_problem([reference, arm]))


def mean_judged(
    comparisons: Sequence[Comparison],
    judge: DifferenceJudge,
    *,
    what: str,
    confidence: float,
    single: DifferenceJudge | None = None,
) -> Judgement:
    """Judge the mean over comparisons of accuracies, unless a single one contradicts it by itself.

    The mean over the comparisons is taken within each seed, and its interval decides. With k comparisons at full
    confidence each, one would contradict by chance far too often: so each of theirs has the confidence 1 - alpha / k
    (Bonferroni), alpha being 1 - ``confidence``. Comparisons that were not trained to the end are left out; if they are
    half of them or more, the claim is inconclusive.

    Args:
        comparisons: The comparisons; none: not run.
        judge: Judges the mean.
        what: Name of the mean in its reason.
        confidence: Confidence of the mean's interval.
        single: Judges a comparison by itself: the claim is contradicted if one is *not reproduced*. None: ``judge``.

    Reference:
        Dunn, "Multiple comparisons among means", JASA 56, 1961.
    """
    return _mean_judged(comparisons, judge, single or judge, paired_difference, fmean, what, confidence)


def mean_ratio_judged(
    comparisons: Sequence[Comparison], judge: RatioJudge, *, what: str, confidence: float
) -> Judgement:
    """Judge the geometric mean over comparisons of costs; as :func:`mean_judged`."""
    return _mean_judged(comparisons, judge, judge, paired_ratio, _geometric_mean, what, confidence)


def _mean_judged(
    comparisons: Sequence[Comparison],
    judge: Callable[[Any, str], Judgement],
    single: Callable[[Any, str], Judgement],
    estimate: Callable[..., Any],
    mean: Callable[[Sequence[float]], float],
    what: str,
    confidence: float,
) -> Judgement:
    if not comparisons:
        return missing()
    trained = [comparison for comparison in comparisons if comparison.problem is None]
    problems = tuple(comparison.problem for comparison in comparisons if comparison.problem is not None)
    # The reader sees what the intervals would have said.
    enough = 2 * len(trained) > len(comparisons)
    judged = trained if enough else comparisons
    if len(comparisons) == 1:
        (only,) = comparisons
        found = judge(estimate(only.values, only.reference, confidence=confidence), only.what)
        return found if enough else Judgement(Verdict.INCONCLUSIVE, (*found.reasons, *problems))

    left = _mean_column([comparison.values for comparison in judged], mean)
    right = _mean_column([comparison.reference for comparison in judged], mean)
    pooled = judge(estimate(left, right, confidence=confidence), f"{what}, mean over {len(judged)} comparisons")
    # Where none can contradict the claim, all of them only show what the mean is a mean of.
    can_contradict = any(one.may_contradict for one in judged)
    shared = 1 - (1 - confidence) / len(judged) if can_contradict else confidence
    singles = [single(estimate(one.values, one.reference, confidence=shared), one.what) for one in judged]
    against = [
        found
        for one, found in zip(judged, singles, strict=True)
        if enough and one.may_contradict and found.verdict is Verdict.NOT_REPRODUCED
    ]
    verdict = Verdict.NOT_REPRODUCED if against else pooled.verdict if enough else Verdict.INCONCLUSIVE
    needed = pooled.needed if enough and not against else None
    note = (
        f"Any of the {len(judged)} comparisons can contradict the claim by itself, so each of their intervals has a "
        f"confidence of {100 * shared:.4g} %."
    )
    left_out = (f"{len(problems)} of {len(comparisons)} comparisons are left out.",) if problems and enough else ()
    notes = (note,) if can_contradict else ()
    # First what the verdict rests on: the mean, or where one contradicts it that one.
    others = [found for found in singles if not any(found is one for one in against)]
    ordered = [*against, pooled, Judgement(verdict, notes), *others]
    reasons = (reason for found in ordered for reason in found.reasons)
    return Judgement(verdict, (*reasons, *problems, *left_out), needed)


def _mean_column(columns: Sequence[Column], mean: Callable[[Sequence[float]], float]) -> list[float | None]:
    """Return the mean over columns per seed; None where one of them has no value."""
    # Studies may have different numbers of seeds: those that all have remain.
    rows = zip(*columns, strict=False)
    return [None if None in row else mean([value for value in row if value is not None]) for row in rows]


def _geometric_mean(values: Sequence[float]) -> float:
    return math.prod(values) ** (1 / len(values))


def best_judged(candidates: Sequence[Comparison], judge: DifferenceJudge, *, what: str, confidence: float) -> Judgement:
    """Judge the best of several comparisons, which is chosen on one half of the seeds and judged on the other.

    The largest of many noisy means is the luckiest: on the seeds that it was chosen by it would look better than it is.
    So the seeds with even numbers choose for those with odd ones and the reverse, and the values of both halves are
    judged together. Candidates that were not trained to the end are left out.

    Args:
        candidates: The comparisons, of the same seeds; none: not run.
        judge: Judges the chosen ones.
        what: Name of the best in its reason.
        confidence: Confidence of the interval.

    Reference:
        Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 36, 1974.
    """
    if not candidates:
        return missing()
    trained = {one.what: one for one in candidates if one.problem is None}
    problems = [one.problem for one in candidates if one.problem is not None]
    if not trained:
        return Judgement(Verdict.INCONCLUSIVE, tuple(dict.fromkeys(problems)))
    gains = {
        name: [
            None if value is None or reference is None else value - reference
            for value, reference in zip(one.values, one.reference, strict=True)
        ]
        for name, one in trained.items()
    }
    chosen = chosen_by_halves(gains)
    left = by_halves({name: one.values for name, one in trained.items()}, chosen)
    right = by_halves({name: one.reference for name, one in trained.items()}, chosen)
    found = judge(paired_difference(left, right, confidence=confidence), f"{what}, {chosen_text(chosen, len(trained))}")
    left_out = (f"{len(problems)} of {len(candidates)} were not trained to the end, and are left out.",)
    return Judgement(found.verdict, (*found.reasons, *(left_out if problems else ())), found.needed)


def chosen_by_halves(columns: Mapping[str, Column]) -> tuple[str, str]:
    """Return which column seeds with even numbers are judged by, and which those with odd ones.

    Each half is judged by the column that has the largest mean over the other half.

    Example:
        >>> chosen_by_halves({"a": [3, 1, 3, 1], "b": [2, 2, 2, 2]})
        ('b', 'a')
    """

    def largest(parity: int) -> str:
        known = {name: [v for v in column[parity::2] if v is not None] for name, column in columns.items()}
        most = max(len(values) for values in known.values())
        # Over fewer seeds a mean is noisier, so a column with missing values comes after those without.
        means = {name: (len(values) == most, fmean(values) if values else -math.inf) for name, values in known.items()}
        return max(means, key=lambda name: means[name])

    return largest(1), largest(0)


def by_halves(columns: Mapping[str, Column], chosen: tuple[str, str]) -> list[float | None]:
    """Return the values of the column that was chosen for a seed, per seed.

    Example:
        >>> by_halves({"a": [3, 1, 3, 1], "b": [2, 2, 2, 2]}, ("b", "a"))
        [2, 1, 2, 1]
    """
    seeds = range(len(columns[chosen[0]]))
    return [columns[chosen[seed % 2]][seed] for seed in seeds]


def chosen_text(chosen: tuple[str, str], count: int) -> str:
    """Return how the best was chosen, in words."""
    names = chosen[0] if chosen[0] == chosen[1] else f"{chosen[0]} and {chosen[1]}"
    return f"the best of {count} chosen on one half of the seeds and judged on the other ({names})"
