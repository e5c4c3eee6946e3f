"""The watch: whether a promoted model turns out worse than its predecessor on what has arrived since."""

from dataclasses import dataclass

import numpy as np

from warmstart.statistics import upper_confidence_sequence

from ._gate import GateRule, difference_of


@dataclass(frozen=True)
class WatchState:
    """What the watch has seen since the promotion.

    Attributes:
        t: Number of rows, or of groups of rows, that both models scored before either was trained on them.
        mean: The champion's mean score minus its predecessor's; 0 without rows.
        upper: Upper bound of the true difference, valid however often one looks; None with too few rows.
        tolerance: How far below 0 the difference may be.
        alarm: Whether the bound is below: the predecessor should serve again.
    """

    t: int
    mean: float
    upper: float | None
    tolerance: float
    alarm: bool


def watch(
    champion: np.ndarray,
    predecessor: np.ndarray,
    *,
    rule: GateRule,
    units: np.ndarray | None = None,
    rho: float = 0.05,
    least: int = 200,
) -> WatchState:
    """Compare a champion with its predecessor on all arrivals since the promotion, in their order.

    The alarm is raised where ``upper_confidence_sequence`` is below minus the tolerance. A champion that is worse by no
    more than the tolerance is rolled back with a probability of about ``rule.alpha``, over all the nights together.

    Args:
        champion: Scores of rows that it was not trained on, as of ``ModelScores``, of shape (rows,).
        predecessor: The same rows in the same order.
        rule: How scores are compared; its ``alpha`` is usually 0.01 here.
        units: Group of each row; groups are taken in the order of their first row.
        rho: As of ``upper_confidence_sequence``.
        least: Number of rows or groups below which there is no alarm: the bound is valid for many values.

    Example:
        >>> rule = GateRule(alpha=0.01)
        >>> right = np.ones(3000)
        >>> watch(right, right, rule=rule).alarm, watch(np.arange(3000) % 10 > 0, right, rule=rule).alarm
        (False, True)
    """
    differences, tolerance = difference_of(champion, predecessor, rule=rule, units=units)
    mean = float(differences.mean()) if len(differences) else 0.0
    if len(differences) < least:
        return WatchState(len(differences), mean, None, tolerance, alarm=False)
    upper = float(upper_confidence_sequence(differences, alpha=rule.alpha, rho=rho)[-1])
    return WatchState(len(differences), mean, upper, tolerance, alarm=upper < -tolerance)
