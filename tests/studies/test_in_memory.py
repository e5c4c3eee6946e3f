"""Studies of data in memory, given by the study or by run_study."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, OwnDataset, load
from warmstart.executors import Execution
from warmstart.learners import Regressor, Scores
from warmstart.models import LogisticRegression
from warmstart.strategies import Cold
from warmstart.streams import TwoPhase
from warmstart.studies import Study, read_study, run_study, study_from_dict, study_to_dict
from warmstart.studies._study import study_identity
from warmstart.training import StoppingRule

ONE = Execution(workers=1)
SMALL = {
    "arms": [Cold()],
    "architecture": LogisticRegression(),
    "stream": TwoPhase(),
    "stop": StoppingRule(max_epochs=1),
    "seeds": 1,
}
INPUTS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (INPUTS[:, 0] > 0).astype(int)
PAIR = (INPUTS, LABELS)


def frame():
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(INPUTS, columns=list("abc")).assign(label=LABELS)


OBJECTS = {
    "arrays": lambda: PAIR,
    "lists": lambda: (INPUTS.tolist(), LABELS.tolist()),
    "tensors": lambda: (torch.tensor(INPUTS), torch.tensor(LABELS)),
    "TensorDataset": lambda: TensorDataset(torch.tensor(INPUTS), torch.tensor(LABELS)),
    "items": lambda: list(zip(INPUTS, LABELS.tolist(), strict=True)),
    "pandas": frame,
    "polars": lambda: pytest.importorskip("polars").from_pandas(frame()),
    "Hugging Face": lambda: pytest.importorskip("datasets").Dataset.from_pandas(frame()),
    "with a test set": lambda: (PAIR, PAIR),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_study_of_an_object_runs_as_with_dataset(kind, tmp_path):
    study = Study(data=OBJECTS[kind](), **SMALL)
    records = run_study(study, tmp_path / "a", execution=ONE)
    other = run_study(Study(data=DataSource("own data"), **SMALL), tmp_path / "b", dataset=PAIR, execution=ONE)
    assert [record.score for record in records.rounds] == [record.score for record in other.rounds]
    assert records.study["data"] == {"name": "own data"} | {
        name: value for name, value in records.study["data"].items() if name != "name"
    }
    # Safe to repeat: nothing is trained anew.
    assert run_study(study, tmp_path / "a", execution=ONE).rounds == records.rounds
    assert read_study(tmp_path / "a").rounds == records.rounds


def test_the_object_is_no_part_of_what_is_stored_or_compared():
    study, other = Study(data=PAIR, **SMALL), Study(data=(INPUTS + 1, LABELS), **SMALL)
    assert study.data == DataSource("own data")
    assert (study == other, hash(study) == hash(other), "array" in repr(study)) == (True, True, False)
    assert study_to_dict(study) == study_to_dict(Study(data="own data", **SMALL))
    assert study_identity(study) == study_identity(other)
    described = study_from_dict(study_to_dict(study))
    assert (described, described.dataset) == (study, None)


def test_a_described_study_says_that_its_data_must_be_given(tmp_path):
    described = study_from_dict(study_to_dict(Study(data=PAIR, **SMALL)))
    with pytest.raises(InputError, match=r"'own data' were in memory .*: give them again, as dataset= of run_study\."):
        run_study(described, tmp_path / "study", execution=ONE)
    assert not (tmp_path / "study").exists()
    assert len(run_study(described, tmp_path / "study", dataset=PAIR, execution=ONE).rounds) == 2


def test_a_name_of_ones_own_is_explained_too(tmp_path):
    with pytest.raises(InputError, match=r"Unknown data set 'prices'.* data in memory, given as dataset= of run_study"):
        run_study(Study(data="prices", **SMALL), tmp_path / "study", execution=ONE)


def test_replace_keeps_the_object_as_long_as_the_data_have_its_name(tmp_path):
    study = Study(data=PAIR, **SMALL)
    assert replace(study, seeds=2).dataset.value is PAIR
    assert replace(study, data=replace(study.data, subset=30)).dataset.value is PAIR
    assert replace(study, data="digits").dataset is None
    records = run_study(replace(study, data=DataSource("own data", subset=30)), tmp_path, execution=ONE)
    assert records.rounds[-1].samples_seen == 20


@pytest.mark.parametrize("kind", ["load", "own"])
def test_a_data_set_gives_the_study_its_name(kind):
    dataset = load(DataSource("digits", subset=100)) if kind == "load" else OwnDataset("texts", ["a", "b"], None, "1")
    study = Study(data=dataset, arms=[Cold()])
    assert (study.data, study.dataset.value) == (DataSource(dataset.name), dataset)


def test_data_are_given_once():
    with pytest.raises(InputError, match="data must be given once, got tuple besides dataset"):
        Study(data=PAIR, dataset=PAIR, **SMALL)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "must be a Dataset, .* got int"),
        (None, "data must be of class DataSource, got None"),
        ({"name": "digits"}, "must be a Dataset, .* got dict"),
        ((INPUTS, LABELS[:5]), "must have the same length"),
        (iter([1]), "read it into a list first"),
    ],
)
def test_what_is_no_data_is_refused_when_the_study_is_made(value, message):
    with pytest.raises(InputError, match=message):
        Study(data=value, **SMALL)


def test_a_path_is_a_name(tmp_path):
    assert Study(data=tmp_path / "a.csv", **SMALL).data == DataSource(str(tmp_path / "a.csv"))


def test_options_of_the_description_are_respected(tmp_path):
    study = Study(data=DataSource("weeks", label="label", order="a", drop=("c",)), dataset=frame(), **SMALL)
    records = run_study(study, tmp_path, execution=ONE)
    assert records.study["data"]["order"] == "a"
    assert len(records.rounds) == 2
    with pytest.raises(InputError, match=r"label \(--label\) must be left out for weeks, which has no columns"):
        run_study(study, tmp_path / "other", dataset=PAIR, execution=ONE)


def test_values_are_read_for_a_regressor(tmp_path):
    study = Study(data=(INPUTS, INPUTS[:, 0] * 3), learner=Regressor(), **SMALL)
    assert len(run_study(study, tmp_path, execution=ONE).rounds) == 2


class Memory:
    """A learner that remembers what it was given."""

    seen = []

    def build(self, data, seed):
        return torch.nn.Linear(1, 1)

    def train(self, model, round):
        Memory.seen.append(round.data[0])

    def evaluate(self, model, data):
        return Scores([0.5] * len(data))


def test_a_learner_of_ones_own_gets_things_as_they_are(tmp_path):
    Memory.seen.clear()
    study = Study(data=frame(), learner=Memory(), arms=[Cold()], stream=TwoPhase(), seeds=1)
    run_study(study, tmp_path, execution=ONE)
    assert [sorted(item) for item in Memory.seen] == [["a", "b", "c", "label"]] * 2


def test_a_loaded_data_set_is_taken_as_it_is(tmp_path):
    dataset = load(DataSource("digits", subset=100))
    assert isinstance(dataset, Dataset)
    records = run_study(Study(data=DataSource("digits", subset=100), dataset=dataset, **SMALL), tmp_path, execution=ONE)
    assert (
        records.rounds
        == run_study(Study(data=DataSource("digits", subset=100), **SMALL), tmp_path, execution=ONE).rounds
    )


@pytest.mark.parametrize(
    ("data", "model"),
    [
        ((INPUTS, LABELS), "mlp"),
        ((INPUTS.reshape(20, 3, 3), LABELS[:20]), "mlp"),
    ],
)
def test_what_is_no_image_has_a_model_for_tables_by_default(data, model, tmp_path):
    settings = {name: value for name, value in SMALL.items() if name != "architecture"}
    study = Study(data=data, **settings)
    assert run_study(study, tmp_path, execution=ONE).study["model"]["name"] == model


def test_mixed_columns_train_with_their_encoding(tmp_path):
    mixed = frame().assign(color=["red", "green", "blue"] * 20)
    mixed.loc[3, "a"] = np.nan
    records = run_study(Study(data=mixed, **SMALL), tmp_path, execution=ONE)
    assert len(records.rounds) == 2
