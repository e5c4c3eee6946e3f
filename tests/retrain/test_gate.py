import math
import os
from dataclasses import replace

import numpy as np
import pytest

from warmstart.basics import ACCURACY, METRICS, InputError, Metric
from warmstart.retrain._gate import (
    FIRST_SHARE,
    LATER_LOOKS,
    LATER_SHARE,
    Comparison,
    GateRule,
    ModelScores,
    beats_baseline,
    compare_scores,
    difference_of,
    gap_text,
    judge,
)
from warmstart.statistics import score_interval

RULE = GateRule()
RMSE = GateRule(metric=METRICS["rmse"], score_range=None, root=True)
LONG = os.environ.get("WARMSTART_LONG") == "1"


def pair(wins, losses, rows, *, right=0.8):
    """Return scores of a candidate and a champion that differ in so many rows."""
    champion = np.arange(rows) < right * rows
    candidate = champion.copy()
    candidate[:losses] = False
    candidate[rows - wins :] = True
    return ModelScores("new", candidate.astype(float)), ModelScores("old", champion.astype(float))


def judged(wins, losses, rows, **options):
    candidate, champion = pair(wins, losses, rows)
    return judge(candidate, champion, rule=RULE, **options)


def test_a_comparison_is_the_interval_of_the_differences():
    candidate, champion = pair(30, 10, 500)
    found = compare_scores(candidate.values, champion.values, rule=RULE)
    expected = score_interval(candidate.values - champion.values)
    assert (found.mean, found.low, found.high, found.n) == (expected.mean, expected.low, expected.high, 500)
    assert found.error == pytest.approx((found.mean - found.low) / 1.6449, rel=1e-4)


@pytest.mark.parametrize(
    ("wins", "losses", "rows", "outcome"),
    [
        (100, 20, 3000, "promote"),
        (20, 20, 5000, "promote"),
        (20, 150, 3000, "worse"),
        (20, 20, 300, "undecided"),
        (0, 0, 200, "undecided"),
        (0, 0, 400, "promote"),
        (30, 50, 3000, "undecided"),
    ],
)
def test_outcomes(wins, losses, rows, outcome):
    verdict = judged(wins, losses, rows)
    assert verdict.outcome == outcome
    assert verdict.becomes_anchor == (outcome == "promote" and verdict.champion.low >= 0)


@pytest.mark.parametrize(
    ("wins", "losses", "rows", "reason"),
    [
        (100, 20, 3000, "promoted: +2.7 [2.1, 3.3] points on 3,000 rows"),
        (20, 20, 5000, "promoted: 0.0 [-0.2, 0.2] points on 5,000 rows, where a loss of 1.0 points is allowed"),
        (20, 20, 300, "kept: 0.0 [-3.6, 3.6] points; 300 rows cannot tell, about 8,800 would"),
        (
            20,
            150,
            3000,
            "kept: -4.3 [-5.0, -3.6] points on 3,000 rows, shown to be worse than the 1.0 points that are allowed",
        ),
        (
            30,
            50,
            3000,
            "kept: -0.7 [-1.2, -0.2] points on 3,000 rows, which may be worse than the 1.0 points that are allowed",
        ),
    ],
)
def test_reasons(wins, losses, rows, reason):
    assert judged(wins, losses, rows).reason == reason


def test_so_many_rows_are_enough_four_times_of_five():
    generator, chances = np.random.default_rng(0), [0.03, 0.94, 0.03]
    needed = compare_scores(*(scores.values for scores in pair(9, 9, 300)), rule=RULE).rows_needed
    passed = [
        score_interval(generator.choice([-1.0, 0.0, 1.0], needed, p=chances)).low >= -RULE.tolerance for _ in range(400)
    ]
    assert np.mean(passed) == pytest.approx(0.8, abs=0.07)
    variance = (18 + 3) / 302
    assert needed == pytest.approx(6.18 * variance / RULE.tolerance**2, rel=2e-3)


def test_a_model_is_never_compared_with_itself():
    candidate, champion = pair(5, 5, 100)
    same = replace(candidate, model="old")
    with pytest.raises(InputError, match="candidate must be another model than its opponents, got old for both"):
        judge(same, champion, rule=RULE)
    with pytest.raises(InputError, match="got new for both"):
        judge(candidate, champion, ModelScores("new", candidate.values), rule=RULE)


