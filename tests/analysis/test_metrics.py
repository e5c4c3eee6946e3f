import dataclasses
import json

import jsonschema
import pytest

from warmstart.analysis import Summary, check_metric, summarize, summary_schema
from warmstart.basics import InputError, Metric
from warmstart.store import RoundRecord, StudyRecords


def records(**options):
    """Two arms, three seeds and two rounds; warm has the better accuracy and the worse balanced accuracy."""
    finished = [
        RoundRecord(
            arm=arm,
            seed=seed,
            round=number,
            samples_seen=100 * number,
            samples_trained_on=100 * number,
            score=0.9 + 0.01 * warm + 0.002 * seed,
            metrics={
                "loss": 0.3,
                "balanced_accuracy": 0.6 - 0.02 * warm + 0.001 * seed * warm,
                "my_cost": 5.0 + warm + seed,
            },
            train_score=0.95,
            stop_reason="converged",
            epochs=3,
            steps=10,
            samples=100,
            tokens=None,
            flops=None,
            seconds=0.1,
            churn=None if number == 1 else 0.1 - 0.05 * warm + 0.001 * seed,
            negative_flips=None if number == 1 else 0.04,
            next_score=0.8 + 0.02 * warm if number == 1 else None,
            baselines={"majority": {"accuracy": 0.8, "balanced_accuracy": 0.5}},
            next_baselines={"majority": 0.7} if number == 1 else {},
        )
        for seed in range(3)
        for warm, arm in enumerate(("cold", "warm"))
        for number in (1, 2)
    ]
    return StudyRecords({}, ("cold", "warm"), 2, 3, tuple(finished), {}, {}, **options)


@pytest.mark.parametrize("name", ["balanced_accuracy", "balanced-accuracy", "Balanced accuracy"])
def test_another_metric_decides_the_verdict_without_training(name):
    usual, other = summarize(records()), summarize(records(), metric=name)
    assert "warm is 1.0 points more accurate than cold" in usual.verdict
    assert "warm has a balanced accuracy 1.9 points lower [1.7, 2.1 points] than cold" in other.verdict
    assert (other.metric.name, other.metric_key, other.learner_metric.name) == (
        "balanced accuracy",
        "balanced_accuracy",
        "accuracy",
    )
    assert other.context[0] == "Always predicting the largest class has a balanced accuracy of 50.0 %."
    # What was scored on the next arrival has the learner's own metric.
    assert other.context[1] == usual.context[1]
    assert "Accuracy on the next arrival" in other.context[1]
    assert other.arms[1].score == usual.arms[1].metrics["balanced_accuracy"]
    assert other.arms[1].own_score == usual.arms[1].score
    assert other.score_of(other.trials[0]) == 0.6
    assert other.trials == usual.trials


@pytest.mark.parametrize("name", ["accuracy", "Accuracy"])
def test_the_metric_of_the_scores_is_the_usual_one(name):
    assert summarize(records(), metric=name) == summarize(records())


@pytest.mark.parametrize(("name", "better"), [("my-cost:lower", False), ("my_cost", True), ("my-cost:higher", True)])
def test_a_metric_of_the_users_own_has_the_direction_that_is_asked_for(name, better):
    summary = summarize(records(), metric=name)
    assert summary.metric == Metric("my cost", higher_is_better=better)
    assert ("lower my cost is better" in summary.verdict) is not better


def test_a_known_direction_leaves_a_metric_what_it_is():
    assert summarize(records(), metric="loss:lower") == summarize(records(), metric="loss")
    assert summarize(records(), metric="loss:higher").metric == Metric("loss")


def test_churn_can_be_compared():
    assert "warm has a churn 5.0 points lower" in summarize(records(), metric="churn").verdict


def test_a_metric_that_is_not_there_is_refused_with_those_that_are():
    sentence = (
        r"^Unknown metric 'balanced': did you mean '.*'\? Known: accuracy, loss, balanced-accuracy, my-cost, churn, neg"
    )
    with pytest.raises(InputError, match=sentence):
        summarize(records(), metric="balanced")


def test_without_a_finished_round_the_usual_metrics_are_known():
    nothing = dataclasses.replace(records(), rounds=())
    assert summarize(nothing, metric="auc").metric.name == "AUC"
    with pytest.raises(InputError, match="Unknown metric 'my-cost'"):
        summarize(nothing, metric="my-cost")


@pytest.mark.parametrize("name", [None, "auc", "recall:yes", "loss:lower"])
def test_names_that_may_be_metrics_pass_before_training(name):
    check_metric(name, of_classes=True)


@pytest.mark.parametrize(
    ("name", "of_classes", "known"),
    [
        ("rmse", True, "accuracy, balanced-accuracy, loss, auc, churn, negative-flips, recall:CLASS"),
        ("own:lower", True, "accuracy, "),
        ("accuracy", False, "rmse, mae, r2"),
        ("recall:yes", False, "rmse, mae, r2"),
        ("churn", False, "rmse, mae, r2"),
    ],
)
def test_metrics_of_the_other_kind_of_learner_are_refused_before_training(name, of_classes, known):
    with pytest.raises(InputError, match=f"Known: {known}"):
        check_metric(name, of_classes=of_classes)


def test_a_mistyped_name_is_refused_before_training():
    with pytest.raises(InputError, match="did you mean 'balanced-accuracy'"):
        check_metric("balanced-acuracy", of_classes=True)


def test_recalls_are_found_by_the_class_as_it_is_written():
    rounds = tuple(dataclasses.replace(one, metrics={"recall: No show": 0.5}) for one in records().rounds)
    found = summarize(dataclasses.replace(records(), rounds=rounds), metric="recall:no show")
    assert found.metric == Metric("recall of No show", "%")


def test_the_summary_has_what_an_update_changes_and_what_comes_next():
    summary = summarize(records())
    cold, warm = summary.arms
    assert (cold.churn.value.mean, cold.churn.ratio) == (pytest.approx(0.101), None)
    assert warm.churn.ratio is not None
    assert warm.churn.ratio.mean == pytest.approx(0.505, abs=0.001)
    assert warm.negative_flips.value.mean == pytest.approx(0.04)
    assert warm.next_score.mean == pytest.approx(0.82)
    assert warm.next_difference is not None
    assert warm.next_difference.mean == pytest.approx(0.02)
    assert cold.next_difference is None
    assert summary.baselines["majority"]["accuracy"].mean == pytest.approx(0.8)
    assert summary.next_baselines["majority"].mean == pytest.approx(0.7)
    first, last = summary.rounds[0], summary.rounds[-1]
    assert (first.churn.n, last.churn.n, first.next_score.n, last.next_score.n) == (0, 3, 3, 0)
    assert first.train_score.mean == pytest.approx(0.95)


@pytest.mark.parametrize("name", [None, "balanced-accuracy", "churn"])
def test_the_json_form_obeys_its_schema_and_comes_back_equal(name):
    summary = summarize(records(), metric=name)
    values = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    jsonschema.Draft202012Validator(summary_schema()).validate(values)
    assert Summary.from_dict(values) == summary


def test_a_seed_that_lacks_a_round_has_no_mean_over_rounds():
    rounds = list(records().rounds)
    # The churn of one trial of warm, in the only round that has one.
    rounds[3] = dataclasses.replace(rounds[3], churn=None)
    warm = summarize(dataclasses.replace(records(), rounds=tuple(rounds))).arms[1]
    assert (warm.churn.value.n, warm.negative_flips.value.n) == (2, 3)
