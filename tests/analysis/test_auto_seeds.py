from dataclasses import replace

import numpy as np
import pytest

from results_by_hand import record
from warmstart.analysis import FEWEST_SEEDS, AutoSeeds, looks, read_seeds, summarize
from warmstart.basics import ACCURACY, InputError, Metric
from warmstart.reports._study import how_to_read
from warmstart.statistics import paired_difference, sequential_t_interval
from warmstart.store import StudyRecords

ARMS = ("cold", "warm")
RMSE = Metric("rmse", "°C", higher_is_better=False)


def scores(cold, warm):
    """Return scores by arm and seed, as a study has them."""
    return {
        (arm, seed): value for arm, column in zip(ARMS, (cold, warm), strict=True) for seed, value in enumerate(column)
    }


def drawn(count, *, gap, spread=0.01, seed=0):
    generator = np.random.default_rng(seed)
    cold = generator.normal(0.8, 0.02, count)
    return scores(cold, cold + generator.normal(gap, spread, count))


def test_the_fewest_seeds_are_the_first_with_an_interval():
    assert sequential_t_interval([0.0] * FEWEST_SEEDS).interval is not None
    assert sequential_t_interval([0.0] * (FEWEST_SEEDS - 1)).interval is None


@pytest.mark.parametrize(("value", "expected"), [
    (8, 8),
    ("12", 12),
    ("auto", AutoSeeds(40, 1.0)),
    ("auto:max=20", AutoSeeds(20, 1.0)),
    ("auto:width=1/2:max=1e2", AutoSeeds(100, 0.5)),
    (AutoSeeds(9, 2), AutoSeeds(9, 2.0)),
])  # fmt: skip
def test_seeds_are_a_number_or_a_rule(value, expected):
    assert read_seeds(value) == expected


@pytest.mark.parametrize("auto", [AutoSeeds(), AutoSeeds(7, 0.001), AutoSeeds(1000, 1e6), AutoSeeds(20, 1 / 3)])
def test_a_rule_comes_back_from_its_text(auto):
    assert read_seeds(auto.spec) == auto


@pytest.mark.parametrize(("text", "words"), [
    ("auto:max=6", "max of seeds auto must be a whole number of at least 7, got 6"),
    ("auto:max=1001", "max of seeds auto must be a whole number from 7 to 1000, got 1001"),
    ("auto:max=2.5", "max of seeds auto must be a whole number, got 2.5"),
    ("auto:width=0", r"width of seeds auto must lie in \(0, inf\), got 0"),
    ("auto:widht=1", "'widht'.*did you mean 'width'"),
    ("auto:max", "auto"),
    ("automatic", "seeds must be a whole number or auto"),
    ("many", "seeds must be a whole number, got many"),
])  # fmt: skip
def test_what_is_neither_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        read_seeds(text)


def test_a_clear_difference_is_enough_as_soon_as_there_is_an_interval():
    (first, second) = looks(AutoSeeds(), drawn(20, gap=0.05), ARMS, ACCURACY)
    assert (first.seeds, first.is_last) == (7, False)
    assert (second.seeds, second.is_last) == (8, True)
    assert second.words == (
        "8 seeds are enough: the interval of every difference is narrower than 1 points or excludes zero"
    )


def test_without_a_difference_it_goes_on_until_the_interval_is_narrow():
    table = drawn(40, gap=0.0)
    found = list(looks(AutoSeeds(width=2.0), table, ARMS, ACCURACY))
    assert [look.seeds for look in found] == list(range(7, found[-1].seeds + 1))
    assert [look.is_last for look in found] == [False] * (len(found) - 1) + [True]
    columns = [[table[arm, seed] for seed in range(40)] for arm in ("warm", "cold")]
    widths = {
        count: 100 * np.ptp(paired_difference(*(column[:count] for column in columns), sequential=True).interval)
        for count in (found[-1].seeds - 1, found[-1].seeds)
    }
    assert widths[found[-1].seeds - 1] >= 2.0 > widths[found[-1].seeds]


def test_the_last_seed_is_the_last_though_nothing_is_decided():
    *_, last = looks(AutoSeeds(max=9, width=0.01), drawn(20, gap=0.0), ARMS, ACCURACY)
    assert (last.seeds, last.is_last) == (9, True)
    assert last.words.startswith("9 seeds done, the most allowed; interval of warm - cold [-")
    assert last.words.endswith("points is still wider than 0.01")


def test_the_width_is_in_the_unit_of_differences():
    table = drawn(40, gap=0.0)
    # A hundredth of a degree, as one point is a hundredth of a share.
    assert [look.seeds for look in looks(AutoSeeds(width=0.02), table, ARMS, RMSE)] == [
        look.seeds for look in looks(AutoSeeds(width=2.0), table, ARMS, ACCURACY)
    ]
    first = next(looks(AutoSeeds(width=0.001), table, ARMS, RMSE))
    assert first.words.endswith("°C is still wider than 0.001")


def test_only_the_first_seeds_without_a_gap_count():
    table = drawn(20, gap=0.05)
    del table["warm", 7]
    assert [look.seeds for look in looks(AutoSeeds(), table, ARMS, ACCURACY)] == [7]
    del table["cold", 3]
    assert not list(looks(AutoSeeds(), table, ARMS, ACCURACY))