def test_an_anchor_that_is_the_champion_is_compared_once():
    candidate, champion = pair(50, 10, 2000)
    verdict = judge(candidate, champion, champion, rule=RULE)
    assert verdict.anchor is None
    assert verdict == judge(candidate, champion, rule=RULE)


def test_the_anchor_stops_what_the_champion_alone_would_let_pass():
    anchor = np.ones(5000)
    champion, candidate = anchor.copy(), anchor.copy()
    champion[:60] = 0
    candidate[:65] = 0
    scores = [ModelScores("new", candidate), ModelScores("old", champion), ModelScores("best", anchor)]
    assert judge(*scores[:2], rule=RULE).outcome == "promote"
    verdict = judge(*scores, rule=RULE)
    assert verdict.outcome == "undecided"
    assert verdict.reason == (
        "kept: -0.1 [-0.2, 0.0] points on 5,000 rows, but -1.3 [-1.6, -1.0] points against the best model ever shown, "
        "where 1.0 points are allowed"
    )


def test_a_class_that_is_shown_to_be_worse_has_a_veto():
    candidate, champion = pair(300, 0, 4000)
    classes = np.where(np.arange(4000) < 100, "rare", "common")
    worse = candidate.values.copy()
    worse[:40] = 0
    verdict = judge(replace(candidate, values=worse), champion, rule=RULE, classes=classes)
    assert verdict.outcome == "undecided"
    assert [veto.name for veto in verdict.vetoes] == ["rare"]
    assert verdict.reason.startswith("kept: in class rare -39.2 [-49.")
    assert verdict.reason.endswith("points on 100 rows, shown to be worse than the 5.0 points that are allowed")
    assert judge(candidate, champion, rule=RULE, classes=classes).outcome == "promote"


@pytest.mark.parametrize(("size", "vetoes"), [(29, 0), (30, 1)])
def test_a_class_of_few_units_has_none(size, vetoes):
    candidate, champion = pair(300, 0, 4000)
    worse = candidate.values.copy()
    worse[:size] = 0
    verdict = judge(
        replace(candidate, values=worse), champion, rule=RULE, classes=(np.arange(4000) >= size).astype(int)
    )
    assert len(verdict.vetoes) == vetoes


def test_classes_share_alpha():
    # Of 200 equal classes 5 % would be found worse by chance, were each tested at alpha.
    generator, classes = np.random.default_rng(1), np.repeat(np.arange(200), 50)
    vetoed = 0
    for _ in range(40):
        champion, candidate = (generator.random(10_000) < chance for chance in (0.5, 0.45))
        verdict = judge(ModelScores("a", candidate), ModelScores("b", champion), rule=RULE, classes=classes)
        vetoed += bool(verdict.vetoes)
    assert vetoed <= 6


def test_rows_of_a_group_count_once():
    generator = np.random.default_rng(2)
    days = np.repeat(np.arange(40), 50)
    swings = generator.normal(scale=0.3, size=40)[days]
    candidate, champion = (generator.random(2000) < 0.5 + swings / 2), (generator.random(2000) < 0.5 - swings / 2)
    by_row = compare_scores(candidate, champion, rule=RULE)
    by_day = compare_scores(candidate, champion, rule=RULE, units=days)
    assert (by_row.n, by_day.n) == (2000, 40)
    assert by_day.error > 2 * by_row.error
    means = [candidate[days == day].mean() - champion[days == day].mean() for day in range(40)]
    assert by_day.mean == pytest.approx(sum(means) / 42)
    assert (
        "40 groups cannot tell"
        in judge(ModelScores("a", candidate), ModelScores("b", candidate[::-1]), rule=RULE, units=days).reason
    )


def test_groups_are_taken_in_the_order_of_their_first_row():
    units = np.array([7, 7, 3, 9, 3])
    differences, _ = difference_of(np.array([1.0, 0, 1, 0, 1]), np.zeros(5), rule=RULE, units=units)
    assert differences.tolist() == [0.5, 1.0, 0.0]


def test_rows_that_were_not_scored_are_left_out():
    candidate, champion = (scores.values for scores in pair(20, 10, 500))
    with_gaps = np.append(candidate, [math.nan, 1.0])
    found = compare_scores(with_gaps, np.append(champion, [0.0, math.nan]), rule=RULE)
    assert found == compare_scores(candidate, champion, rule=RULE)


