"""The estimators keep what scikit-learn asks of one, and a partial_fit is a round of a trial on all that was seen."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rounds import same, state
from warmstart.basics import InputError
from warmstart.integrations import RetrainedClassifier, RetrainedRegressor
from warmstart.learners import Classifier
from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Given
from warmstart.training import Recipe, StoppingRule, TensorData
from warmstart.trial import Trial, TrialData, run

STOP = {"max_epochs": 10, "early_stopping": "off", "train_accuracy": None}
RECIPE = {"learning_rate": 0.02, "batch_size": 32}
FAST = {"model": "mlp:layers=1:width=16", "stop": {"max_epochs": 30, "early_stopping": "off"}, "recipe": RECIPE}


def estimator(strategy="shrink-perturb", **options):
    return RetrainedClassifier(strategy, **{"model": "mlp:width=16", "stop": STOP, "recipe": RECIPE, **options})


@pytest.fixture(scope="module")
def blobs():
    inputs, labels, *_ = make_blobs(300, centers=[[-3, 0], [3, 0], [0, 4]], random_state=0)
    return inputs, labels


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([RetrainedClassifier(**FAST), RetrainedRegressor(**FAST)])
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks themselves do things that are warned of
        check(estimator)


@pytest.mark.parametrize("strategy", ["cold", "warm", "shrink-perturb:shrink=0.6", ShrinkPerturb(), Cold(0.5)], ids=str)
def test_rounds_are_those_of_a_trial(strategy, blobs):
    inputs, labels = blobs
    model = estimator(strategy, random_state=7)
    for start, end in ((0, 100), (100, 200), (200, 300)):
        model.partial_fit(inputs[start:end], labels[start:end], classes=[0, 1, 2])
    data = TensorData(inputs, labels)
    named = {"cold": Cold(), "warm": Warm(), "shrink-perturb:shrink=0.6": ShrinkPerturb(shrink=0.6)}
    found = named[strategy] if isinstance(strategy, str) else strategy
    learner = Classifier(MLP(width=16), Recipe(**RECIPE), StoppingRule(**STOP))
    arrivals = [list(range(start, start + 100)) for start in (0, 100, 200)]
    *_, last = run(Trial(learner, Given(arrivals), found, seed=7), TrialData(data, data, classes=3))
    assert same(state(model.model_), state(last.round_state.model))
    assert [row["samples"] for row in model.history_] == [100, 200, 300]
    assert model.score(inputs, labels) > 0.95


def test_a_round_trains_on_all_that_was_seen(blobs):
    inputs, labels = blobs
    model = estimator("warm").fit(inputs[labels < 2], labels[labels < 2])
    assert model.score(inputs[labels < 2], labels[labels < 2]) > 0.95
    both = estimator("warm").partial_fit(inputs[labels < 2], labels[labels < 2], classes=[0, 1, 2])
    both.partial_fit(inputs[labels == 2], labels[labels == 2])
    assert both.score(inputs, labels) > 0.95, "what arrived first is not forgotten"
    assert len(both.X_) == len(both.y_) == 300
    assert both.history_[1]["steps"] > both.history_[0]["steps"]


def test_fit_begins_anew_and_does_not_depend_on_what_was(blobs):
    inputs, labels = blobs
    model = estimator().fit(inputs[:100], labels[:100]).partial_fit(inputs[100:], labels[100:])
    again = model.fit(inputs[:100], labels[:100])
    assert len(again.history_) == 1
    assert (again.predict_proba(inputs) == estimator().fit(inputs[:100], labels[:100]).predict_proba(inputs)).all()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_alone(again, blobs):
    inputs, labels = blobs
    model = estimator().fit(inputs[:100], labels[:100])
    expected, other = model.predict_proba(inputs), again(model)
    other.partial_fit(inputs[100:], labels[100:])
    assert (model.predict_proba(inputs) == expected).all()
    model.partial_fit(inputs[100:], labels[100:])
    assert (model.predict_proba(inputs) == other.predict_proba(inputs)).all()


def test_random_states_and_search(blobs):
    inputs, _ = blobs
    first, second, third = (estimator(random_state=number).fit(*blobs) for number in (3, 3, 4))
    assert (first.predict_proba(inputs) == second.predict_proba(inputs)).all()
    assert (first.predict_proba(inputs) != third.predict_proba(inputs)).any()
    assert estimator(random_state=np.random.RandomState(1)).fit(*blobs).seed_ > 3
    names = {"retrainedclassifier__model": ["mlp:width=4", MLP(width=8)]}
    search = GridSearchCV(make_pipeline(StandardScaler(), estimator()), names, cv=2, error_score="raise")
    assert search.fit(*blobs).score(*blobs) > 0.9
    assert clone(estimator(Cold(0.5))).strategy == Cold(0.5)


def test_labels_of_any_type_and_classes_that_come_later(blobs):
    inputs, labels = blobs
    names = np.array(["north", "south", "west"])[labels]
    model = estimator()
    model.partial_fit(inputs[labels != 2], names[labels != 2], classes=["north", "west", "south"])
    assert model.predict_proba(inputs).shape == (300, 3)
    model.partial_fit(inputs, names)
    assert (model.predict(inputs) == names).mean() > 0.9
    before = model.predict_proba(inputs)
    with pytest.raises(InputError, match=r"y must have labels of classes only, got \['up'\]"):
        model.partial_fit(inputs[:2], ["up", "west"])
    with pytest.raises(InputError, match="classes must be those of the first call"):
        model.partial_fit(inputs[:2], names[:2], classes=["north", "up"])
    assert len(model.history_) == 2
    assert (model.predict_proba(inputs) == before).all()


def test_a_regressor_predicts_in_the_unit_of_its_targets():
    inputs, values = load_diabetes(return_X_y=True)
    model = RetrainedRegressor("shrink-perturb", stop={"max_epochs": 60}, random_state=1)
    model.fit(inputs[:200], values[:200]).partial_fit(inputs[200:350], values[200:350])
    assert model.score(inputs[350:], values[350:]) > 0.3
    assert model.predict(inputs).mean() == pytest.approx(values.mean(), rel=0.2)
    assert (model.y_ == values[:350]).all()


def test_columns_have_the_scale_of_the_first_arrival(blobs):
    inputs, labels = blobs
    model = estimator("cold").fit(inputs[:100], labels[:100])
    scale = {name: torch.as_tensor(value) for name, value in model._scale.items()}
    model.partial_fit(inputs[100:] * 1000, labels[100:])
    assert all(torch.equal(torch.as_tensor(model._scale[name]), value) for name, value in scale.items())


def test_what_cannot_be_is_said(blobs):
    inputs, labels = blobs
    with pytest.raises(NotFittedError):
        estimator().predict(inputs)
    with pytest.raises(InputError, match="strategy"):
        estimator("no-such").fit(inputs, labels)
    with pytest.raises(InputError, match="recipe must let training converge"):
        estimator(recipe={"learning_rate": 1e30}).fit(inputs, labels)


def test_a_round_that_diverges_leaves_the_model_of_the_one_before(blobs):
    inputs, labels = blobs
    model = estimator("warm").fit(inputs[:100], labels[:100])
    expected = model.predict_proba(inputs)
    model.set_params(recipe={"learning_rate": 1e30})
    with pytest.warns(UserWarning, match="Round 2 diverged: the model of the round before predicts"):
        model.partial_fit(inputs[100:], labels[100:])
    assert (model.predict_proba(inputs) == expected).all()
    assert model.history_[-1]["stop_reason"] == "diverged"
