"""Predictors that learn nothing, counted as a model is."""

import math

import pytest
import torch

from warmstart.basics import InputError, Metric
from warmstart.learners import Classifier, Regressor, Scores, adapted
from warmstart.models import MLP
from warmstart.training import TensorData

CLASSIFIER, REGRESSOR = Classifier(MLP(width=8)), Regressor(MLP(width=8))


def labelled(labels, classes=0):
    labels = torch.tensor(labels)
    return TensorData(torch.zeros(len(labels), 2), labels).of_classes(classes)


def test_the_majority_is_the_largest_class_with_the_shares_as_probabilities():
    training, data = labelled([1] * 6 + [0] * 3 + [2], 3), labelled([0, 1, 1, 2], 3)
    (name, found), *others = CLASSIFIER.baselines(training, data).items()
    assert (name, others) == ("majority", [])
    assert found.score == 0.5
    assert found.metrics["loss"] == pytest.approx(-(math.log(0.3) + 2 * math.log(0.6) + math.log(0.1)) / 4)
    assert found.metrics["balanced_accuracy"] == pytest.approx(1 / 3)
    assert found.recalls == {0: 0.0, 1: 1.0, 2: 0.0}


@pytest.mark.parametrize("training", [[0, 0, 1], [1, 1, 1]])
def test_the_majority_of_two_classes_ranks_nothing(training):
    found = CLASSIFIER.baselines(labelled(training, 2), labelled([0, 1, 1, 0], 2))["majority"]
    assert (found.score, found.metrics["auc"], found.metrics["balanced_accuracy"]) == (0.5, 0.5, 0.5)


def test_a_class_that_training_did_not_have_has_no_probability():
    found = CLASSIFIER.baselines(labelled([0, 0, 1], 3), labelled([0, 2], 3))["majority"]
    assert found.metrics["loss"] == math.inf
    assert found.score == 0.5
    assert list(found.recalls) == [0, 2]


def test_the_mean_of_the_training_targets_is_in_the_unit_of_the_targets():
    training, data = (labelled(values).with_target_scale(2.0, 10.0) for values in ([10.0, 14.0], [10.0, 12.0, 20.0]))
    (name, found), *others = REGRESSOR.baselines(training, data).items()
    assert (name, others) == ("mean", [])
    assert found.values.tolist() == [4.0, 0.0, 64.0]
    assert found.score == math.sqrt(68 / 3)
    assert found.metrics == {"mae": 10 / 3, "r2": pytest.approx(1 - 68 / 56)}
    assert REGRESSOR.baselines(data, data)["mean"].metrics["r2"] == pytest.approx(0.0)


def test_several_targets_have_a_mean_each():
    values = labelled([[1.0, 10.0], [3.0, 30.0]])
    found = REGRESSOR.baselines(values, labelled([[2.0, 20.0], [2.0, 24.0]]))["mean"]
    assert found.values.tolist() == [0.0, 8.0]


def test_persistence_predicts_the_label_before():
    data = labelled([0, 0, 1, 1, 2], 3)
    found = CLASSIFIER.baselines(data, data, torch.tensor([2, 0, 0, 1, 1]))["persistence"]
    assert found.values.tolist() == [0, 1, 0, 1, 0]
    assert found.recalls == {0: 0.5, 1: 0.5, 2: 0.0}
    assert "loss" not in found.metrics, "classes without probabilities have no log loss"
    numbers = labelled([1.0, 2.0, 4.0])
    found = REGRESSOR.baselines(numbers, numbers, torch.tensor([1.0, 1.0, 2.0]))["persistence"]
    assert found.values.tolist() == [0.0, 1.0, 4.0]


@pytest.mark.parametrize("classes", [0, 5])
def test_what_a_part_of_the_classes_trains_on_counts_all_of_them(classes):
    found = CLASSIFIER.baselines(labelled([0, 0, 1], classes), labelled([3, 0], classes), torch.tensor([3, 3]))
    assert [scores.score for scores in found.values()] == [0.5, 0.5]


class Own:
    """Of a learner of the user's own only what baselines need."""

    def build(self, data, seed):
        return torch.nn.Linear(1, 1)

    def train(self, model, round):
        pass

    def evaluate(self, model, data):
        return Scores([1.0])


def test_a_learner_of_the_users_own_has_none_unless_it_says_so():
    assert adapted(Own()).baselines([1], [2]) == {}
    assert adapted(own(baselines="none")).baselines([1], [2]) == {}


def own(**parts):
    return type("Changed", (Own,), parts)()


def test_a_learner_of_the_users_own_has_its_own(untouched_globals):
    seen = []
    km = Metric("error", "km", higher_is_better=False)

    def baselines(self, training, data):
        seen.append((training, data, torch.rand(1).item()))
        return {"yesterday": Scores([2.0, 4.0], km)}

    learner = adapted(own(baselines=baselines))
    found, _ = (learner.baselines("training", "data", torch.zeros(2)) for _ in range(2))
    assert (list(found), found["yesterday"].score, found["yesterday"].metric) == (["yesterday"], 3.0, km)
    assert seen[0] == seen[1], "under the same draws every time"
    assert seen[0][:2] == ("training", "data")


@pytest.mark.parametrize("returned", [None, 0.5, {"mean": 0.5}, [Scores([1.0])]], ids=repr)
def test_own_baselines_of_another_kind_are_refused(returned):
    learner = adapted(own(baselines=lambda self, training, data: returned))
    with pytest.raises(InputError, match=r"Changed\.baselines must return Scores by name, got ") as caught:
        learner.baselines([1], [2])
    assert "\n" not in str(caught.value)


def test_of_constant_predictors_the_majority_has_the_lowest_log_loss():
    data = labelled([0, 0, 0, 1, 2, 2], 3)
    model = CLASSIFIER.build(data, 0)
    with torch.no_grad():
        model[-1].weight.zero_()
        model[-1].bias.copy_(torch.tensor([1.0, 0.0, 0.9]))
    baseline, scores = CLASSIFIER.baselines(data, data)["majority"], CLASSIFIER.evaluate(model, data)
    assert baseline.score == scores.score == 0.5
    assert baseline.metrics["loss"] < scores.metrics["loss"]