def test_without_a_row_nothing_is_promoted():
    for rule in (RULE, RMSE):
        verdict = judge(ModelScores("a", np.empty(0)), ModelScores("b", np.empty(0)), rule=rule)
        assert verdict.outcome == "undecided"
        assert verdict.reason == "kept: no rows to judge by"


def test_errors_are_compared_in_the_metric_and_tolerated_by_share():
    generator = np.random.default_rng(3)
    noise = generator.normal(size=20_000)
    champion, candidate = -((2 * noise) ** 2), -((2.1 * noise) ** 2)
    found = compare_scores(candidate, champion, rule=RMSE)
    assert found.mean == pytest.approx(-0.1, rel=0.05)
    assert found.tolerance == pytest.approx(0.01 * 2, rel=0.02)
    verdict = judge(ModelScores("a", candidate), ModelScores("b", champion), rule=RMSE)
    assert verdict.outcome == "worse"
    assert verdict.reason.startswith("kept: rmse +0.10")
    absolute = GateRule(metric=Metric("mae", "dollars", higher_is_better=False), score_range=None)
    found = compare_scores(-abs(noise), -abs(2 * noise), rule=absolute)
    assert found.mean == pytest.approx(np.mean(abs(noise)), rel=1e-3)
    assert found.text(absolute.metric).startswith("mae -0.797 [")
    assert found.is_better


def test_an_infinite_error_keeps_a_candidate_out_and_breaks_nothing():
    errors = -np.ones(1000)
    broken = errors.copy()
    broken[3] = -math.inf
    verdict = judge(ModelScores("a", broken), ModelScores("b", errors), rule=RMSE)
    assert verdict.outcome == "undecided"
    assert "without bounds" in verdict.reason
    assert judge(ModelScores("a", errors), ModelScores("b", broken), rule=RMSE).outcome != "worse"


def test_half_of_alpha_asks_for_more():
    candidate, champion = pair(20, 20, 1000)
    once = compare_scores(candidate.values, champion.values, rule=RULE)
    of_two = compare_scores(candidate.values, champion.values, rule=replace(RULE, alpha=0.025))
    assert of_two.low < once.low
    assert of_two.error == pytest.approx(once.error)
    assert of_two.rows_needed > once.rows_needed


def test_day_zero_needs_to_beat_the_baseline():
    majority = np.arange(200) % 4 == 0
    assert beats_baseline(np.arange(200) % 10 > 0, majority, rule=RULE).is_better
    assert not beats_baseline(np.roll(majority, 1), majority, rule=RULE).is_better
    assert not beats_baseline(np.ones(3), np.zeros(3), rule=RULE).is_better
    assert not beats_baseline(-np.ones(500), -np.ones(500), rule=RMSE).is_better
    assert 0.02 < beats_baseline(np.ones(1000), np.ones(1000) > 0, rule=RULE).resolution * 10 < 0.06


def test_no_tolerance_needs_no_number_of_rows():
    assert Comparison(0.0, -0.1, 0.1, 50, tolerance=0).rows_needed is None
    verdict = judge(*pair(3, 3, 100), rule=GateRule(tolerance=0))
    assert verdict.reason.endswith("which may be worse than the 0.0 points that are allowed")


@pytest.mark.parametrize(
    ("metric", "numbers", "text"),
    [
        (ACCURACY, (0.0001, -0.01, 0.01), "0.0 [-1.0, 1.0] points"),
        (METRICS["balanced_accuracy"], (-0.02,), "balanced accuracy -2.0 points"),
        (METRICS["auc"], (0.011, 0.002, 0.02), "AUC +0.011 [0.002, 0.020]"),
        (METRICS["loss"], (-0.5, -0.75, -0.25), "log loss +0.50 [0.25, 0.75] nats"),
    ],
)
def test_differences_in_words(metric, numbers, text):
    assert gap_text(metric, *numbers) == text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": 1}, "tolerance must lie in "),
        ({"class_tolerance": -0.1}, "class_tolerance must lie in "),
        ({"alpha": 0.5}, "alpha must lie in "),
    ],
)
def test_a_rule_out_of_range_is_refused(options, words):
    with pytest.raises(InputError, match=f"^{words}"):
        GateRule(**options)


