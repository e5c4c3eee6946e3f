"""The model that a trial ended with predicts as it did within the trial, and what was no part of it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from runs import ONE
from warmstart.basics import InputError
from warmstart.data import ColumnEncoding, Dataset, LabelledArrays, TableEncoding
from warmstart.learners import Regressor
from warmstart.models import MLP
from warmstart.strategies import Cold, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, load_trained, run_study
from warmstart.training import StoppingRule
from warmstart.trial import EvaluationSettings

STUDY = Study(
    [Cold(), Warm()],
    architecture=MLP(width=8),
    stream=TwoPhase(),
    stop=StoppingRule(max_epochs=2),
    evaluation=EvaluationSettings("test"),
    seeds=2,
)
COLUMNS = (ColumnEncoding("size", has_missing=True), ColumnEncoding("color", "category", ("blue", "green", "red")))


def tables(encoding=None, *, values=False):
    """Training and test samples of which the label is easy to tell."""
    draw = np.random.default_rng(0)
    parts = []
    for count in (120, 40):
        size = draw.normal(5.0, 3.0, count)
        color = draw.integers(0, 3, count).astype(float)
        labels = (size > 5).astype(np.int64)
        if encoding is not None:
            inputs = np.stack([np.where(draw.random(count) < 0.1, np.nan, size), color], 1)
        else:
            inputs = np.stack([size, color], 1).astype(np.float32)
        targets = np.stack([3 * size + 100, -size], 1).astype(np.float32)
        parts.append(LabelledArrays(inputs, targets if values else labels))
    return Dataset("table", *parts, () if values else ("small", "large"), encoding=encoding)


def score_of(records, label):
    return next(one.score for one in records.rounds if (one.arm, one.seed, one.round) == (label, 1, 2))


@pytest.mark.parametrize("encoding", [None, TableEncoding(COLUMNS)], ids=["numbers", "encoded"])
@pytest.mark.parametrize("label", STUDY.labels)
def test_predictions_are_those_that_the_trial_was_scored_by(encoding, label, tmp_path):
    data = tables(encoding)
    records = run_study(STUDY, tmp_path, dataset=data, execution=ONE)
    trained = load_trained(tmp_path, strategy=label, seed=1)
    found = trained.predict(data.test.inputs)
    right = [name == data.classes[k] for name, k in zip(found.labels, data.test.labels, strict=True)]
    assert np.mean(right) == score_of(records, label)
    assert found.outputs.sum(1) == pytest.approx(np.ones(40))
    assert trained.round == 2


def test_values_are_predicted_in_the_unit_of_the_targets(tmp_path):
    data = tables(values=True)
    study = replace(STUDY, learner=Regressor(), stop=StoppingRule(max_epochs=5))
    records = run_study(study, tmp_path, dataset=data, execution=ONE)
    found = load_trained(tmp_path, strategy="warm", seed=1).predict(data.test.inputs)
    rmse = np.sqrt(((found.outputs - data.test.labels) ** 2).mean())
    assert rmse == pytest.approx(score_of(records, "warm"), rel=1e-5)
    with pytest.raises(InputError, match="labels are of classes"):
        _ = found.labels


def test_a_category_that_training_never_saw_is_predicted_too(tmp_path):
    data = tables(TableEncoding(COLUMNS))
    run_study(STUDY, tmp_path, dataset=data, execution=ONE)
    assert len(load_trained(tmp_path).predict(np.array([[np.nan, 3.0], [2.0, np.nan]]))) == 2


def test_what_cannot_be_loaded_is_said_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="must be a directory with a study's results"):
        load_trained(tmp_path)
    run_study(replace(STUDY, seeds=1), tmp_path, dataset=tables(), execution=ONE)
    for options, message in (
        ({"strategy": "wram"}, "warm"),
        ({"seed": 1}, r"seed must lie in \[0, 0\]"),
        ({"seed": -1}, r"seed must lie in \[0, 0\]"),
    ):
        with pytest.raises(InputError, match=message):
            load_trained(tmp_path, **options)
    with pytest.raises(InputError, match=r"shape \(n, 2\), got \(4, 3\)"):
        load_trained(tmp_path).predict(np.zeros((4, 3)))
    for checkpoint in tmp_path.rglob("*.safetensors"):
        checkpoint.unlink()
    with pytest.raises(InputError, match="checkpoint"):
        load_trained(tmp_path)


def test_frames_are_predicted_as_their_file_would_be(tmp_path):
    pandas = pytest.importorskip("pandas")
    data = tables(TableEncoding(COLUMNS))
    run_study(STUDY, tmp_path, dataset=data, execution=ONE)
    trained = load_trained(tmp_path)
    frame = pandas.DataFrame({"color": ["red", "violet", None], "more": [1, 2, 3], "size": [9.5, None, 1.0]})
    frame.to_csv(tmp_path / "new.csv", index=False)
    found = trained.predict(frame)
    assert found.outputs.tolist() == trained.predict(trained.read(tmp_path / "new.csv")).outputs.tolist()
    assert trained.read(frame).tolist()[0] == [9.5, 2.0]
    for bad, message in (
        (frame.drop(columns="size"), "the frame must have the columns of the training samples, but lacks: size"),
        (np.array([["9.5", "red"]]), r"inputs must be numbers, as read\(\) returns them"),
        (np.zeros((2, 5)), r"shape \(n, 2\), as read\(\) returns them, got \(2, 5\)"),
    ):
        with pytest.raises(InputError, match=message):
            trained.predict(bad)


def test_what_lies_far_outside_is_compressed_in_predictions_as_in_the_trial(tmp_path):
    data = tables()
    far = data.train.inputs.copy()
    far[::10, 0] *= 1e4
    later = data.test.inputs.copy()
    later[::3, 0] *= 1e5
    data = replace(data, train=LabelledArrays(far, data.train.labels), test=LabelledArrays(later, data.test.labels))
    records = run_study(STUDY, tmp_path, dataset=data, execution=ONE)
    found = load_trained(tmp_path, strategy="warm", seed=1).predict(later)
    right = [name == data.classes[k] for name, k in zip(found.labels, data.test.labels, strict=True)]
    assert np.mean(right) == score_of(records, "warm")


def test_new_images_need_no_classes_and_may_be_grey(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    study = Study(
        ["warm"], data=str(tmp_path / "pictures"), stream=TwoPhase(), stop=StoppingRule(max_epochs=1), seeds=1
    )
    run_study(study, tmp_path / "runs")
    trained = load_trained(tmp_path / "runs")
    (tmp_path / "new").mkdir()
    for name, value in (("10.png", 10), ("9.png", 9)):
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / "new" / name)
    inputs = trained.read(tmp_path / "new")
    assert inputs.shape == (2, 3, 8, 8)
    assert inputs[:, 2, 0, 0].tolist() == [9, 10]
    assert np.array_equal(trained.read(tmp_path / "new" / "9.png"), inputs[:1])
    assert len(trained.predict(inputs)) == 2
    assert len(trained.read(tmp_path / "pictures")) == 20
