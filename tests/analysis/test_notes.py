"""Each note is there when it is true, and only then."""

import dataclasses
from dataclasses import replace

import pytest

from warmstart.analysis import summarize
from warmstart.basics import Metric
from warmstart.store import RoundRecord, StudyRecords

RMSE = Metric("rmse", "EUR", higher_is_better=False)


def study(
    *, score=0.8, train=0.85, baseline=0.6, counts=None, stop=None, metric=None, seeds=3, rounds=2, ahead=None, **fields
):
    """Two arms that are alike but for a little noise; ``fields`` are those of every record."""
    metric = metric or Metric("accuracy", "%")
    usual = {"stop_reason": "converged", "epochs": 5, "metrics": {"balanced_accuracy": 0.55}}
    finished = [
        RoundRecord(
            arm=arm,
            seed=seed,
            round=number,
            samples_seen=100 * number,
            samples_trained_on=100 * number,
            score=score + 0.002 * ((seed + place) % 3),
            train_score=train,
            steps=10,
            samples=100,
            tokens=None,
            flops=None,
            seconds=0.1,
            next_score=None if ahead is None or number == rounds else ahead + 0.001 * seed,
            baselines={"majority": {metric.name: baseline}},
            **{**usual, **fields},
        )
        for seed in range(seeds)
        for place, arm in enumerate(("cold", "warm"))
        for number in range(1, rounds + 1)
    ]
    data = {} if counts is None else {"class_counts": counts}
    settings = {"stop": {"train_score": 0.99, "max_epochs": 350} if stop is None else stop}
    return StudyRecords(settings, ("cold", "warm"), rounds, seeds, tuple(finished), data, {}, metric)


def notes(records, **options):
    return " ".join(summarize(records, **options).notes)


def test_an_ordinary_study_has_no_note():
    assert summarize(study()).notes == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"score": 0.7, "baseline": 0.8, "train": 0.7}, "by accuracy: cold -9.8 [-10.3, -9.3] points, warm -9.8"),
        ({"score": 0.799, "baseline": 0.8}, "by accuracy: cold [-0.4, +0.6] points, warm [-0.4, +0.6] points."),
        ({"score": 0.7, "baseline": 0.8, "seeds": 1, "train": 0.7}, "cold -10.0 points (one seed: no interval)"),
        ({"score": 0.82, "baseline": 0.8, "seeds": 1}, None),
        ({"score": 0.9, "baseline": 0.8, "train": 0.95}, None),
        ({"score": 5.0, "baseline": 4.0, "metric": RMSE, "train": 5.0, "stop": {}}, "cold +1.002 [+0.997, +1.007] EUR"),
        ({"score": 3.0, "baseline": 4.0, "metric": RMSE, "train": 3.0, "stop": {}}, None),
    ],
)
def test_arms_that_are_no_better_than_a_baseline_are_named_with_numbers(options, words):
    told = notes(study(**options))
    assert words in told if words else "learns nothing" not in told
    # What one cannot tell of an interval on both sides of zero is not that there is nothing.
    start = "Not shown to be better" if words and "cold [-" in words else "No better"
    assert (f"{start} than a predictor that learns nothing (majority), by" in told) == (words is not None)


def test_the_same_as_a_baseline_is_no_better_and_what_is_open_is_said_apart():
    records = study(score=0.8, baseline=0.8)
    rounds = tuple(replace(one, score=0.8 if one.arm == "cold" else 0.7 + 0.2 * one.seed) for one in records.rounds)
    told = notes(replace(records, rounds=rounds))
    assert "No better than a predictor that learns nothing (majority), by accuracy: cold the same." in told
    assert "Not shown to be better than a predictor that learns nothing (majority), by accuracy: warm [-" in told


def test_of_several_baselines_the_best_counts():
    records = study(score=0.8)
    rounds = tuple(
        dataclasses.replace(one, baselines={"majority": {"accuracy": 0.6}, "persistence": {"accuracy": 0.85}})
        for one in records.rounds
    )
    assert "learns nothing (persistence)" in notes(dataclasses.replace(records, rounds=rounds))


@pytest.mark.parametrize(("largest", "told"), [(95, True), (80, False)])
def test_one_sided_classes_make_accuracy_say_little(largest, told):
    records = study(score=0.97, baseline=0.9, counts={"no": largest, "yes": 100 - largest})
    sentence = (
        "The largest class, 'no', has 95 % of the samples: accuracy says little; by --metric balanced-accuracy cold"
    )
    assert (sentence in notes(records)) is told
    assert "says little" not in notes(records, metric="balanced-accuracy")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"score": 0.687, "train": 0.995, "baseline": 0.5}, "cold 99.5 % against 68.9 %"),
        ({"score": 0.95, "train": 0.995}, None),
        ({"score": 20.0, "train": 2.0, "baseline": 30.0, "metric": RMSE}, "cold 2.00 EUR against 20.0 EUR"),
        ({"score": 20.0, "train": 18.0, "baseline": 30.0, "metric": RMSE}, None),
        ({"score": 0.5, "train": None, "baseline": 0.4}, None),
    ],
)
def test_training_and_held_out_scores_that_part_are_noted_with_a_way_out(options, told):
    found = notes(study(stop={"train_score": "none"}, **options))
    if told is None:
        assert "far apart" not in found
    else:
        assert f"Training and held-out scores are far apart ({told}" in found
        assert "may memorize; early stopping is one option away: --early-stopping on." in found


