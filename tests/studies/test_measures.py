"""What studies store of churn, baselines, the next arrival, and the metrics of single classes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rounds import TABLES, TRIAL, InOrder
from runs import LANES, ONE, TWO, interrupt, results
from samples import blobs
from warmstart.basics import METRICS, metric_named
from warmstart.data import Dataset, LabelledArrays
from warmstart.learners import Classifier, Scores
from warmstart.models import MLP
from warmstart.strategies import Cold, Warm
from warmstart.streams import Growing
from warmstart.studies import Study, read_study, run_study
from warmstart.studies._runner import Task, record_of
from warmstart.training import Recipe, StoppingRule
from warmstart.trial import EvaluationSettings, run

NAMES = ("no", "maybe: later", "yes")
STUDY = Study(
    [Cold(), Warm()],
    architecture=MLP(width=8),
    stream=InOrder(),
    recipe=Recipe(learning_rate=0.01, batch_size=16),
    stop=StoppingRule(0.95, max_epochs=3),
    seeds=2,
)


def named(count, classes, seed=0):
    data = blobs(count, seed=seed, classes=len(classes))
    return Dataset("answers", LabelledArrays(data.inputs.numpy(), data.labels.numpy()), None, classes)


DATA = named(180, NAMES)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return run_study(STUDY, tmp_path_factory.mktemp("measures"), dataset=DATA, execution=ONE)


def test_recalls_have_the_names_of_classes(uninterrupted):
    for record in uninterrupted.rounds:
        recalls = {name: value for name, value in record.metrics.items() if name.startswith("recall")}
        assert list(recalls) == ["recall: no", "recall: maybe: later", "recall: yes"]
        assert record.metrics["balanced_accuracy"] == pytest.approx(np.mean(list(recalls.values())))
        assert {*record.metrics} - {*recalls} == {"loss", "balanced_accuracy"}
        majority = record.baselines["majority"]
        assert majority.keys() == {"accuracy", *record.metrics}
        assert sorted(majority[name] for name in recalls) == [0.0, 0.0, 1.0]


def test_every_stored_metric_is_found_by_its_name(uninterrupted):
    for record in uninterrupted.rounds:
        for name in (*record.metrics, *record.baselines["majority"]):
            key, metric = metric_named(name)
            assert key == name
            assert metric == METRICS.get(name, metric)


def test_a_round_stores_churn_and_the_score_on_the_next_arrival(uninterrupted):
    for record in uninterrupted.rounds:
        first, last = record.round == 1, record.round == 3
        assert (record.churn is None, record.negative_flips is None) == (first, first)
        assert (record.next_score is None, record.next_baselines == {}) == (last, last)
        if not last:
            assert 0 <= record.next_score <= 1
            assert 0 < record.next_baselines["majority"] < 0.6


def test_a_first_round_that_is_taken_over_brings_its_measures_along(uninterrupted):
    for seed in range(2):
        cold, warm = (r for r in uninterrupted.rounds if r.round == 1 and r.seed == seed)
        assert replace(cold, arm="warm") == warm
        assert warm.next_score is not None
        assert warm.baselines


@pytest.mark.parametrize("execution", [ONE, TWO, LANES], ids=["one", "workers", "lanes"])
def test_an_interrupted_study_measures_the_same(uninterrupted, tmp_path, execution):
    interrupt(STUDY, tmp_path / "part", 5, dataset=DATA, execution=execution)
    assert results(run_study(STUDY, tmp_path / "part", dataset=DATA, execution=execution)) == results(uninterrupted)
    assert results(read_study(tmp_path / "part")) == results(uninterrupted)


def test_the_classes_of_a_source_have_their_own_names(tmp_path):
    source = named(90, ("a", "b", "c", "d"), seed=3)
    study = replace(STUDY, stream=Growing(rounds=2), seeds=1)
    for execution, place in ((ONE, "one"), (TWO, "two")):
        records = run_study(study, tmp_path / place, dataset=DATA, source=source, execution=execution)
        for record in records.rounds:
            expected = "abcd" if record.round == 1 else NAMES
            assert [name for name in record.metrics if "recall" in name] == [f"recall: {name}" for name in expected]
            assert [name for name in record.baselines["majority"] if "recall" in name] == [
                f"recall: {name}" for name in expected
            ]


def test_two_classes_have_an_area_under_the_curve(tmp_path):
    records = run_study(replace(STUDY, seeds=1), tmp_path, dataset=named(120, ("no", "yes")), execution=ONE)
    for record in records.rounds:
        assert record.metrics["auc"] > 0.8
        assert record.baselines["majority"]["auc"] == 0.5


@pytest.fixture
def task():
    return Task("0" * 32, "warm", TRIAL, EvaluationSettings())


def test_classes_without_names_are_called_by_their_index(task):
    record = record_of(task, next(run(TRIAL, TABLES)))
    assert [name for name in record.metrics if "recall" in name] == ["recall: 0", "recall: 1", "recall: 2"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_left_out_of_baselines(value, task):
    scores = Scores([1.0, 0.0], metrics={"loss": value, "balanced_accuracy": 0.5})
    broken = Scores([value, 0.0])
    result = replace(
        next(run(TRIAL, TABLES)),
        baselines={"majority": scores},
        next_scores=broken,
        next_baselines={"majority": scores, "broken": broken},
    )
    record = record_of(task, result)
    assert record.baselines == {"majority": {"accuracy": 0.5, "balanced_accuracy": 0.5}}
    assert record.next_score is None
    assert record.next_baselines == {"majority": 0.5}


def test_a_class_that_appears_late_is_no_obstacle(tmp_path):
    """Class shares of the first rounds give it no probability: their log loss is infinite, and is not stored."""
    data = named(180, NAMES)
    labels = np.where(np.arange(180) < 150, data.train.labels % 2, data.train.labels)
    late = Dataset("late", LabelledArrays(data.train.inputs, labels), None, NAMES)
    study = Study([Warm()], learner=Classifier(MLP(width=8), stop=StoppingRule(None, max_epochs=1)), seeds=3)
    records = run_study(replace(study, stream=Growing(rounds=20)), tmp_path, dataset=late, execution=ONE)
    found = [record.baselines["majority"] for record in records.rounds]
    assert {"loss" in metrics for metrics in found} == {True, False}
    assert all(math.isfinite(value) for metrics in found for value in metrics.values())
