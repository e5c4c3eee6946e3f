"""From intervals to verdicts on claims."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache, wraps

from warmstart.statistics import (
    Estimate,
    PairedDifference,
    PairedRatio,
    describe_difference,
    describe_ratio,
    interval_text,
    student_quantile,
)

from .experiment import Judgement, Verdict
from .results import CaseResults, Results
from .setting import STAND_IN, Setting

# The smallest difference in accuracy that matters, a point, for all claims. An interval of a few seeds is never exactly
# zero, so a claimed difference counts as contradicted once the interval rules out any difference of this size.
SMALLEST = 0.01
# The same of costs: a saving of less than 5 % is none.
SMALLEST_RATIO = 0.95
# A claim that needs more seeds than this is out of reach: it is better to say nothing than to say 4,711.
MOST_NEEDED = 1_000

# Judges the paired difference of two arms; the text names the arms in the reason.
DifferenceJudge = Callable[[PairedDifference, str], Judgement]


def worse(difference: PairedDifference, what: str, *, least: float = 0.0) -> Judgement:
    """Judge the claim that a paired difference of accuracies is negative, by more than ``least``.

    Reproduced: the interval is below minus that. Not reproduced: it rules out a loss of that size, or of a point if
    that is more. Inconclusive: neither, or there is no interval.

    Example:
        >>> worse(PairedDifference(-0.03, -0.04, -0.02, n=5, detected=True), "warm against cold").verdict
        <Verdict.REPRODUCED: 'reproduced'>
        >>> worse(PairedDifference(0.02, 0.01, 0.03, n=5, detected=True), "warm against cold").reasons
        ('warm against cold: higher by 2.0 points [1.0, 3.0] (n = 5).',)
    """
    note = f", where a loss of up to {100 * least:g} points counts as none" if least else ""
    smallest = max(least, SMALLEST)
    return _judged(
        difference,
        f"{what}{note}: {describe_difference(difference)}",
        lambda low, high: high < -least,
        lambda low, high: low > -smallest,
    )


def better(difference: PairedDifference, what: str) -> Judgement:
    """Judge the claim that a paired difference of accuracies is positive; as :func:`worse`, mirrored.

    Example:
        >>> better(PairedDifference(0.02, 0.01, 0.03, n=5, detected=True), "shrink-perturb against warm").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: low > 0, lambda low, high: high < SMALLEST)


def not_worse(difference: PairedDifference, what: str, *, margin: float = SMALLEST) -> Judgement:
    """Judge the claim that accuracy is not lower by ``margin`` or more.

    Example:
        >>> not_worse(PairedDifference(0.0, -0.004, 0.004, n=5, detected=False), "it").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}, where a loss of up to {100 * margin:g} points counts as none: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: low > -margin, lambda low, high: high < -margin)


def not_better(difference: PairedDifference, what: str) -> Judgement:
    """Judge the claim that accuracy is not higher.

    Not reproduced: a gain of any size is detected. Reproduced: none is, and one of a point or more is ruled out.

    Example:
        >>> not_better(PairedDifference(0.008, 0.006, 0.010, n=5, detected=True), "it").verdict
        <Verdict.NOT_REPRODUCED: 'not reproduced'>
    """
    reason = f"{what}: {describe_difference(difference)}"
    # Not the mirror of `worse`: "never helps" is a claim about all sizes, so the smallest detected gain contradicts it.
    return _judged(difference, reason, lambda low, high: low <= 0 and high < SMALLEST, lambda low, high: low > 0)


def unchanged(difference: PairedDifference, what: str, *, margin: float) -> Judgement:
    """Judge the claim that accuracy changes by less than ``margin`` in either direction.

    Example:
        >>> unchanged(PairedDifference(0.03, 0.02, 0.04, n=5, detected=True), "it", margin=0.01).verdict
        <Verdict.NOT_REPRODUCED: 'not reproduced'>
    """
    note = f"where a change of up to {100 * margin:g} points counts as none"
    return _judged(
        difference,
        f"{what}, {note}: {describe_difference(difference)}",
        lambda low, high: -margin < low and high < margin,
        lambda low, high: high < -margin or low > margin,
    )


def cheaper(ratio: PairedRatio, what: str, *, limit: float = 1.0) -> Judgement:
    """Judge the claim that a paired ratio of costs is below ``limit``; not reproduced above 0.95 times it.

    Example:
        >>> cheaper(PairedRatio(0.4, 0.3, 0.5, n=5, detected=True), "steps of warm against cold").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}: {describe_ratio(ratio)}"
    ruled_out = limit * SMALLEST_RATIO
    return _judged(ratio, reason, lambda low, high: high < limit, lambda low, high: low > ruled_out, logarithmic=True)


