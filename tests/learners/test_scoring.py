"""Metrics of outputs, against scikit-learn and against counting by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from samples import blobs
from warmstart.basics import METRICS, generator_for
from warmstart.learners import Classifier
from warmstart.learners._scoring import MOST_RECALLS, class_scores, value_scores
from warmstart.models import MLP
from warmstart.training import CROSS_ENTROPY, evaluate_samples


def drawn(count, classes, *, seed=0, step=None):
    """Logits and labels; with a step, logits are multiples of it, so that many tie."""
    generator = generator_for("logits", seed)
    logits = torch.randn(count, classes, generator=generator)
    labels = torch.randint(0, classes, (count,), generator=generator)
    logits[torch.arange(count), labels] += 0.7
    return (logits if step is None else (logits / step).round() * step), labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step", [None, 0.5, 5.0])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("count", [2, 7, 200])
def test_metrics_are_those_of_scikit_learn(count, classes, step, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = drawn(count, classes, seed=seed, step=step)
    labels[:2] = torch.tensor([0, 1])
    scores = class_scores(logits, labels, F.cross_entropy(logits, labels).item())
    truth, predicted = labels.numpy(), logits.argmax(1).numpy()
    there = np.unique(truth)
    recalls = metrics.recall_score(truth, predicted, labels=there, average=None, zero_division=0)
    assert scores.score == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores.metrics["balanced_accuracy"] == pytest.approx(recalls.mean())
    assert scores.recalls == pytest.approx(dict(zip(there.tolist(), recalls, strict=True)))
    assert (scores.predictions == predicted).all()
    shares = torch.softmax(logits.double(), 1).numpy()
    assert scores.metrics["loss"] == pytest.approx(metrics.log_loss(truth, shares, labels=range(classes)), rel=1e-5)
    if classes == 2:
        odds = (logits[:, 1].double() - logits[:, 0].double()).numpy()
        assert scores.metrics["auc"] == pytest.approx(metrics.roc_auc_score(truth, odds))
    else:
        assert "auc" not in scores.metrics


def test_balanced_accuracy_is_scikit_learns_where_every_prediction_is_a_class_that_is_there():
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = drawn(300, 4)
    expected = metrics.balanced_accuracy_score(labels.numpy(), logits.argmax(1).numpy())
    assert class_scores(logits, labels).metrics["balanced_accuracy"] == pytest.approx(expected)


def pairs_in_order(odds, labels):
    """The area under the curve as it is defined: over all pairs, with ties as one half."""
    high, low = odds[labels == 1], odds[labels == 0]
    found = [1.0 if one > other else 0.5 if one == other else 0.0 for one in high for other in low]
    return sum(found) / len(found)


@pytest.mark.parametrize("seed", range(5))
def test_ties_count_one_half(seed):
    logits, labels = drawn(40, 2, seed=seed, step=1.0)
    labels[:2] = torch.tensor([0, 1])
    odds = (logits[:, 1] - logits[:, 0]).tolist()
    assert len(set(odds)) < 12
    found = class_scores(logits, labels).metrics["auc"]
    assert found == pytest.approx(pairs_in_order(np.array(odds), labels.numpy()))


def test_what_probabilities_in_single_precision_would_tie_is_still_ranked():
    logits = torch.tensor([[0.0, 20.0], [0.0, 21.0]])
    assert torch.softmax(logits, 1)[:, 1].unique().numel() == 1
    assert class_scores(logits, torch.tensor([0, 1])).metrics["auc"] == 1.0
    assert class_scores(logits, torch.tensor([1, 0])).metrics["auc"] == 0.0


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_a_constant_predictor_is_no_better_than_chance(classes):
    labels = torch.arange(50) % classes
    scores = class_scores(torch.ones(1, classes).expand(50, -1), labels)
    assert scores.metrics["balanced_accuracy"] == 1 / classes
    assert scores.metrics.get("auc", 0.5) == 0.5
    assert scores.recalls == {number: float(number == 0) for number in range(classes)}


@pytest.mark.parametrize("only", [0, 1])
def test_of_one_class_alone_there_is_no_area_under_the_curve(only):
    logits, _ = drawn(20, 2)
    scores = class_scores(logits, torch.full((20,), only))
    assert scores.metrics == {"balanced_accuracy": scores.score}
    assert scores.recalls == {only: scores.score}


def test_a_class_that_no_sample_has_is_left_out():
    logits, labels = drawn(30, 4)
    labels[labels == 2] = 1
    scores = class_scores(logits, labels)
    assert list(scores.recalls) == [0, 1, 3]
    assert scores.metrics["balanced_accuracy"] == pytest.approx(np.mean(list(scores.recalls.values())))


@pytest.mark.parametrize(("classes", "recalls"), [(MOST_RECALLS, MOST_RECALLS), (MOST_RECALLS + 1, 0)])
def test_of_many_classes_there_are_no_recalls(classes, recalls):
    assert len(class_scores(torch.eye(classes), torch.arange(classes)).recalls) == recalls


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_outputs_that_are_not_finite_leave_scores_that_say_so(value):
    logits, labels = drawn(20, 2)
    logits[3] = value
    scores = class_scores(logits, labels, F.cross_entropy(logits, labels).item())
    assert not scores.is_finite


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_has_the_metrics_of_its_outputs_and_score_and_loss_of_the_engine(classes):
    data, learner = blobs(70, classes=classes), Classifier(MLP(width=8))
    model = learner.build(data, 0)
    found, scores = evaluate_samples(model, data, loss=CROSS_ENTROPY), learner.evaluate(model, data)
    by_hand = class_scores(found.outputs, data.labels, found.mean_loss)
    assert (scores.score, scores.metrics, scores.recalls) == (by_hand.score, by_hand.metrics, by_hand.recalls)
    assert (scores.values == found.scores.numpy()).all()
    assert scores.metrics["loss"] == found.mean_loss
    assert {*scores.metrics} <= {*METRICS}


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
@pytest.mark.parametrize("scale", [1.0, 7.5])
def test_metrics_of_values_are_those_of_scikit_learn(shape, scale):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = generator_for("values", len(shape))
    targets = torch.randn(shape, generator=generator)
    outputs = targets + torch.randn(shape, generator=generator) / 2
    scores = value_scores(outputs, targets, scale)
    truth, predicted = (scale * part.double().numpy() for part in (targets, outputs))
    assert scores.metric == METRICS["rmse"]
    assert scores.score == pytest.approx(math.sqrt(metrics.mean_squared_error(truth, predicted)))
    assert scores.metrics["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted))
    assert scores.metrics["r2"] == pytest.approx(metrics.r2_score(truth, predicted))
    assert scores.predictions is None
