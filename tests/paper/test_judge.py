"""From intervals to verdicts."""

import math

import numpy as np
import pytest

from warmstart.paper import Judgement, Verdict
from warmstart.paper.kit.judge import (
    as_costly,
    better,
    cheaper,
    in_all,
    missing,
    not_better,
    not_worse,
    positive,
    seeds_needed,
    unchanged,
    worse,
)
from warmstart.statistics import (
    Estimate,
    PairedDifference,
    PairedRatio,
    mean_interval,
    paired_difference,
    paired_ratio,
)

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE


def points(low, high):
    return PairedDifference((low + high) / 200, low / 100, high / 100, n=5, detected=low > 0 or high < 0)


def within_a_point(difference, what):
    return unchanged(difference, what, margin=0.01)


@pytest.mark.parametrize(
    ("judge", "interval", "verdict"),
    [
        (worse, (-3, -1), YES),
        (worse, (-0.3, -0.1), YES),  # small, but detected
        (worse, (1, 3), NO),
        (worse, (-0.9, 0.9), NO),  # rules out a loss that matters
        (worse, (-1.1, 0.9), OPEN),
        (worse, (-3, 1), OPEN),
        (better, (1, 3), YES),
        (better, (-3, -1), NO),
        (better, (-0.9, 0.9), NO),
        (better, (-1, 3), OPEN),
        (not_worse, (-0.9, 3), YES),
        (not_worse, (-3, -1.1), NO),
        (not_worse, (-3, 1), OPEN),
        (not_worse, (-3, -0.5), OPEN),  # lower, but perhaps by less than what counts
        (not_better, (-3, -1), YES),
        (not_better, (-3, 0.9), YES),
        (not_better, (0.1, 0.4), NO),  # small, but detected
        (not_better, (-1, 3), OPEN),
        (within_a_point, (-0.9, 0.9), YES),
        (within_a_point, (1.1, 3), NO),
        (within_a_point, (-3, -1.1), NO),
        (within_a_point, (-0.5, 3), OPEN),
    ],
)
def test_the_interval_decides(judge, interval, verdict):
    assert judge(points(*interval), "it").verdict is verdict


@pytest.mark.parametrize(
    ("interval", "verdict"), [((0.3, 0.5), YES), ((1.1, 1.3), NO), ((0.96, 1.1), NO), ((0.5, 1.1), OPEN)]
)
def test_costs_are_judged_by_their_ratio(interval, verdict):
    assert cheaper(PairedRatio(1.0, *interval, n=5, detected=True), "steps").verdict is verdict


@pytest.mark.parametrize(
    ("interval", "verdict"), [((0.3, 0.6), YES), ((0.64, 0.9), NO), ((0.5, 0.7), OPEN), ((0.9, 1.1), NO)]
)
def test_much_cheaper_has_a_limit_of_its_own(interval, verdict):
    assert cheaper(PairedRatio(1.0, *interval, n=5, detected=True), "steps", limit=2 / 3).verdict is verdict


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((1.1, 1.3), YES), ((0.81, 1.1), YES), ((0.9, 0.99), NO), ((0.3, 0.5), NO), ((0.7, 1.1), OPEN)],
)
def test_a_saving_of_any_size_contradicts_that_it_takes_as_long(interval, verdict):
    assert as_costly(PairedRatio(1.0, *interval, n=5, detected=True), "samples").verdict is verdict


@pytest.mark.parametrize(("interval", "verdict"), [((0.1, 2), YES), ((-2, -0.1), NO), ((-1, 1), OPEN)])
def test_means_are_judged_by_their_sign(interval, verdict):
    assert positive(Estimate(0.0, *interval, n=5), "it").verdict is verdict


@pytest.mark.parametrize("judge", [worse, better, not_worse])
def test_one_seed_decides_nothing(judge):
    judgement = judge(PairedDifference(-0.5, None, None, n=1, detected=False), "it")
    assert judgement.verdict is OPEN
    assert "no interval" in judgement.reasons[0]


@pytest.mark.parametrize(
    ("verdicts", "of_all"),
    [([YES, YES], YES), ([YES, OPEN], OPEN), ([YES, NO], NO), ([NO, OPEN], NO), ([NO, NO], NO), ([OPEN], OPEN)],
)
def test_several_comparisons_become_one_verdict_with_all_reasons(verdicts, of_all):
    parts = [Judgement(verdict, (f"{index}.",)) for index, verdict in enumerate(verdicts)]
    assert in_all(parts).verdict is of_all
    assert sorted(in_all(parts).reasons) == [f"{index}." for index in range(len(parts))]


def test_no_comparisons_mean_not_run():
    assert in_all([]) == missing()


@pytest.mark.parametrize("confidence", [0.95, 0.9706])
@pytest.mark.parametrize(
    ("judge", "mean", "deviation"), [(worse, -1.0, 1.5), (not_worse, 0.0, 2.0), (worse, -0.4, 2.0)]
)
def test_an_open_verdict_says_how_many_seeds_would_settle_it(judge, mean, deviation, confidence):
    def at(count):
        """Deviations from the mean of which every number of seeds has the same standard deviation."""
        values = np.linspace(-1, 1, count)
        return judge(
            paired_difference(
                mean / 100 + deviation / 100 * values / values.std(ddof=1), [0] * count, confidence=confidence
            ),
            "it",
        )

    needed = at(4).needed
    assert at(4).verdict is OPEN
    assert needed is not None
    assert at(needed - 1).verdict is OPEN
    assert at(needed).verdict is not OPEN
    assert at(needed).needed is None


def test_costs_need_as_many_seeds_as_their_logarithms_say():
    costs = [math.exp(0.5 * x) for x in (-1.6, -0.3, 0.1, 0.9)]
    found = cheaper(paired_ratio(costs, [1.0] * 4), "steps")
    assert found.verdict is OPEN
    logs = mean_interval([math.log(cost) for cost in costs])
    assert found.needed == seeds_needed(logs, lambda low, high: high < 0 or low > math.log(0.95))


def test_nobody_knows_how_many_seeds_a_difference_on_the_margin_needs():
    assert not_worse(points(-2, 0), "it").needed is None
    assert worse(PairedDifference(-0.5, None, None, n=1, detected=False), "it").needed is None


@pytest.mark.parametrize(("needed", "of_all"), [([7, 12], 12), ([7, None], None), ([None, None], None)])
def test_all_open_comparisons_have_to_be_settled(needed, of_all):
    parts = [Judgement(OPEN, (), count) for count in needed]
    assert in_all([Judgement(YES, ()), *parts]).needed == of_all
    assert in_all([Judgement(NO, ()), *parts]).needed is None


def test_the_reasons_that_a_combined_verdict_rests_on_come_first():
    made = [Judgement(verdict, (f"{verdict}.",)) for verdict in (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)]
    opened = Judgement(Verdict.INCONCLUSIVE, ("Open.",), 9)
    assert in_all([made[0], opened, made[1]]).reasons == ("not reproduced.", "reproduced.", "Open.")
    assert in_all([made[0], opened]).reasons == ("Open.", "reproduced.")
    assert in_all([made[0], made[0]]).reasons == ("reproduced.", "reproduced.")
