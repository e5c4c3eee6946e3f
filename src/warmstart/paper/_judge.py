"""From intervals to verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

from warmstart.statistics import (
    Estimate,
    PairedDifference,
    PairedRatio,
    describe_difference,
    describe_ratio,
    interval_text,
)

from ._chapter import Verdict
from ._experiment import Judgement
from ._results import CaseResults, Results

SMALLEST = 0.005
"""The smallest difference of accuracies that matters, half a point; an interval within it contradicts a claimed one."""


def worse(difference: PairedDifference, what: str) -> Judgement:
    """Judge the claim that a paired difference of accuracies is negative.

    Reproduced: the interval lies below zero. Not reproduced: it rules out any loss of half a point or more.
    Inconclusive: neither, or there is no interval.

    Example:
        >>> worse(PairedDifference(-0.03, -0.04, -0.02, n=5, detected=True), "warm against cold").verdict
        <Verdict.REPRODUCED: 'reproduced'>
        >>> worse(PairedDifference(0.02, 0.01, 0.03, n=5, detected=True), "warm against cold").reasons
        ('warm against cold: higher by 2.0 points [1.0, 3.0] (n = 5).',)
    """
    reason = f"{what}: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: high < 0, lambda low, high: low > -SMALLEST)


def better(difference: PairedDifference, what: str) -> Judgement:
    """Judge the claim that a paired difference of accuracies is positive; as :func:`worse`, mirrored.

    Example:
        >>> better(PairedDifference(0.02, 0.01, 0.03, n=5, detected=True), "shrink-perturb against warm").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: low > 0, lambda low, high: high < SMALLEST)


