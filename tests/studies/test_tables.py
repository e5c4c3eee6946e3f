"""Studies of tables whose columns are encoded, and of data that say something about themselves."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from runs import ONE, TWO, interrupt, results
from warmstart.basics import InputError
from warmstart.data import ColumnEncoding, ColumnKind, Dataset, LabelledArrays, SampleOrder, TableEncoding
from warmstart.learners import Scores
from warmstart.models import MLP
from warmstart.store import RoundRecord
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.studies import Study, read_histories, run_study
from warmstart.studies._array_files import stored
from warmstart.studies._reading import read_index
from warmstart.training import Recipe, StoppingRule
from warmstart.trial import Arrays, EvaluateOn, EvaluationSettings

ENCODING = TableEncoding(
    (
        ColumnEncoding("size", has_missing=True),
        ColumnEncoding("color", ColumnKind.CATEGORY, ("blue", "green", "red")),
    )
)


def samples(count, seed=0):
    generator = np.random.default_rng(seed)
    colors = generator.integers(0, 3, count)
    sizes = generator.normal(5, 2, count) + colors
    sizes[::5] = np.nan
    return LabelledArrays(np.stack([sizes, colors.astype(float)], 1), (colors == 2).astype(np.int64))


TABLE = Dataset(
    "colors",
    samples(120),
    samples(40, 1),
    ("other", "red"),
    encoding=ENCODING,
    notes=("Column id was left out: it counts rows.",),
)
STUDY = Study(
    (Cold(), Warm(), ShrinkPerturb()),
    architecture=MLP(width=8),
    stream=Growing(rounds=3),
    recipe=Recipe(learning_rate=0.01, batch_size=16),
    stop=StoppingRule(max_epochs=3),
    seeds=2,
)


def test_workers_and_a_resumed_study_give_the_same_bits(tmp_path):
    whole = run_study(STUDY, tmp_path / "whole", dataset=TABLE, execution=ONE)
    assert results(run_study(STUDY, tmp_path / "workers", dataset=TABLE, execution=TWO)) == results(whole)
    interrupt(STUDY, tmp_path / "interrupted", 4, dataset=TABLE)
    assert results(run_study(STUDY, tmp_path / "interrupted", dataset=TABLE, execution=TWO)) == results(whole)
    for folder in ("whole", "workers", "interrupted"):
        encodings = {
            place: history["preparation"]["encoding"]
            for place, history in read_histories(tmp_path / folder).items()
            if "preparation" in history
        }
        # Also where a first round was taken over from another strategy.
        assert set(encodings) == {(label, seed, 1) for label in STUDY.labels for seed in range(2)}
        assert [column["name"] for column in encodings["warm", 0, 1]["columns"]] == ["size", "color"]
        assert encodings["warm", 0, 1] == encodings["cold", 0, 1] != encodings["cold", 1, 1]


def test_a_table_that_needs_no_encoding_has_the_scores_of_one_with_an_encoding_of_plain_numbers(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    labels = (numbers[:, 0] > 0).astype(np.int64)
    plain = Dataset("numbers", LabelledArrays(numbers, labels), None, ("no", "yes"))
    encoding = TableEncoding(tuple(ColumnEncoding(name) for name in "abc"))
    raw = replace(plain, train=LabelledArrays(numbers.astype(np.float64), labels), encoding=encoding)
    found = [
        results(run_study(STUDY, tmp_path / str(number), dataset=data, execution=ONE))
        for number, data in enumerate((plain, raw))
    ]
    assert found[0] == found[1]


def test_what_the_data_say_is_reported_before_anything_trains_and_stored(tmp_path):
    heard = []
    run_study(replace(STUDY, seeds=1), tmp_path, dataset=TABLE, execution=ONE, listener=heard.append)
    is_record = [isinstance(event, RoundRecord) for event in heard]
    assert heard.index(TABLE.notes[0]) < is_record.index(True)
    about = read_index(tmp_path)["data"]
    assert about["notes"] == list(TABLE.notes)
    counts = np.bincount(TABLE.train.labels).tolist()
    assert about["class_counts"] == {"other": counts[0], "red": counts[1]}
    assert about["input_shape"] == [ENCODING.width]


@pytest.mark.parametrize(
    "order",
    [None, SampleOrder(True, np.repeat(np.arange(12), 10), np.repeat(np.arange(24), 5))],
    ids=["no order", "order"],
)
def test_workers_know_order_encoding_and_scale(order, tmp_path):
    held = Arrays.of(replace(TABLE, order=order, scale=False), replace(TABLE, name="source"))
    with stored(held, tmp_path) as files:
        mapped = files.mapped()
        for found, expected in ((mapped, held), (mapped.source, held.source)):
            assert (found.classes, found.encoding, found.scale) == (2, ENCODING, expected.scale)
            assert np.array_equal(found.train.inputs, expected.train.inputs, equal_nan=True)
        assert mapped.order is held.order


def test_a_source_is_encoded_as_the_data_are(tmp_path):
    other = Dataset("more colors", samples(90, 5), samples(30, 6), ("other", "red"), encoding=ENCODING)
    study = replace(STUDY, arms=(Cold(), Warm()), seeds=1)
    records = run_study(study, tmp_path / "a", dataset=TABLE, source=other, execution=TWO)
    assert [record.round for record in records.rounds] == [1, 2, 3, 4] * 2
    reduced = replace(ENCODING, columns=(ENCODING.columns[0], replace(ENCODING.columns[1], values=("blue", "red"))))
    # As wide as before: only the names of categories tell that index 1 is another color.
    renamed = replace(
        ENCODING, columns=(ENCODING.columns[0], replace(ENCODING.columns[1], values=("blue", "green", "white")))
    )
    for number, (encoding, message) in enumerate([(reduced, "inputs of shape"), (renamed, "to be encoded alike")]):
        with pytest.raises(InputError, match=message):
            run_study(study, tmp_path / str(number), dataset=TABLE, source=replace(other, encoding=encoding))
    with pytest.raises(InputError, match="scale must be the same for colors and its source more colors"):
        run_study(study, tmp_path / "c", dataset=TABLE, source=replace(other, scale=False))
    assert not (tmp_path / "c").exists()


def test_the_official_test_set_is_encoded_too(tmp_path):
    study = replace(STUDY, evaluation=EvaluationSettings(EvaluateOn.TEST), seeds=1)
    records = run_study(study, tmp_path, dataset=TABLE, execution=ONE)
    assert records.data["evaluation_samples"] == 40
    assert all(record.score is not None for record in records.rounds)


def test_whole_numbers_are_tried_as_whole_numbers(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 9, (60, 4))
    data = Dataset("tokens", LabelledArrays(tokens, tokens[:, 0] % 2), None, ("even", "odd"), scale=False)
    assert run_study(replace(STUDY, seeds=1), tmp_path / "a", dataset=data, execution=ONE).rounds
    with pytest.raises(InputError, match=r"resnet18 needs images|does not accept"):
        run_study(dataclasses.replace(STUDY, architecture="resnet18"), tmp_path / "b", dataset=data)


class Plain:
    """A learner of one's own, with a plain loop on whatever columns it is given."""

    def build(self, data, seed):
        assert data.inputs.dtype == torch.float32
        return nn.Linear(data.sample_shape[0], data.classes)

    def train(self, model, round):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, labels in round.data.in_order(16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()

    def evaluate(self, model, data):
        inputs, labels = data.batch(torch.arange(len(data)))
        return Scores((model(inputs).argmax(1) == labels).double())


def test_a_learner_of_ones_own_gets_encoded_columns_with_workers_too(tmp_path):
    study = Study((Cold(), Warm()), learner=Plain(), stream=Growing(rounds=3), seeds=2)
    one = run_study(study, tmp_path / "one", dataset=TABLE, execution=ONE)
    assert results(one) == results(run_study(study, tmp_path / "two", dataset=TABLE, execution=TWO))
    histories = read_histories(tmp_path / "one")
    assert all(history["preparation"]["encoding"] for place, history in histories.items() if place[2] == 1)
