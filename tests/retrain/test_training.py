"""What one round of a project trains: the rounds of a trial, on rows that the project has chosen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from retrained import CLASSES, COLUMNS, LEARNER, STOP, TRIAL, VALUES, Loop, Stump, digest, images, plain, table, values
from rounds import InOrder
from warmstart.basics import InputError
from warmstart.data import ColumnEncoding
from warmstart.models import ConvNet
from warmstart.penalties import EWC
from warmstart.retrain._model_file import LoadedModel, load_model
from warmstart.retrain._rows import TrainingRows, numbers_of, prepared_rows
from warmstart.retrain._training import obstacle, round_of, train_candidate
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.training import CarryOver, EarlyStopping, OptimizerState, StoppingRule, StopReason
from warmstart.trial import TrialData, run

CPU = torch.device("cpu")
PICTURES = replace(LEARNER, architecture=ConvNet(width=2))
KINDS = [
    (LEARNER, table()),
    (LEARNER, table(columns=COLUMNS)),
    (VALUES, values()),
    (VALUES, values(targets=2)),
    (PICTURES, images()),
    (Loop(), table()),
    (Loop(), table(columns=COLUMNS)),
    (Stump(), table()),
]
NAMES = ["numbers", "encoded", "values", "two values", "images", "loop", "encoded loop", "no tensors"]


def first(rows, half):
    """The rows of a first round: the first so many."""
    return replace(rows, inputs=rows.inputs[:half], labels=rows.labels[:half], new=None)


@pytest.mark.parametrize(("learner", "rows"), KINDS[:6], ids=NAMES[:6])
@pytest.mark.parametrize("keep", list(OptimizerState))
def test_two_rounds_are_those_of_a_trial_in_the_same_order(learner, rows, keep):
    """The trial scales and encodes by its first arrival, as a project's lineage does by its first round."""
    if not isinstance(learner, Loop):  # whose optimizer is its own matter
        learner = replace(learner, carry_over=CarryOver(optimizer_state=keep))
    half = len(rows) // 2
    trial = replace(TRIAL, learner=learner, stream=InOrder(rounds=2), seed=3)
    fitted = None if rows.encoding is None else rows.encoding.fitted(rows.inputs[:half])
    pool = numbers_of(rows, fitted, CPU)
    expected = list(run(trial, TrialData(pool, pool, len(rows.classes), fitted_encoding=fitted)))
    one = train_candidate(trial, first(rows, half), number=1)
    two = train_candidate(trial, replace(rows, new=np.arange(half, len(rows)), earlier=(half,)), one.loaded, number=2)
    for candidate, result in zip((one, two), expected, strict=True):
        assert digest(candidate.loaded.model) == digest(result.round_state.model)
        assert (candidate.counts, candidate.history) == (result.counts, result.history)
        assert candidate.samples == result.samples_trained_on
    assert two.manifest["preparation"] == one.manifest["preparation"] == expected[0].preparation


@pytest.mark.parametrize(("learner", "rows"), KINDS, ids=NAMES)
def test_two_trainings_give_equal_files(learner, rows, tmp_path):
    trial = replace(TRIAL, learner=learner)
    found = []
    for name in "ab":
        one = train_candidate(trial, first(rows, 40), number=1)
        two = train_candidate(trial, rows, one.loaded, number=2)
        found.append((one.save(tmp_path / name), two.save(tmp_path / name)))
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_a_cold_start_fits_the_preparation_to_all_its_rows():
    rows = table(columns=COLUMNS)
    one = train_candidate(TRIAL, first(rows, 40), number=1)
    cold, warm = (
        train_candidate(replace(TRIAL, strategy=strategy), rows, one.loaded, number=2) for strategy in (Cold(), Warm())
    )
    fills = [candidate.manifest["preparation"]["encoding"]["fills"][0] for candidate in (one, warm, cold)]
    assert fills[0] == fills[1] == np.nanmedian(rows.inputs[:40, 0])
    assert fills[2] == np.nanmedian(rows.inputs[:, 0]) != fills[0]
    scales = [candidate.manifest["preparation"]["scale"] for candidate in (one, warm, cold)]
    assert scales[0] == scales[1] != scales[2]


def test_a_cold_start_does_not_depend_on_the_model_before():
    rows = table()
    one = train_candidate(TRIAL, first(rows, 40), number=1)
    cold = replace(TRIAL, strategy=Cold())
    found = [digest(train_candidate(cold, rows, before, number=2).loaded.model) for before in (None, one.loaded)]
    assert found[0] == found[1]


def test_the_model_before_is_left_as_it_is():
    one = train_candidate(TRIAL, table(), number=1)
    before = digest(one.loaded.model)
    train_candidate(TRIAL, table(120), one.loaded, number=2)
    train_candidate(replace(TRIAL, strategy=ShrinkPerturb()), table(120), one.loaded, number=2)
    assert digest(one.loaded.model) == before


