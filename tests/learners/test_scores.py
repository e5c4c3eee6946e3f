"""Scores: one number per unit, and what they come to."""

import math

import numpy as np
import pytest
import torch

from warmstart.basics import ACCURACY, InputError, Metric
from warmstart.learners import Scores, churn, negative_flips

RMSE = Metric("rmse", "km", higher_is_better=False)
VALUES = [1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "values",
    [
        VALUES,
        tuple(VALUES),
        np.array(VALUES),
        np.array(VALUES, dtype=bool),
        np.array(VALUES, dtype=np.float32),
        torch.tensor(VALUES),
        torch.tensor(VALUES) > 0.5,
        torch.tensor(VALUES, requires_grad=True),
        torch.tensor(VALUES, dtype=torch.bfloat16).float(),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_values_of_any_kind_are_kept_as_float64(values):
    scores = Scores(values)
    assert isinstance(scores.values, np.ndarray)
    assert scores.values.dtype == np.float64
    assert scores.values.tolist() == VALUES
    assert scores.score == 0.75
    assert scores.metric == ACCURACY


def test_the_score_is_the_mean_or_its_root():
    assert Scores([9.0, 16.0], RMSE).score == 12.5
    assert Scores([9.0, 16.0], RMSE, root=True).score == math.sqrt(12.5)


def test_metrics_are_plain_floats_by_name():
    scores = Scores(VALUES, metrics={"loss": torch.tensor(0.5), "mae": np.float32(2)})
    assert scores.metrics == {"loss": 0.5, "mae": 2.0}
    assert all(type(value) is float for value in scores.metrics.values())


@pytest.mark.parametrize(
    ("values", "metrics", "finite"),
    [
        ([1.0, 2.0], {}, True),
        ([1.0, math.nan], {}, False),
        ([1.0, math.inf], {}, False),
        ([1.0, 2.0], {"loss": math.nan}, False),
        ([1.0, 2.0], {"loss": -math.inf}, False),
    ],
)
def test_scores_are_finite_if_all_values_are(values, metrics, finite):
    assert Scores(values, metrics=metrics).is_finite is finite


@pytest.mark.parametrize("root", [False, True])
def test_not_finite_values_give_a_score_that_is_not_either(root):
    assert math.isnan(Scores([1.0, math.nan], root=root).score)
    assert Scores([1.0, math.inf], root=root).score == math.inf


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([], "got"),
        (0.5, "got 0.5"),
        ([[1.0, 0.0]], "got"),
        ("accuracy", "got 'accuracy'"),
        (["good"], "got"),
        (None, "got None"),
        (torch.zeros(2, 2), "got"),
        (torch.zeros(()), "got"),
        ({"accuracy": 1.0}, "got"),
    ],
)
def test_what_is_no_number_per_unit_is_refused_in_one_sentence(values, got):
    with pytest.raises(InputError, match=r"^values must be one number per unit, of shape \(units,\), " + got) as caught:
        Scores(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "rmse"}, "metric must be a Metric, got 'rmse'"),
        ({"metrics": {"loss": "low"}}, "metrics must be numbers by name, got a dict"),
        ({"metrics": [0.5]}, "metrics must be numbers by name, got"),
        ({"recalls": {0: "low"}}, "recalls must be numbers by index of class, got a dict"),
        ({"recalls": {"no": 0.5}}, "recalls must be numbers by index of class, got a dict"),
        ({"recalls": [0.5]}, "recalls must be numbers by index of class, got"),
        ({"predictions": [0, 1]}, r"predictions must be one class per unit, of shape \(4,\), got"),
        ({"predictions": [[0], [1], [2], [3]]}, "predictions must be one class per unit, of shape"),
        ({"predictions": [[0], [1, 2], [2], [3]]}, "predictions must be one class per unit, of shape"),
        ({"predictions": [0.1, 0.9, 0.5, 1.0]}, "predictions must be one class per unit, of shape"),
        ({"predictions": [0.0, math.inf, 1.0, 1.0]}, "predictions must be one class per unit, of shape"),
        ({"predictions": [0.0, math.nan, 1.0, 1.0]}, "predictions must be one class per unit, of shape"),
        ({"predictions": [None, 1, 2, 3]}, "predictions must be one class per unit, of shape"),
        ({"predictions": torch.zeros(4, 3)}, "predictions must be one class per unit, of shape"),
    ],
)
def test_metrics_of_another_kind_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Scores(VALUES, **options)


def test_values_do_not_change_with_the_array_that_they_came_from():
    values = np.array(VALUES)
    scores = Scores(values)
    values[:] = 0
    assert scores.score == 0.75


@pytest.mark.parametrize(
    "predictions",
    [
        [2, 0, 1, 1],
        (2, 0, 1, 1),
        np.array([2, 0, 1, 1], dtype=np.uint8),
        np.array([2.0, 0.0, 1.0, 1.0]),
        torch.tensor([2, 0, 1, 1]),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_predictions_of_any_kind_are_the_same_classes(predictions):
    scores = Scores(VALUES, predictions=predictions)
    assert isinstance(scores.predictions, np.ndarray)
    assert scores.predictions.tolist() == [2, 0, 1, 1]
    assert churn(scores, Scores(VALUES, predictions=[2, 0, 1, 1])) == 0.0


def test_classes_may_be_names():
    one, other = (Scores(VALUES, predictions=names) for names in (["a", "b", "a", "c"], ["a", "bb", "c", "c"]))
    assert churn(one, other) == 0.5


def test_the_score_stands_before_the_metrics_by_its_own_name():
    assert list(Scores(VALUES, RMSE, {"mae": 2}).by_name.items()) == [("rmse", 0.75), ("mae", 2.0)]


@pytest.mark.parametrize("seed", range(3))
def test_churn_and_negative_flips_count_units(seed):
    generator = np.random.default_rng(seed)
    labels, *found = generator.integers(0, 3, (3, 50))
    before, after = (Scores(classes == labels, predictions=classes) for classes in found)
    flips = [one != other for one, other in zip(*found, strict=True)]
    lost = [one == label != other for label, one, other in zip(labels, *found, strict=True)]
    assert churn(before, after) == churn(after, before) == sum(flips) / 50
    assert negative_flips(before, after) == sum(lost) / 50
    gained = negative_flips(after, before)
    assert before.score - after.score == pytest.approx(negative_flips(before, after) - gained)
    assert negative_flips(before, after) + gained <= churn(before, after)


def test_a_model_has_no_churn_against_itself():
    scores = Scores(VALUES, predictions=[0, 1, 2, 3])
    assert (churn(scores, scores), negative_flips(scores, scores)) == (0.0, 0.0)


def test_without_predictions_there_is_no_churn():
    known, unknown = Scores(VALUES, predictions=[0, 1, 2, 3]), Scores(VALUES)
    for pair in ((known, unknown), (unknown, known), (unknown, unknown)):
        assert (churn(*pair), negative_flips(*pair)) == (None, None)
    fewer = Scores(VALUES[:3], predictions=[0, 1, 2])
    assert (churn(known, fewer), negative_flips(known, fewer)) == (None, None)


def test_units_that_are_right_in_part_have_churn_but_no_negative_flips():
    before, after = (Scores([0.5, 1.0], predictions=classes) for classes in ([0, 1], [1, 1]))
    assert (churn(before, after), negative_flips(before, after)) == (0.5, None)
