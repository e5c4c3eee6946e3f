"""Scores row by row: those of the learner, on rows prepared as the model knows them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrained import CLASSES, COLUMNS, LEARNER, TRIAL, VALUES, Grouped, Loop, Stump, images, plain, table, values
from warmstart.basics import ACCURACY, InputError, Metric
from warmstart.data import TableEncoding
from warmstart.learners import Scores, adapted
from warmstart.models import ConvNet
from warmstart.retrain._model_file import learner_of, load_model
from warmstart.retrain._rows import Rows, prepared_rows
from warmstart.retrain._scoring import baseline_scores, score_rows
from warmstart.retrain._training import train_candidate


def trained(learner, rows):
    return train_candidate(replace(TRIAL, learner=learner), rows, number=1).loaded


@pytest.mark.parametrize(
    ("learner", "rows", "later"),
    [
        (LEARNER, table(), table(50, seed=1, kind=Rows)),
        (LEARNER, table(columns=COLUMNS), table(50, seed=1, columns=COLUMNS, kind=Rows)),
        (VALUES, values(), values(50, seed=1, kind=Rows)),
        (VALUES, values(targets=2), values(50, seed=1, targets=2, kind=Rows)),
        (replace(LEARNER, architecture=ConvNet(width=2)), images(), images(50, seed=1, kind=Rows)),
        (Loop(), table(), table(50, seed=1, kind=Rows)),
        (Stump(), table(), table(50, seed=1, kind=Rows)),
    ],
    ids=["numbers", "encoded", "values", "two values", "images", "loop", "no tensors"],
)
def test_they_are_those_of_the_learner_and_equal_after_loading(learner, rows, later, tmp_path):
    candidate = train_candidate(replace(TRIAL, learner=learner), rows, number=1)
    digest = candidate.save(tmp_path / "model")
    found = score_rows(candidate.loaded, learner_of(candidate.manifest), later)
    expected = adapted(learner).evaluate(
        candidate.loaded.model, prepared_rows(later, candidate.manifest, torch.device("cpu"))
    )
    assert found.values.tolist() == expected.values.tolist()
    assert (found.metric, found.values.shape) == (expected.metric, (50,))
    assert found.score_range == (None if learner is VALUES else 1.0)
    assert found.higher_is_better is (learner is not VALUES)
    if expected.predictions is None:
        assert found.predictions is None
    else:
        assert found.predictions.tolist() == expected.predictions.tolist()
    again = score_rows(load_model(tmp_path / "model", candidate.manifest, digest=digest), adapted(learner), later)
    assert again.values.tobytes() == found.values.tobytes()


def test_values_are_scored_in_the_unit_of_the_targets():
    rows = values()
    loaded = trained(VALUES, rows)
    found = score_rows(loaded, VALUES, plain(rows))
    inputs = prepared_rows(rows, loaded.manifest, torch.device("cpu"))
    with torch.no_grad():
        outputs = loaded.model(inputs.batch(torch.arange(80))[0])[:, 0].numpy()
    (scale, offset) = (loaded.manifest["preparation"][name] for name in ("target_scale", "target_offset"))
    by_hand = (outputs * scale + offset - rows.labels) ** 2
    assert found.values == pytest.approx(by_hand, rel=1e-3)


@pytest.mark.parametrize("learner", [LEARNER, Loop(), Stump()])
def test_rows_of_a_class_without_an_output_count_as_wrong(learner):
    later = table(60, classes=CLASSES, kind=Rows)
    loaded = trained(learner, table())
    found = score_rows(loaded, adapted(learner), later)
    is_new = later.labels == 2
    assert 0 < is_new.sum() < 60
    assert (found.values[is_new] == 0).all()
    assert (found.predictions[is_new] == -1).all()
    known = Rows(later.inputs[~is_new], later.labels[~is_new], CLASSES[:2])
    assert found.values[~is_new].tolist() == score_rows(loaded, adapted(learner), known).values.tolist()


def test_rows_of_new_classes_alone_are_all_wrong():
    later = table(60, classes=CLASSES, kind=Rows)
    only = Rows(later.inputs, np.full(60, 2), CLASSES)
    assert score_rows(trained(LEARNER, table()), LEARNER, only).values.tolist() == [0.0] * 60


class Loss(Loop):
    """Scores by the log loss of each row, of which less is better."""

    def evaluate(self, model, data):
        with torch.no_grad():
            losses = torch.nn.functional.cross_entropy(model(data.inputs), data.labels, reduction="none")
        return Scores(losses, Metric("log loss", "nats", higher_is_better=False))


def test_where_less_is_better_a_class_without_an_output_has_the_worst_value():
    later = table(60, classes=CLASSES, kind=Rows)
    found = score_rows(trained(Loss(), table()), adapted(Loss()), later)
    assert (found.values[later.labels == 2] == found.values[later.labels < 2].max()).all()
    assert (found.score_range, found.higher_is_better, found.predictions) == (None, False, None)


def test_categories_are_matched_by_their_text():
    loaded = trained(LEARNER, table(columns=COLUMNS))
    rows = table(40, columns=COLUMNS, kind=Rows)
    values = ("amber", "blue", "green", "red")
    columns = COLUMNS[0], replace(COLUMNS[1], values=values)
    other = Rows(rows.inputs + np.array([0.0, 1.0]), rows.labels, rows.classes, TableEncoding(columns))
    found = [score_rows(loaded, LEARNER, one).values.tolist() for one in (rows, other)]
    assert found[0] == found[1]


def test_scores_of_groups_are_refused():
    candidate = train_candidate(replace(TRIAL, learner=Grouped()), table(), number=1)
    with pytest.raises(InputError, match=r"Grouped\.evaluate must return one score per row .* got 40 for 80 rows"):
        score_rows(candidate.loaded, adapted(Grouped()), plain(table()))


def test_other_rows_are_refused():
    loaded = trained(LEARNER, table())
    with pytest.raises(InputError, match="rows to score, got none"):
        score_rows(loaded, LEARNER, Rows(np.zeros((0, 2), np.float32), np.zeros(0, np.int64), CLASSES[:2]))
    with pytest.raises(InputError, match=r"the shape \(2,\), as the model takes them, got \(3,\)"):
        score_rows(loaded, LEARNER, Rows(np.zeros((4, 3), np.float32), np.zeros(4, np.int64), CLASSES[:2]))
    with pytest.raises(InputError, match="classes of the model in the same order, no, yes"):
        score_rows(loaded, LEARNER, table(classes=("yes", "no"), kind=Rows))


def test_a_learner_without_predictions_will_do():
    loaded = trained(Stump(with_predictions=False), table())
    found = score_rows(loaded, adapted(Stump(with_predictions=False)), plain(table()))
    assert found.predictions is None
    assert set(found.values) == {0.0, 1.0}


def test_predictors_that_learn_nothing():
    training = replace(table(classes=CLASSES[:2]), labels=np.arange(80) % 4 // 3)
    rows = table(40, kind=Rows)
    before = np.roll(rows.labels, 1)
    found = baseline_scores(LEARNER, training, rows, before)
    assert found["majority"].values.tolist() == (rows.labels == 0).astype(float).tolist()
    assert found["persistence"].values.tolist() == (rows.labels == before).astype(float).tolist()
    assert baseline_scores(LEARNER, training, rows).keys() == {"majority"}
    own = adapted(Loop())
    assert baseline_scores(own, training, rows) == baseline_scores(own, training, rows, metric=Metric("f1")) == {}
    of_own = baseline_scores(own, training, rows, before, metric=ACCURACY)
    assert {name: one.values.tolist() for name, one in of_own.items()} == {
        name: one.values.tolist() for name, one in found.items()
    }


def test_the_mean_and_persistence_of_values():
    training, rows = values(), values(40, seed=1, kind=Rows)
    found = baseline_scores(VALUES, training, rows, np.roll(rows.labels, 1))
    mean = training.labels.astype(np.float64).mean()
    assert found["mean"].values == pytest.approx((rows.labels - mean) ** 2, rel=1e-4)
    assert found["persistence"].values == pytest.approx((rows.labels - np.roll(rows.labels, 1)) ** 2.0, rel=1e-4)
    assert found["mean"].metric.name == "rmse"


@pytest.mark.parametrize("count", [1, 7, 50, 1030])
def test_scores_of_the_same_rows_repeat_bit_for_bit(count):
    loaded = trained(VALUES, values())
    rows = values(count, seed=2, kind=Rows)
    assert score_rows(loaded, VALUES, rows).values.tobytes() == score_rows(loaded, VALUES, rows).values.tobytes()


def test_among_other_rows_they_differ_by_rounding_at_most():
    loaded = trained(VALUES, values())
    rows = values(1500, seed=2, kind=Rows)
    whole = score_rows(loaded, VALUES, rows).values
    part = score_rows(loaded, VALUES, Rows(rows.inputs[700:913], rows.labels[700:913])).values
    assert part == pytest.approx(whole[700:913], rel=1e-3, abs=1e-3)