def as_costly(ratio: PairedRatio, what: str, *, margin: float = 0.8) -> Judgement:
    """Judge the claim that a paired ratio of costs is at least 1, where one above ``margin`` counts as 1.

    Not reproduced: a saving of any size is detected. Reproduced: none is, and one below the margin is ruled out.

    Example:
        >>> as_costly(PairedRatio(1.1, 0.9, 1.3, n=5, detected=False), "samples of warm against cold").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}, where a saving of up to {1 - margin:.0%} counts as none: {describe_ratio(ratio)}"
    # Costs vary by a fifth from seed to seed: a narrower margin would leave nearly every claim open.
    return _judged(
        ratio,
        reason,
        lambda low, high: low > margin and high >= 1,
        lambda low, high: high < 1,
        logarithmic=True,
    )


def positive(estimate: Estimate, what: str, *, digits: int = 2, smallest: float = 0.0) -> Judgement:
    """Judge the claim that a mean over seeds is above zero.

    Reproduced: its interval is above zero. Not reproduced: it is below ``smallest``, the least mean that matters.

    Example:
        >>> positive(Estimate(2.0, 1.0, 3.0, n=5), "old minus new gradient").reasons
        ('old minus new gradient: 2.00 [1.00, 3.00] (n = 5).',)
    """
    mean, interval = estimate.mean, estimate.interval
    ends = "one seed: no interval" if interval is None else interval_text(*interval, digits=digits)
    reason = f"{what}: {'no value' if mean is None else f'{mean:.{digits}f} {ends}'}"
    return _judged(estimate, reason, lambda low, high: low > 0, lambda low, high: high < smallest)


IntervalTest = Callable[[float, float], bool]


def _judged(
    estimate: Estimate, reason: str, claimed: IntervalTest, ruled_out: IntervalTest, *, logarithmic: bool = False
) -> Judgement:
    reasons = (f"{reason} (n = {estimate.n}).",)
    if estimate.interval is None:
        # A mean of one seed decides nothing, however large it is.
        return Judgement(Verdict.INCONCLUSIVE, reasons)
    if claimed(*estimate.interval):
        return Judgement(Verdict.REPRODUCED, reasons)
    if ruled_out(*estimate.interval):
        return Judgement(Verdict.NOT_REPRODUCED, reasons)

    def decided(low: float, high: float) -> bool:
        return claimed(low, high) or ruled_out(low, high)

    return Judgement(Verdict.INCONCLUSIVE, reasons, seeds_needed(estimate, decided, logarithmic=logarithmic))


def seeds_needed(estimate: Estimate, decided: IntervalTest, *, logarithmic: bool = False) -> int | None:
    """Return about how many seeds would decide, if mean and standard deviation stay as they are.

    With n seeds the interval is mean -+ t(n - 1, (1 + confidence) / 2) * s / sqrt(n), where s follows from the present
    interval.

    Args:
        estimate: The present estimate.
        decided: Whether an interval decides.
        logarithmic: Whether the interval is symmetric on the logarithm, as that of a ratio.

    Returns:
        The smallest number above the present one; None if there is no interval, or beyond 1,000.

    Example:
        >>> seeds_needed(Estimate(-0.02, -0.05, 0.01, n=5), lambda low, high: high < 0)
        9
    """
    if estimate.mean is None or estimate.interval is None:
        return None
    transform, back = (math.log, math.exp) if logarithmic else (float, float)
    middle, widths = transform(estimate.mean), _relative_widths(estimate.confidence)
    half = transform(estimate.interval[1]) - middle
    counts = range(estimate.n + 1, MOST_NEEDED + 1)

    # Intervals of more seeds lie within those of fewer, so that what is decided stays so.
    def decides(count: int) -> bool:
        width = half * widths[count] / widths[estimate.n]
        return decided(back(middle - width), back(middle + width))

    place = bisect_left(counts, True, key=decides)
    return counts[place] if place < len(counts) else None


@cache
def _relative_widths(confidence: float) -> dict[int, float]:
    """Return t(n - 1, (1 + confidence) / 2) / sqrt(n) by n, the half interval of a standard deviation of 1."""
    return {n: student_quantile(n - 1, confidence) / math.sqrt(n) for n in range(2, MOST_NEEDED + 1)}


def compare(
    judge: DifferenceJudge,
    case: CaseResults,
    arm: str,
    reference: str = "cold",
    *,
    what: str,
    confidence: float | None = None,
) -> Judgement:
    """Judge the paired difference of two arms' accuracies after the last round, if both were trained to the end."""
    # A difference between models that were cut off is one of the limit on epochs, not of the arms.
    difference = case.difference(arm, reference, confidence=confidence or case.confidence)
    return if_trained(case, [reference, arm], judge(difference, what))