def test_rows_are_left_as_they_are_and_may_be_read_only():
    rows = table(columns=COLUMNS)
    before = rows.inputs.tobytes()
    rows.inputs.setflags(write=False)
    rows.labels.setflags(write=False)
    train_candidate(TRIAL, rows, number=1)
    assert rows.inputs.tobytes() == before


@pytest.mark.parametrize("learner", [LEARNER, Loop()], ids=["built in", "own"])
def test_a_new_class_keeps_the_outputs_of_the_old_ones(learner):
    still = replace(LEARNER, recipe=replace(LEARNER.recipe, optimizer="sgd", learning_rate=1e-30), stop=STOP)
    trial = replace(TRIAL, learner=still if learner is LEARNER else Loop(epochs=0))
    one = train_candidate(trial, table(), number=1)
    two = train_candidate(trial, table(120, classes=CLASSES), one.loaded, number=2)
    old, new = (list(candidate.loaded.model.parameters())[-2:] for candidate in (one, two))
    for before, after in zip(old, new, strict=True):
        assert len(after) == 3
        assert torch.equal(after[:2], before)
        assert after[2:].abs().sum() > 0
    assert two.manifest["classes"] == list(CLASSES)


def test_a_new_class_without_tensors_is_trained_on(tmp_path):
    trial = replace(TRIAL, learner=Stump())
    one = train_candidate(trial, table(), number=1)
    assert train_candidate(trial, table(classes=CLASSES), one.loaded, number=2).loaded.model.rule["rounds"] == 2


def test_new_rows_stand_last_and_penalties_see_the_old_ones():
    rows = replace(table(60), new=np.array([5, 0, 17]), earlier=(10, 30), validation=np.arange(60) % 4 == 0)
    one = train_candidate(TRIAL, table(), number=1)
    _, plan, state = round_of(TRIAL, rows, one.loaded, number=2, device=CPU)
    assert plan.arrival.tolist() == [0, 5, 17]
    assert len(plan.old) == len(plan.seen) == 57
    assert plan.earlier == ()
    order = torch.cat([plan.seen, plan.arrival])
    assert plan.validation.tolist() == (order % 4 == 0).tolist()
    assert state.round == 1
    in_order = replace(rows, new=np.arange(30, 60))
    assert round_of(TRIAL, in_order, one.loaded, number=2, device=CPU)[1].earlier == (10, 30)
    # Without a model before, all rows are new.
    assert len(round_of(TRIAL, in_order, None, number=2, device=CPU)[1].seen) == 0


def test_a_penalty_looks_back_on_the_old_rows():
    trial = replace(TRIAL, learner=replace(LEARNER, penalty=EWC(strength=100.0)))
    one = train_candidate(trial, table(40), number=1)
    rows = replace(table(), new=np.arange(40, 80))
    found = [train_candidate(one_trial, rows, one.loaded, number=2) for one_trial in (trial, TRIAL)]
    assert digest(found[0].loaded.model) != digest(found[1].loaded.model)


def test_early_stopping_holds_apart_what_the_rows_say():
    stop = StoppingRule(validation_patience=2, max_epochs=4, early_stopping=EarlyStopping.ON)
    trial = replace(TRIAL, learner=replace(LEARNER, stop=stop))
    masks = [None, np.arange(80) % 4 == 0, np.zeros(80, bool)]
    found = [train_candidate(trial, replace(table(), validation=mask), number=1) for mask in masks]
    assert len({tuple(digest(one.loaded.model).values()) for one in found}) == 3
    assert found[1].counts["samples"] == 60 * len(found[1].history)
    assert found[2].notes == (
        "The round's 80 samples are too few to hold a validation part apart, so it ends by its training score.",
    )


def test_a_round_that_diverges_has_no_model(tmp_path):
    wild = replace(VALUES, recipe=replace(LEARNER.recipe, optimizer="sgd", learning_rate=1e25))
    found = train_candidate(replace(TRIAL, learner=wild), values(), number=4)
    assert (found.loaded, found.stop_reason, dict(found.manifest)) == (None, StopReason.DIVERGED, {})
    with pytest.raises(InputError, match="candidate must have a model to be saved, but round 4 diverged"):
        found.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_reports_carry_the_number_of_the_round():
    heard = []
    train_candidate(TRIAL, table(), number=5, on_report=lambda number, row: heard.append((number, row["epoch"])))
    assert heard == [(5, 1), (5, 2), (5, 3)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (table(classes=("yes", "no")), "The classes of the model are not the first of those of the rows"),
        (values(), "The model predicts something else than the labels are"),
        (table(columns=COLUMNS), "rows must be numbers, as the model was trained on, got a table"),
        (images(), "The classes of the model"),
        (
            replace(table(), inputs=np.zeros((80, 3), np.float32)),
            r"the shape \(2,\), as the model takes them, got \(3,\)",
        ),
    ],
)
def test_rows_that_a_model_cannot_continue_on_are_refused(rows, reason):
    one = train_candidate(TRIAL, table(), number=1)
    with pytest.raises(InputError, match=f"{reason}.*; start cold"):
        train_candidate(TRIAL, rows, one.loaded, number=2)
    assert obstacle(one.loaded, table()) is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ((COLUMNS[0], replace(COLUMNS[1], name="hue")), "without color, with hue"),
        ((*COLUMNS, ColumnEncoding("age")), "with age"),
        ((COLUMNS[1], COLUMNS[0]), "in another order"),
        ((COLUMNS[0], replace(COLUMNS[1], kind="number", values=())), "must hold a category"),
    ],
)
def test_other_columns_are_an_obstacle_that_names_them(columns, reason):
    one = train_candidate(TRIAL, table(columns=COLUMNS), number=1)
    rows = table(columns=COLUMNS)
    # Codes of the category stand for small numbers as well.
    wide = rows.inputs[:, [1] * len(columns)]
    changed = replace(rows, inputs=wide, encoding=replace(rows.encoding, columns=columns))
    assert reason in obstacle(one.loaded, changed)
    cold = train_candidate(replace(TRIAL, strategy=Cold()), changed, one.loaded, number=2)
    assert cold.manifest["features"] == [column.name for column in columns]


