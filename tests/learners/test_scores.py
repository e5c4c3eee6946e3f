"""Scores: one number per unit, and what they come to."""

import math

import numpy as np
import pytest
import torch

from warmstart.basics import ACCURACY, InputError, Metric
from warmstart.learners import Scores

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
