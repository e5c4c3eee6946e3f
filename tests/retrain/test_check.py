"""The dry run of a project's learner finds what would go wrong at night."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from retrained import COLUMNS, LEARNER, TRIAL, VALUES, Grouped, Loop, Stump, digest, table, values
from warmstart.learners import Scores
from warmstart.retrain._check import ROWS, check_training, few_rows

NAMES = ["training", "determinism", "inputs", "save and load", "scores"]
STRATEGIES = ["strategy cold", "strategy warm", "strategy shrink-perturb:shrink=0.6"]


def found(learner, rows=None):
    results = check_training(replace(TRIAL, learner=learner), table() if rows is None else rows).results
    assert all(one.sentence.endswith(".") for one in results)
    return {one.name: one for one in results}


def failed(results):
    return [name for name, one in results.items() if not one.passed]


@pytest.mark.parametrize(
    ("learner", "rows"),
    [(LEARNER, table(200)), (LEARNER, table(columns=COLUMNS)), (VALUES, values()), (Loop(), table())],
    ids=["numbers", "encoded", "values", "loop"],
)
def test_what_is_in_order_passes(learner, rows):
    results = found(learner, rows)
    assert list(results) == NAMES + STRATEGIES
    assert failed(results) == []
    assert "steps" in results["training"].sentence
    assert f"on {min(len(rows), ROWS)} rows" in results["training"].sentence


def test_a_model_without_tensors_cannot_be_shrunk():
    results = found(Stump())
    assert failed(results) == STRATEGIES[2:]
    assert "cannot be used" in results[STRATEGIES[2]].sentence
    assert "trainable parameter" in results[STRATEGIES[2]].sentence


def test_a_learner_without_predictions_will_do():
    results = found(Stump(with_predictions=False))
    assert results["scores"].sentence == (
        "There is one score per row, accuracy, higher is better, without predictions of classes."
    )
    assert results["scores"].passed


@dataclass(frozen=True)
class Refitting(Stump):
    """Begins anew whatever it is given, as a library does that cannot continue."""

    def train(self, model, round):
        model.rule["rounds"] = 0
        super().train(model, round)


def test_training_that_does_not_continue_has_no_warm_start():
    results = found(Refitting())
    assert failed(results) == STRATEGIES[1:]
    assert "does not continue from the model that it is given" in results["strategy warm"].sentence


class Failing(Loop):
    def train(self, model, round):
        raise KeyError("label")


class Undetermined(Loop):
    """Draws from where no seed reaches."""

    def train(self, model, round):
        with torch.no_grad():
            model.weight += float(np.random.default_rng().normal())


class Scribbling(Loop):
    def evaluate(self, model, data):
        data.inputs.mul_(2)
        return super().evaluate(model, data)


class Forgetful(Loop):
    """Reads from the model what its ``state_dict`` does not hold."""

    def build(self, data, seed):
        model = super().build(data, seed)
        model.offset = {0.0}
        return model

    def evaluate(self, model, data):
        scores = super().evaluate(model, data)
        return Scores(scores.values + sum(model.offset), scores.metric)


class Broken(Loop):
    def evaluate(self, model, data):
        return Scores(torch.full((len(data),), float("nan")))


class Noisy(Loop):
    """Draws in evaluation from where no seed reaches."""

    def evaluate(self, model, data):
        return Scores(np.random.default_rng().random(len(data)))


@pytest.mark.parametrize(
    ("learner", "name", "sentence"),
    [
        (Failing(), "training", "Training failed: KeyError: 'label'."),
        (Broken(), "training", "Training diverged"),
        (Undetermined(), "determinism", "Two trainings with one seed give different models"),
        (Scribbling(), "inputs", "changes inputs or labels in place"),
        (Grouped(), "save and load", "one score per row"),
        (Noisy(), "scores", "evaluation must not draw random numbers"),
    ],
)
def test_what_would_go_wrong_is_named(learner, name, sentence):
    results = found(learner)
    assert name in failed(results)
    assert sentence in results[name].sentence


def test_nothing_follows_a_training_that_failed():
    assert list(found(Failing())) == ["training"]
    assert failed(found(Forgetful())) == []


def test_few_rows_are_taken_evenly_and_half_are_new():
    rows = few_rows(replace(table(200), validation=np.arange(200) % 2 == 0, earlier=(100,)))
    assert len(rows) == ROWS
    assert rows.inputs[[0, -1]].tolist() == table(200).inputs[[0, -1]].tolist()
    assert (rows.new.min(), rows.new.max(), rows.earlier) == (32, 63, ())
    assert len(few_rows(table(10))) == 10


def test_it_leaves_the_rows_and_the_global_generator_as_they_are():
    rows, state = table(), torch.random.get_rng_state()
    before = rows.inputs.tobytes()
    check_training(TRIAL, rows)
    assert rows.inputs.tobytes() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert digest(torch.nn.Linear(1, 1)).keys() == {"weight", "bias"}


def test_a_report_says_by_what_rounds_can_start():
    report = check_training(replace(TRIAL, learner=Stump()), table())
    assert (report.is_passed, report.usable) == (True, ("cold", "warm"))
    assert report.sentence == "The learner can be retrained by cold, warm."
    stored = json.loads(json.dumps(report.to_dict()))
    assert (stored["passed"], stored["strategies"], len(stored["results"])) == (True, ["cold", "warm"], 8)
    failing = check_training(replace(TRIAL, learner=Failing()), table())
    assert (failing.is_passed, failing.usable) == (False, ())
    assert failing.sentence == "Training failed: KeyError: 'label'."