def test_where_early_stopping_is_on_it_is_not_offered():
    found = notes(study(score=0.6, baseline=0.5, train=0.9, stop={"train_score": 0.99, "early_stopping": "on"}))
    assert "may memorize." in found
    assert "--early-stopping" not in found


@pytest.mark.parametrize(("shape", "told"), [((3, 8, 8), True), ((8,), False), ((8, 3), False)])
def test_early_stopping_is_offered_for_images_of_floats_and_not_for_tables_and_windows(shape, told):
    records = study(score=0.6, baseline=0.5, train=0.9, stop={"early_stopping": "auto"})
    data = {"input_type": "float32", "input_shape": list(shape)}
    assert ("--early-stopping on" in notes(replace(records, data=data))) is told


def test_a_target_below_the_base_rate_is_noted():
    counts = {"fine": 993, "broken": 7}
    told = "training accuracy of 99 %, which always predicting 'fine' reaches already (99.3 %)"
    values = {"score": 0.994, "baseline": 0.99, "train": 0.994}
    assert f"{told}: rounds may end before anything is learned." in notes(study(counts=counts, **values))
    # A target accuracy is raised, as training itself says in every round.
    raised = notes(study(counts=counts, stop={"train_accuracy": 0.99, "train_score": "none"}, **values))
    assert f"{told}, so rounds end at a higher one instead." in raised
    assert told not in notes(study(counts={"fine": 970, "broken": 30}, **values))


@pytest.mark.parametrize(("epochs", "most", "told"), [(1, 350, True), (2, 350, False), (1, 1, False)])
def test_rounds_that_all_end_after_one_epoch_are_noted(epochs, most, told):
    records = study(epochs=epochs, stop={"train_score": 0.8, "max_epochs": most})
    assert ("Every round ended after its first epoch" in notes(records)) is told


@pytest.mark.parametrize(("ahead", "told"), [(0.7, True), (0.79, False), (0.9, False), (None, False)])
def test_a_holdout_that_flatters_is_noted(ahead, told):
    found = notes(study(ahead=ahead))
    assert ("A random holdout flatters" in found) is told
    if told:
        assert "(cold 70.1 % against 80.2 %, warm 70.1 % against 80.2 %, means over rounds)" in found


def test_plateaus_that_memorize_are_not_called_undertrained():
    found = notes(study(stop_reason="plateau", train=0.95, score=0.68, baseline=0.5))
    assert "6 of 6 rounds of cold, at 95 % on average" in found
    assert "more epochs will not help" in found
    assert "undertrained" not in found
    found = notes(study(stop_reason="plateau", train=0.7, score=0.68, baseline=0.5))
    assert "may be undertrained" in found


def test_plateaus_of_early_stopping_are_what_was_asked_for():
    stop = {"train_accuracy": 0.99, "early_stopping": "on"}
    assert "plateau" not in notes(study(stop_reason="plateau", train=0.7, score=0.68, baseline=0.5, stop=stop))


def test_a_reference_that_was_chosen_beside_cold_is_not_called_the_first():
    assert "No strategy is labelled cold" not in notes(study(), reference="warm")


def test_minus_a_loss_is_no_training_score_beside_an_error():
    records = study(score=20.0, train=-0.001, baseline=30.0, metric=RMSE, stop={"train_score": "none"})
    summary = summarize(records)
    assert {arm.train_score.n for arm in summary.arms} == {row.train_score.n for row in summary.rounds} == {0}
    assert summary.notes == ()


@pytest.mark.parametrize(("train", "told"), [(-0.05, True), (-0.0101, False), (-0.005, False)])
def test_a_target_of_minus_a_loss_is_reached_from_below(train, told):
    stop = {"train_score": -0.01, "train_accuracy": "none"}
    found = notes(study(score=2.0, train=train, baseline=3.0, metric=RMSE, stop_reason="plateau", stop=stop))
    assert ("short of the training score target (-0.01): 6 of 6 rounds of cold, at -0.05" in found) is told


def test_with_early_stopping_a_target_below_the_base_rate_does_no_harm():
    stop = {"train_accuracy": 0.99, "early_stopping": "on"}
    found = notes(study(counts={"fine": 993, "broken": 7}, score=0.994, baseline=0.99, train=0.994, stop=stop))
    assert "reaches already" not in found


@pytest.mark.parametrize(("kind", "told"), [("float32", False), ("float64", False), ("uint8", True), ("int64", True)])
def test_early_stopping_is_on_for_tables_unless_the_study_says_otherwise(kind, told):
    records = study(stop_reason="plateau", train=0.7, score=0.69, baseline=0.5, stop={"train_accuracy": 0.99})
    records = replace(records, data={**records.data, "input_type": kind})
    assert ("short of the training accuracy target" in notes(records)) is told
    stop = {**records.study["stop"], "early_stopping": "off"}
    assert "short of the training accuracy" in notes(replace(records, study={**records.study, "stop": stop}))