def test_looks_are_resumed_after_those_that_were_taken():
    table = drawn(40, gap=0.0)
    whole = list(looks(AutoSeeds(), table, ARMS, ACCURACY))
    assert list(looks(AutoSeeds(), table, ARMS, ACCURACY, after=10)) == whole[4:]


def test_diverged_seeds_are_no_pairs():
    table = drawn(20, gap=0.05)
    table["warm", 2] = table["warm", 3] = None
    found = list(looks(AutoSeeds(), table, ARMS, ACCURACY))
    assert [look.seeds for look in found] == [7, 8, 9, 10]
    assert found[0].words == "7 seeds done; too few pairs of warm and cold have not diverged for an interval"


def test_every_difference_must_be_decided():
    table = drawn(40, gap=0.05) | {
        ("same", seed): score for (arm, seed), score in drawn(40, gap=0.0).items() if arm == "warm"
    }
    found = list(looks(AutoSeeds(width=1.0), table, ("warm", "same", "cold"), ACCURACY))
    assert found[-1].seeds > 8
    assert ", as is one more" in found[0].words
    assert "interval of same - cold [" in found[-2].words


def test_without_cold_the_first_strategy_is_the_reference():
    table = {({"cold": "reset"}.get(arm, arm), seed): score for (arm, seed), score in drawn(7, gap=0.0).items()}
    assert "interval of reset - warm [" in next(looks(AutoSeeds(), table, ("warm", "reset"), ACCURACY)).words


def test_false_verdicts_of_whole_studies_are_rare():
    generator = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        cold, warm = generator.normal(0.8, 0.01, (2, 30))
        *_, last = looks(AutoSeeds(max=30, width=0.1), scores(cold, warm), ARMS, ACCURACY)
        wrong += last.words.endswith("excludes zero")
    assert wrong <= 10


def records_of(seeds, gaps):
    """Return a finished study of one round, in which warm is better by these gaps."""
    rounds = []
    for seed, gap in enumerate(gaps):
        rounds += [record("cold", seed, 1, 0.8), record("warm", seed, 1, 0.8 + gap)]
    return StudyRecords({"seeds": seeds}, ARMS, 1, len(gaps), tuple(rounds), {}, {})


def test_a_summary_of_such_a_study_has_sequential_intervals_and_says_so():
    gaps = np.random.default_rng(0).normal(0.02, 0.01, 12)
    summary, usual = (summarize(records_of(seeds, gaps)) for seeds in ("auto:max=12:width=1", 12))
    interval, once = summary.arms[1].score_difference.interval, usual.arms[1].score_difference.interval
    assert interval == pytest.approx(sequential_t_interval(gaps).interval)
    assert np.ptp(interval) > 1.5 * np.ptp(once)
    (note,) = [note for note in summary.notes if "added until" in note]
    assert "narrower than 1 points or excludes zero" in note
    assert note.endswith("sequential ones that stay valid however often one looks.")
    assert not [note for note in usual.notes if "added until" in note]


def test_the_report_of_such_a_study_says_what_its_intervals_are():
    gaps = np.random.default_rng(0).normal(0.02, 0.01, 12)
    for seeds, said in (("auto:max=12:width=1", True), (12, False)):
        text = " ".join(how_to_read(summarize(records_of(seeds, gaps))))
        assert ("of differences and factors sequential ones, which stay valid however often" in text) == said


def test_a_study_that_ran_out_of_seeds_says_what_width_it_reached():
    gaps = np.random.default_rng(1).normal(0.0, 0.01, 12)
    summary = summarize(records_of("auto:max=12:width=0.1", gaps))
    (note,) = [note for note in summary.notes if "added until" in note]
    reached = 100 * np.ptp(sequential_t_interval(gaps).interval)
    assert f"12 seeds, the most allowed, were not enough; widths reached: warm {reached:.3g} points." in note


def test_another_metric_is_not_what_seeds_were_added_for():
    records = records_of("auto:max=12:width=0.1", np.random.default_rng(1).normal(0.0, 0.01, 12))
    rounds = tuple(replace(one, metrics={"loss": 1.0 - one.score}) for one in records.rounds)
    summary = summarize(replace(records, rounds=rounds), metric="loss")
    (note,) = [note for note in summary.notes if "added until" in note]
    assert "of every difference in accuracy is narrower than 0.1 points or excludes zero" in note
    assert "width reached" not in note
    assert "nats" not in note


def test_of_few_seeds_there_is_no_interval_yet():
    summary = summarize(records_of("auto", [0.01, 0.02, 0.03, 0.02]))
    assert summary.arms[1].score_difference.interval is None
    assert summary.arms[1].words == "+2.0 points (4 seeds: no interval)"
    assert "than cold (4 pairs: no interval)" in summary.verdict
    assert "One seed" not in summary.verdict


def test_an_unfinished_study_says_that_there_may_be_fewer_rounds():
    records = records_of("auto:max=40:width=1.0", [0.01, 0.02])
    summary = summarize(StudyRecords(records.study, ARMS, 1, 40, records.rounds, {}, {}))
    assert summary.verdict.startswith("Preliminary: 4 of at most 80 rounds have finished.")
    assert any("are added until" in note for note in summary.notes)