def in_all(judgements: Iterable[Judgement]) -> Judgement:
    """Judge a claim about all of several comparisons: reproduced in all, or contradicted in at least one."""
    # For a few parts of one claim. Each has its full confidence: with many, one would be contradicted by chance, and
    # `mean_judged` is for those.
    found = list(judgements)
    if not found:
        return missing()
    verdicts = {judgement.verdict for judgement in found}
    agreed = found[0].verdict if len(verdicts) == 1 else Verdict.INCONCLUSIVE
    verdict = Verdict.NOT_REPRODUCED if Verdict.NOT_REPRODUCED in verdicts else agreed
    # First the reasons that the verdict rests on: of twelve comparisons few readers go through all.
    ordered = sorted(found, key=lambda judgement: judgement.verdict is not verdict)
    reasons = tuple(reason for judgement in ordered for reason in judgement.reasons)
    if verdict is not Verdict.INCONCLUSIVE:
        return Judgement(verdict, reasons)
    # Every open one has to be settled.
    needed = [judgement.needed for judgement in found if judgement.verdict is Verdict.INCONCLUSIVE]
    known = [count for count in needed if count is not None]
    return Judgement(verdict, reasons, max(known) if known and len(known) == len(needed) else None)


def of_first_case(judge: Callable[[Results, CaseResults], Judgement]) -> Callable[[Results], Judgement]:
    """Turn a judge of an experiment's first study into a judge of its results; NOT_RUN where it has none."""

    # Most experiments have a single study, and their judges should not have to look for it.
    @wraps(judge)
    def judged(results: Results) -> Judgement:
        case = results.first()
        return missing() if case is None else judge(results, case)

    return judged


def missing() -> Judgement:
    """Return the judgement of a claim without results."""
    return Judgement(Verdict.NOT_RUN, ())


def untestable(reason: str) -> Judgement:
    """Return the judgement of a claim that the setting cannot test."""
    return Judgement(Verdict.INCONCLUSIVE, (reason,))


def of_digits(setting: Setting, judgement: Judgement) -> Judgement:
    """Return the judgement of a claim about SVHN, which its stand-in leaves open, but in the desk setting."""
    if setting.digits != STAND_IN or judgement.verdict is Verdict.NOT_RUN:
        return judgement
    if setting.desk:
        # There it is about small networks anyway, and the stand-in is one difference among several.
        reason = "MNIST-M stands in for SVHN: the verdict is about MNIST-M."
        return Judgement(judgement.verdict, (*judgement.reasons, reason), judgement.needed)
    # What holds for MNIST-M need not hold for SVHN: the reasons stay, without their verdict.
    reason = "MNIST-M stands in for SVHN: the claim about SVHN itself was not tested."
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, reason))


def if_trained(case: CaseResults, arms: Sequence[str], judgement: Judgement) -> Judgement:
    """Return the judgement; inconclusive, with the reason added, if one of these arms was not trained to the end."""
    # The reasons stay, so that the reader sees what the intervals would have said.
    problem = case.training_problem(arms)
    if problem is None:
        return judgement
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, problem))
