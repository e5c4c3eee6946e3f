import math
import os

import numpy as np
import pytest

from warmstart.basics import METRICS
from warmstart.retrain._gate import GateRule
from warmstart.retrain._watch import watch
from warmstart.statistics import upper_confidence_sequence

RULE = GateRule(alpha=0.01)
LONG = os.environ.get("WARMSTART_LONG") == "1"


def answers(generator, rows, loss, differing):
    """Return whether a champion and its predecessor are right, the first less often by ``loss``."""
    kinds = generator.choice(3, rows, p=[loss + differing / 2, differing / 2, 1 - loss - differing])
    both = generator.random(rows) < 0.8
    return np.where(kinds == 0, 0.0, np.where(kinds == 1, 1.0, both)), np.where(kinds == 1, 0.0, (kinds == 0) | both)


def test_it_reads_the_last_bound():
    champion, predecessor = answers(np.random.default_rng(0), 1000, 0.05, 0.05)
    found = watch(champion, predecessor, rule=RULE)
    bound = upper_confidence_sequence(champion - predecessor)[-1]
    assert (found.t, found.upper, found.alarm) == (1000, bound, bound < -0.01)
    assert found.mean == pytest.approx(np.mean(champion - predecessor))


@pytest.mark.parametrize(("rows", "alarm"), [(0, False), (199, False), (200, True)])
def test_there_is_no_alarm_before_200_rows(rows, alarm):
    found = watch(np.zeros(rows), np.ones(rows), rule=RULE)
    assert (found.t, found.alarm, found.upper is None) == (rows, alarm, not alarm)


def test_groups_count_once_and_in_order():
    days = np.repeat(np.arange(250)[::-1], 4)
    champion, predecessor = answers(np.random.default_rng(1), 1000, 0.2, 0.1)
    found = watch(champion, predecessor, rule=RULE, units=days)
    means = (champion - predecessor).reshape(250, 4).mean(1)
    assert found.t == 250
    assert found.upper == pytest.approx(upper_confidence_sequence(means)[-1])


def test_rows_that_were_not_scored_are_left_out():
    champion, predecessor = answers(np.random.default_rng(2), 500, 0.1, 0.1)
    gaps = np.array([math.nan, 1.0])
    assert watch(np.append(champion, gaps), np.append(predecessor, gaps[::-1]), rule=RULE) == watch(
        champion, predecessor, rule=RULE
    )


def test_errors_have_a_relative_tolerance():
    rule = GateRule(metric=METRICS["rmse"], score_range=None, root=True, alpha=0.01)
    noise = np.random.default_rng(3).normal(size=5000)
    assert watch(-((1.1 * noise) ** 2), -(noise**2), rule=rule).alarm
    near = watch(-((1.005 * noise) ** 2), -(noise**2), rule=rule)
    assert not near.alarm
    assert near.mean == pytest.approx(-0.005, rel=0.05)
    assert near.tolerance == pytest.approx(0.01, rel=0.05)


def nights_until_alarm(seed, loss, differing, *, arrivals=60, rows=300):
    champion, predecessor = answers(np.random.default_rng(seed), arrivals * rows, loss, differing)
    for night in range(1, arrivals + 1):
        if watch(champion[: night * rows], predecessor[: night * rows], rule=RULE).alarm:
            return night
    return None


@pytest.mark.parametrize("differing", [0.0, 0.02, 0.15])
def test_a_champion_worse_by_the_tolerance_is_rolled_back_in_one_per_cent_at_most(differing):
    runs = 500 if LONG else 150
    alarms = sum(
        nights_until_alarm(seed, RULE.tolerance, differing, arrivals=60 if LONG else 20) is not None
        for seed in range(runs)
    )
    # At the promised rate more than this many alarms have a probability below one in a thousand.
    assert alarms <= 0.01 * runs + 3.1 * math.sqrt(0.01 * runs)


def test_a_champion_that_is_clearly_worse_is_rolled_back_soon():
    nights = [nights_until_alarm(seed, 0.04, 0.1) for seed in range(20)]
    assert None not in nights
    assert np.median(nights) <= 12