def not_worse(difference: PairedDifference, what: str, *, margin: float = 0.01) -> Judgement:
    """Judge the claim that accuracy is not lower by ``margin`` or more.

    Example:
        >>> not_worse(PairedDifference(0.0, -0.004, 0.004, n=5, detected=False), "it").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}, where a loss of up to {100 * margin:g} points counts as none: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: low > -margin, lambda low, high: high < -margin)


def not_better(difference: PairedDifference, what: str) -> Judgement:
    """Judge the claim that accuracy is not higher.

    Not reproduced: a gain, of whatever size, is detected. Reproduced: none is, and one of half a point or more is ruled
    out.

    Example:
        >>> not_better(PairedDifference(0.008, 0.006, 0.010, n=5, detected=True), "it").verdict
        <Verdict.NOT_REPRODUCED: 'not reproduced'>
    """
    reason = f"{what}: {describe_difference(difference)}"
    return _judged(difference, reason, lambda low, high: low <= 0 and high < SMALLEST, lambda low, high: low > 0)


def unchanged(difference: PairedDifference, what: str, *, margin: float) -> Judgement:
    """Judge the claim that accuracy stays within ``margin``, up and down.

    Example:
        >>> unchanged(PairedDifference(0.03, 0.02, 0.04, n=5, detected=True), "it", margin=0.01).verdict
        <Verdict.NOT_REPRODUCED: 'not reproduced'>
    """
    reason = (
        f"{what}, where a change of up to {100 * margin:g} points counts as none: {describe_difference(difference)}"
    )
    return _judged(
        difference,
        reason,
        lambda low, high: -margin < low and high < margin,
        lambda low, high: high < -margin or low > margin,
    )


def cheaper(ratio: PairedRatio, what: str) -> Judgement:
    """Judge the claim that a paired ratio of costs is below 1; not reproduced where less than 5 % can be saved.

    Example:
        >>> cheaper(PairedRatio(0.4, 0.3, 0.5, n=5, detected=True), "steps of warm against cold").verdict
        <Verdict.REPRODUCED: 'reproduced'>
    """
    reason = f"{what}: {describe_ratio(ratio)}"
    return _judged(ratio, reason, lambda low, high: high < 1, lambda low, high: low > 0.95)


def positive(estimate: Estimate, what: str, *, digits: int = 2, smallest: float = 0.0) -> Judgement:
    """Judge the claim that a mean over seeds is above zero: its interval is, or lies below the smallest that matters.

    Example:
        >>> positive(Estimate(2.0, 1.0, 3.0, n=5), "old minus new gradient").reasons
        ('old minus new gradient: 2.00 [1.00, 3.00] (n = 5).',)
    """
    mean, interval = estimate.mean, estimate.interval
    ends = "one seed: no interval" if interval is None else interval_text(*interval, digits=digits)
    reason = f"{what}: {'no value' if mean is None else f'{mean:.{digits}f} {ends}'}"
    return _judged(estimate, reason, lambda low, high: low > 0, lambda low, high: high < smallest)


Test = Callable[[float, float], bool]


def _judged(estimate: Estimate, reason: str, claimed: Test, ruled_out: Test) -> Judgement:
    """Let an interval decide; where there is none, nothing is decided."""
    reasons = (f"{reason} (n = {estimate.n}).",)
    if estimate.interval is None:
        return Judgement(Verdict.INCONCLUSIVE, reasons)
    if claimed(*estimate.interval):
        return Judgement(Verdict.REPRODUCED, reasons)
    verdict = Verdict.NOT_REPRODUCED if ruled_out(*estimate.interval) else Verdict.INCONCLUSIVE
    return Judgement(verdict, reasons)


def in_all(judgements: Iterable[Judgement]) -> Judgement:
    """Judge a claim about all of several comparisons: reproduced in all, or contradicted in at least one.

    Each interval stands for itself; with many comparisons a single contradiction can be chance, which is why all
    reasons are told.
    """
    return _folded(list(judgements), decisive=Verdict.NOT_REPRODUCED)


def in_some(comparisons: Sequence[Callable[[float], Judgement]]) -> Judgement:
    """Judge a claim that one comparison among several suffices for: reproduced in one, or contradicted in all.

    With k comparisons each interval has the confidence 1 - 0.05 / k (Bonferroni), so that where there is nothing, one
    is found in at most 5 of 100 experiments, however many comparisons they make.

    Args:
        comparisons: Each gets the confidence of its intervals, and judges.

    Reference:
        Dunn, "Multiple comparisons among means", JASA 56, 1961.
    """
    confidence = 1 - 0.05 / max(len(comparisons), 1)
    folded = _folded([judge(confidence) for judge in comparisons], decisive=Verdict.REPRODUCED)
    if len(comparisons) < 2:
        return folded
    note = (
        f"One of {len(comparisons)} comparisons suffices, so each of these intervals has a confidence of "
        f"{100 * confidence:.4g} %."
    )
    return Judgement(folded.verdict, (note, *folded.reasons))


def _folded(found: Sequence[Judgement], *, decisive: Verdict) -> Judgement:
    """Return one judgement with all reasons: decisive if one is, another only where all agree."""
    if not found:
        return missing()
    reasons = tuple(reason for judgement in found for reason in judgement.reasons)
    verdicts = {judgement.verdict for judgement in found}
    if decisive in verdicts:
        return Judgement(decisive, reasons)
    return Judgement(verdicts.pop() if len(verdicts) == 1 else Verdict.INCONCLUSIVE, reasons)


def of_first_case(judge: Callable[[Results, CaseResults], Judgement]) -> Callable[[Results], Judgement]:
    """Make the judge of an experiment's first study one of its results; where nothing has been run, it says so."""

    @wraps(judge)
    def judged(results: Results) -> Judgement:
        case = results.first()
        return missing() if case is None else judge(results, case)

    return judged


def missing() -> Judgement:
    """Judge where nothing has been run yet."""
    return Judgement(Verdict.NOT_RUN, ())


def untestable(reason: str) -> Judgement:
    """Judge where the setting has nothing that could test the claim."""
    return Judgement(Verdict.INCONCLUSIVE, (reason,))


def if_trained(case: CaseResults, arms: Sequence[str], judgement: Judgement) -> Judgement:
    """Return the judgement, or say why nothing is decided where one of these arms was not trained to the end."""
    untrained = case.untrained(arms)
    if untrained is None:
        return judgement
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, untrained))
