"""Studies that begin with a round on other data (transfer)."""

from dataclasses import replace

import numpy as np
import pytest

from runs import ONE, TWO, interrupt, results
from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, LabelledArrays, load
from warmstart.diagnostics import GradientNorms
from warmstart.models import MLP, LogisticRegression, ResNet18
from warmstart.penalties import EWC
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing, Part
from warmstart.studies import (
    Arm,
    Study,
    StudyProgress,
    read_histories,
    read_study_file,
    run_study,
    study_from_dict,
)
from warmstart.training import Recipe, StoppingRule
from warmstart.trial import EvaluateOn, EvaluationSettings

TRANSFER = Study(
    [Cold(), Warm(), ShrinkPerturb()],
    data=DataSource(subset=240),
    architecture=MLP(width=12),
    stream=Growing(rounds=2),
    recipe=Recipe(learning_rate=0.003, batch_size=32),
    stop=StoppingRule(0.95, max_epochs=2),
    measurements=[GradientNorms()],
    seeds=1,
)


@pytest.fixture(scope="module")
def digits():
    return load(TRANSFER.data)


@pytest.fixture(scope="module")
def few():
    """The digits 0 to 5 alone: other samples, in fewer classes."""
    digits = load(DataSource(subset=200))
    return Dataset("few", digits.train.take(np.flatnonzero(digits.train.labels < 6)), None, tuple("012345"))


@pytest.fixture(scope="module")
def uninterrupted(few, tmp_path_factory):
    directory = tmp_path_factory.mktemp("source")
    return run_study(TRANSFER, directory, source=few, execution=ONE), read_histories(directory)


def test_the_first_round_is_the_sources(uninterrupted, few):
    records, known = uninterrupted
    fitted = int(len(few.train) * 2 / 3)
    assert (records.data["source"]["name"], records.data["source"]["classes"]) == ("few", list("012345"))
    assert records.data["source"]["fit_samples"] == fitted
    assert records.data["source"]["evaluation_samples"] == len(few.train) - fitted
    assert records.study["source"]["name"] == "few"
    for arm in TRANSFER.labels:
        found = [(r.round, r.samples_seen, r.samples_trained_on) for r in records.rounds if r.arm == arm]
        assert found == [(1, fitted, fitted), (2, fitted + 80, 80), (3, fitted + 160, 160)]
    assert len({r.score for r in records.rounds if r.round == 1}) == 1
    names = {number: {row["name"] for row in known["warm", 0, number]["readings"]} for number in (1, 2, 3)}
    assert names == {1: {"new gradient"}, 2: {"new gradient"}, 3: {"old gradient", "new gradient"}}


def test_the_sources_holdout_is_evaluated_on(uninterrupted, few):
    """An accuracy on so many samples is a whole number of them."""
    records, _ = uninterrupted
    held_out = {1: len(few.train) - int(len(few.train) * 2 / 3), 2: 80, 3: 80}
    for record in records.rounds:
        right = record.score * held_out[record.round]
        assert right == pytest.approx(round(right))
    assert held_out[1] % 80 != 0


def test_workers_give_the_same_bits(uninterrupted, few, tmp_path):
    records, known = uninterrupted
    assert results(run_study(TRANSFER, tmp_path, source=few, execution=TWO)) == results(records)
    assert read_histories(tmp_path) == known
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".arrays")]


@pytest.mark.parametrize("rounds", [1, 4, 6])
def test_an_interrupted_study_resumes_to_the_same_bits(uninterrupted, few, tmp_path, rounds):
    interrupt(TRANSFER, tmp_path, rounds, source=few)
    assert results(run_study(TRANSFER, tmp_path, source=few, execution=ONE)) == results(uninterrupted[0])


def test_a_source_of_the_same_classes_resumes_too(digits, tmp_path):
    study = replace(TRANSFER, source=DataSource(subset=150), arms=[Warm(), Arm(Warm(), penalty=EWC(1.0))])
    whole = results(run_study(study, tmp_path / "whole", execution=ONE))
    interrupt(study, tmp_path / "parts", 2)
    assert results(run_study(study, tmp_path / "parts", execution=ONE)) == whole
    again = study_from_dict(read_study_file(tmp_path / "parts" / "study.toml"))
    assert again == study
    heard = []
    run_study(again, tmp_path / "parts", execution=ONE, listener=heard.append)
    assert heard == ["The study in " + str(tmp_path / "parts") + " is complete: nothing is trained"]


def test_the_plan_counts_the_sources_round(few, tmp_path):
    heard = []
    study = replace(TRANSFER, stream=Part(0.5), arms=[Warm()])
    run_study(study, tmp_path, source=few, execution=ONE, listener=heard.append)
    assert StudyProgress(total=2, done=0) in heard


def test_another_source_under_the_same_name_makes_new_trials(few, tmp_path):
    interrupt(TRANSFER, tmp_path, 2, source=few)
    other = replace(few, train=few.train.take(np.arange(60)))
    heard = []
    records = run_study(TRANSFER, tmp_path, source=other, execution=ONE, listener=heard.append)
    assert StudyProgress(total=len(records.rounds), done=0) in heard


def test_a_study_without_the_source_is_another_one(few, tmp_path):
    interrupt(TRANSFER, tmp_path, 1, source=few)
    with pytest.raises(InputError, match=r"contains a different study \(source"):
        run_study(TRANSFER, tmp_path, execution=ONE)


def of_shape(*shape):
    inputs = np.random.default_rng(0).integers(0, 256, (40, *shape)).astype(np.uint8)
    return Dataset("other", LabelledArrays(inputs, np.arange(40) % 6), None, tuple("012345"))


@pytest.mark.parametrize(
    ("change", "source", "message"),
    [
        ({}, of_shape(1, 8, 9), r"source must have inputs of shape \(1, 8, 8\), as digits has, got \(1, 8, 9\)"),
        ({}, of_shape(3, 8, 8), r"source must have inputs of shape \(1, 8, 8\), as digits has, got \(3, 8, 8\)"),
        (
            {"penalty": EWC(strength=1.0)},
            of_shape(1, 8, 8),
            "source must have 10 classes, as the data have, for the penalty EWC.* got 6",
        ),
        (
            {"arms": [Cold(), Arm(Warm(), penalty=EWC(1.0))]},
            of_shape(1, 8, 8),
            "source must have 10 classes, as the data have, for the penalty EWC.* got 6",
        ),
        (
            {"architecture": LogisticRegression()},
            of_shape(1, 8, 8),
            "model must have parameters of the same shape for 6 and for 10 classes to continue from the source",
        ),
        (
            {"architecture": ResNet18(width=2), "recipe": Recipe(batch_size=1)},
            of_shape(1, 8, 8),
            "cannot train on a batch of 1",
        ),
        (
            {"evaluation": EvaluationSettings(holdout=0.99)},
            replace(of_shape(1, 8, 8), train=of_shape(1, 8, 8).train.take(np.arange(30))),
            "holdout must leave samples on both sides of the split of 30, got 0.99",
        ),
        ({"evaluation": EvaluationSettings(EvaluateOn.TEST)}, of_shape(1, 8, 8), "must have a test set to evaluate on"),
    ],
)
def test_what_cannot_work_leaves_no_directory(digits, tmp_path, change, source, message):
    with pytest.raises(InputError, match=message):
        run_study(replace(TRANSFER, **change), tmp_path / "study", dataset=digits, source=source, execution=ONE)
    assert not (tmp_path / "study").exists()