def test_categories_that_came_later_are_new_to_a_model_that_goes_on():
    one = train_candidate(TRIAL, table(columns=COLUMNS), number=1)
    later = (COLUMNS[0], replace(COLUMNS[1], values=("amber", "blue", "green", "red")))
    rows = table(120, columns=later)
    two = train_candidate(TRIAL, rows, one.loaded, number=2)
    names = [column["values"] for column in two.manifest["preparation"]["encoding"]["columns"]]
    assert names == [[], ["blue", "green", "red"]]
    encoded = prepared_rows(rows, two.manifest, CPU).inputs
    known = list(COLUMNS[1].values)
    is_amber = torch.from_numpy(rows.inputs[:, 1] == 0)
    place = 2 + len(known)  # size, its gaps, the values, and what is new
    assert torch.equal(encoded[:, place] > encoded[:, place].min(), is_amber)


def test_unequal_rows_are_refused():
    with pytest.raises(InputError, match="labels must be one for each of 3 rows, got 2"):
        TrainingRows(np.zeros((3, 1)), np.zeros(2))
    with pytest.raises(InputError, match="indices of the 2 classes, got int64 from 0 to 2"):
        TrainingRows(np.zeros((3, 1)), np.arange(3), ("a", "b"))
    with pytest.raises(InputError, match="rows to train on, got none"):
        TrainingRows(np.zeros((0, 1)), np.zeros(0))
    with pytest.raises(InputError, match="new must be indices of the 80 rows, got 3 to 80"):
        table(new=np.array([3, 80]))
    with pytest.raises(InputError, match="validation must be a mask over the 80 rows"):
        table(validation=np.zeros(3, bool))
    assert len(plain(table())) == 80


def test_a_model_trained_in_memory_continues_as_one_that_was_stored(tmp_path):
    learner = replace(PICTURES, carry_over=CarryOver(optimizer_state=OptimizerState.KEEP))
    trial = replace(TRIAL, learner=learner)
    one = train_candidate(trial, images(), number=1)
    stored = load_model(tmp_path / "one", one.manifest, digest=one.save(tmp_path / "one"))
    assert isinstance(stored, LoadedModel)
    found = [train_candidate(trial, images(90), model, number=2) for model in (one.loaded, stored)]
    assert digest(found[0].loaded.model) == digest(found[1].loaded.model)


def test_a_cold_start_knows_the_categories_and_gaps_of_its_own_rows_alone():
    """Those of held-out rows are in the encoding of all that was read."""
    all_columns = (
        replace(COLUMNS[0], has_missing=False),
        replace(COLUMNS[1], values=("amber", "blue", "green", "red")),
    )
    rows = table(columns=all_columns)
    rows.inputs[rows.inputs[:, 1] == 0, 1] = 1
    columns = train_candidate(TRIAL, rows, number=1).manifest["preparation"]["encoding"]["columns"]
    assert [(one["values"], one["has_missing"]) for one in columns] == [
        ([], True),
        (["blue", "green", "red"], False),
    ]


@pytest.mark.parametrize("learner", [LEARNER, Loop()], ids=["built in", "own"])
@pytest.mark.parametrize("change", ["classes", "categories"])
def test_a_cold_start_of_another_shape_has_no_model_before(learner, change):
    trial = replace(TRIAL, learner=learner, strategy=Cold())
    one = train_candidate(trial, table(columns=COLUMNS), number=1)
    later = (COLUMNS[0], replace(COLUMNS[1], values=("amber", "blue", "green", "red")))
    rows = table(classes=CLASSES, columns=COLUMNS) if change == "classes" else table(columns=later)
    found = [digest(train_candidate(trial, rows, before, number=2).loaded.model) for before in (None, one.loaded)]
    assert found[0] == found[1]