@pytest.mark.parametrize("options", [{"units": np.arange(3)}, {"classes": ["a"]}])
def test_shapes_that_differ_are_refused(options):
    with pytest.raises(InputError, match="one per row"):
        judged(1, 1, 50, **options)


# What the gate promises.


@pytest.mark.parametrize("tolerance", [0.005, 0.01, 0.05])
@pytest.mark.parametrize("differing", [0.0, 0.01, 0.1])
def test_a_candidate_worse_by_the_tolerance_passes_in_eight_per_cent_at_most(tolerance, differing):
    # Slack of two standard errors of the simulation; the exact shares are in tests/statistics.
    runs = 20_000 if LONG else 2_000
    generator, rule = np.random.default_rng(4), GateRule(tolerance=tolerance)
    for rows in (50, 500, 1471):
        chances = [tolerance + differing / 2, 1 - tolerance - differing, differing / 2]
        counts = generator.multinomial(rows, chances, runs)
        # Equal counts have equal verdicts.
        kinds, times = np.unique(counts, axis=0, return_counts=True)
        passed = [
            judge(*pair(int(wins), int(losses), rows, right=0.6), rule=rule).outcome == "promote"
            for losses, _, wins in kinds
        ]
        assert np.average(passed, weights=times) <= 0.08 + 2 * math.sqrt(0.08 * 0.92 / runs)


@pytest.mark.parametrize(("tolerance", "differing"), [(0.01, 0.02), (0.01, 0.1), (0.05, 0.1)])
@pytest.mark.parametrize(("held_out", "arriving"), [(60, 60), (60, 600), (600, 600)])
def test_all_looks_at_a_candidate_together_keep_the_promise(tolerance, differing, held_out, arriving):
    # On the first night it is judged on held-out rows, on the following ones on all that has arrived since, too.
    runs = 40_000 if LONG else 4_000
    generator = np.random.default_rng(5)
    chances = [(differing - tolerance) / 2, (differing + tolerance) / 2, 1 - differing]
    wins, losses, rows, passed = 0, 0, 0, np.zeros(runs, bool)
    for look in range(LATER_LOOKS + 1):
        new = arriving if look else held_out
        counts = generator.multinomial(new, chances, runs)
        wins, losses, rows = wins + counts[:, 0], losses + counts[:, 1], rows + new
        share = LATER_SHARE if look else FIRST_SHARE
        rule = GateRule(tolerance=tolerance, alpha=0.05 * share)
        for pair_of in np.unique(np.stack([wins, losses], 1), axis=0):
            candidate, champion = pair(*map(int, pair_of), rows, right=0.6)
            if compare_scores(candidate.values, champion.values, rule=rule).is_not_worse:
                passed |= (wins == pair_of[0]) & (losses == pair_of[1])
    assert passed.mean() <= 0.08 + 2 * math.sqrt(0.08 * 0.92 / runs)
    assert pytest.approx(1) == FIRST_SHARE + LATER_LOOKS * LATER_SHARE


def drifted(with_anchor, seed, *, nights=365, rows=3000, window=30):
    """Return the true score of the champion after nights of candidates that are a bit worse than the champion."""
    generator = np.random.default_rng(seed)
    arriving = rows // window
    # A model is right where its level is above the row's difficulty, plus noise of its own: near models mostly agree.
    hardness = generator.random(rows)
    level, models = 0.9, {}

    def answers(name):
        wobble = np.random.default_rng((seed, name)).normal(scale=0.01, size=rows)
        return (hardness + wobble < models[name]).astype(float)

    models[0], champion, anchor = level, 0, 0
    for night in range(1, nights + 1):
        hardness[:arriving] = generator.random(arriving)
        hardness = np.roll(hardness, arriving)
        models[night] = models[champion] - 0.004
        best = ModelScores(str(anchor), answers(anchor)) if with_anchor else None
        verdict = judge(
            ModelScores(str(night), answers(night)), ModelScores(str(champion), answers(champion)), best, rule=RULE
        )
        if verdict.outcome == "promote":
            champion, anchor = night, night if verdict.becomes_anchor else anchor
    return models[champion] - level


def test_small_losses_do_not_add_up_because_of_the_anchor():
    with_anchor = [drifted(True, seed) for seed in range(6 if LONG else 2)]
    without = drifted(False, 0)
    assert min(with_anchor) >= -0.02
    assert np.mean(with_anchor) >= -0.013
    assert without < -0.2
