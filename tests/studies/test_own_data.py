"""Studies of data that a function of the user's own makes."""

import sys

import pytest
from torch import nn

from runs import ONE
from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.learners import Scores
from warmstart.models import LogisticRegression
from warmstart.strategies import Cold
from warmstart.streams import TwoPhase
from warmstart.studies import Study, read_study_file, run_study, study_from_dict, study_to_dict
from warmstart.training import StoppingRule

MODULE = """
import numpy as np

def blobs(count: int = 40, shift: float = 0.0):
    labels = np.arange(count) % 2
    return np.stack([labels + shift, -labels], 1).astype(float), labels
"""
OPTIONS = {"stream": TwoPhase(), "seeds": 1}


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "made_blobs.py").write_text(MODULE)
    yield
    sys.modules.pop("made_blobs", None)


class Counting:
    """A learner that needs the items as they are."""

    def build(self, data, seed):
        return nn.Linear(2, 2)

    def train(self, model, round):
        assert len(round.train) > 0

    def evaluate(self, model, data):
        inputs, _ = data[0]
        return Scores([float(inputs.dtype == "float64")])


def small(data):
    return Study([Cold()], data=data, architecture=LogisticRegression(), stop=StoppingRule(max_epochs=2), **OPTIONS)


def test_a_study_is_rebuilt_from_its_file_and_complete(tmp_path):
    study = small("made_blobs:blobs:count=60:shift=1/2")
    assert study.data == DataSource("made_blobs:blobs", options={"count": 60, "shift": 0.5})
    records = run_study(study, tmp_path / "out", execution=ONE)
    assert (records.data["name"], records.data["train_samples"]) == ("made_blobs:blobs", 60)
    again = study_from_dict(read_study_file(tmp_path / "out" / "study.toml"))
    assert study_to_dict(again)["data"] == {"name": "made_blobs:blobs", "count": 60, "shift": 0.5}
    assert run_study(again, tmp_path / "out", execution=ONE).rounds == records.rounds


def test_a_subset_of_them_is_drawn(tmp_path):
    study = small(DataSource("made_blobs:blobs", subset=20))
    assert study_to_dict(study)["data"] == {"name": "made_blobs:blobs", "subset": 20}
    assert run_study(study, tmp_path / "out", execution=ONE).data["train_samples"] == 20


def test_a_learner_of_ones_own_gets_them_as_they_are(tmp_path):
    study = Study([Cold()], data="made_blobs:blobs", learner=Counting(), **OPTIONS)
    assert run_study(study, tmp_path / "out", execution=ONE).rounds[0].score == 1.0


def test_a_slip_in_an_option_is_told_when_the_study_is_made():
    with pytest.raises(InputError, match="Unknown option of data made_blobs:blobs 'cuont': did you mean 'count'"):
        small("made_blobs:blobs:cuont=3")


def test_data_of_a_module_that_are_no_images_have_a_model_that_can_read_them(tmp_path, monkeypatch):
    (tmp_path / "own_rows.py").write_text(
        "import numpy as np\n"
        "def rows():\n"
        "    inputs = np.random.default_rng(0).normal(size=(60, 3))\n"
        "    return inputs, (inputs[:, 0] > 0).astype(int)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    study = Study(["cold"], data="own_rows:rows", stream=TwoPhase(), stop=StoppingRule(max_epochs=1), seeds=1)
    heard = []
    first = run_study(study, tmp_path / "found", execution=ONE, listener=heard.append)
    assert first.study["model"]["name"] == "mlp"
    assert any("the model is mlp" in str(one) for one in heard)
    assert run_study(study, tmp_path / "found", execution=ONE).rounds == first.rounds
