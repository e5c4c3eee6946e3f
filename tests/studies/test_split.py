"""All trials of a process share one copy of the data, in the layout that the model reads."""

import sys

import numpy as np
import pytest
import torch

import warmstart as ws
from warmstart.basics import generator_for
from warmstart.data import LabelledArrays
from warmstart.learners import Classifier
from warmstart.models import MLP, ResNet18
from warmstart.streams import TwoPhase
from warmstart.studies._array_files import stored
from warmstart.training import prefers_channels_last
from warmstart.trial import EvaluateOn, EvaluationSettings, Trial
from warmstart.trial._split import Arrays, split

CPU = torch.device("cpu")
HOLDOUT, TEST = EvaluationSettings(holdout=0.25), EvaluationSettings(evaluate=EvaluateOn.TEST)
# Wide enough to be read with the channels last, on every processor.
MODELS = [ResNet18(width=16), MLP(width=4)]


def images(count, seed):
    inputs = np.random.default_rng(seed).integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    return LabelledArrays(inputs, np.arange(count, dtype=np.int64) % 2)


@pytest.fixture
def arrays():
    return Arrays(images(40, 0), images(12, 1), 2)


def trial(architecture, seed=0):
    return Trial(Classifier(architecture), TwoPhase(), seed=seed)


def place(data):
    return data._inputs.data_ptr()


@pytest.mark.parametrize("architecture", MODELS, ids=repr)
def test_trials_rounds_and_evaluation_share_one_copy(architecture, arrays):
    model = architecture.build((3, 8, 8), 2, generator=generator_for(0))
    parts = [split(arrays, trial(architecture, seed), HOLDOUT, device=CPU) for seed in range(2)]
    taken = [part.pool.take(torch.arange(5)).prepared_for_(model) for part in parts]
    evaluated = [part.evaluation.prepared_for_(model) for part in parts]
    assert len({place(data) for data in (*taken, *evaluated)}) == 1
    assert split(arrays, trial(architecture), TEST, device=CPU).evaluation.inputs.shape == (12, 3, 8, 8)


@pytest.mark.parametrize("architecture", MODELS, ids=repr)
@pytest.mark.parametrize("settings", [HOLDOUT, TEST], ids=["holdout", "test"])
def test_what_workers_map_is_read_in_place(architecture, settings, arrays, tmp_path):
    here = split(arrays, trial(architecture), settings, device=CPU)
    last = prefers_channels_last(architecture.build((3, 8, 8), 2, generator=generator_for(0)))
    with stored(arrays, tmp_path, channels_last=last) as files:
        mapped = files.mapped()
        found = split(mapped, trial(architecture), settings, device=CPU)
        assert place(found.pool) == mapped.train.inputs.__array_interface__["data"][0]
        for name in ("pool", "evaluation"):
            assert torch.equal(getattr(found, name).inputs, getattr(here, name).inputs)
            assert torch.equal(getattr(found, name).labels, getattr(here, name).labels)


def test_nothing_is_in_both_parts_and_seeds_differ(arrays):
    pools = []
    for seed in range(2):
        data = split(arrays, trial(MODELS[1], seed), HOLDOUT, device=CPU)
        everything = torch.cat([data.pool.inputs, data.evaluation.inputs]).flatten(1)
        assert (len(data.pool), len(data.evaluation)) == (30, 10)
        assert len(everything.unique(dim=0)) == 40
        pools.append(data.pool.inputs)
    assert not torch.equal(*pools)


def test_read_only_arrays_are_copied_and_left_alone(arrays):
    arrays.train.inputs.flags.writeable = False
    data = split(arrays, trial(MODELS[1]), HOLDOUT, device=CPU)
    assert place(data.pool) != arrays.train.inputs.__array_interface__["data"][0]


VIEWING = """
import warnings

import torch
from torch import nn

class Viewing(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers, self.head = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *layers), nn.Linear(256, 10)

    def forward(self, inputs):
        features = torch.relu(self.layers(inputs))
        return self.head(features.view(features.size(0), -1))

def one():
    return Viewing()

def two():
    return Viewing(nn.Conv2d(4, 4, 3, padding=1))

def normalized():
    return Viewing(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1))

class Stateful(Viewing):
    def get_extra_state(self):
        return {"kept": 1}

    def set_extra_state(self, state):
        assert state == {"kept": 1}

def stateful():
    return Stateful()

def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch deprecates it; models of today have it
        return torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))
"""


@pytest.mark.parametrize("build", ["one", "two", "normalized", "stateful", "scripted"])
def test_models_that_need_a_layout_or_cannot_be_looked_into_are_studied(build, tmp_path, monkeypatch):
    (tmp_path / "viewing_models.py").write_text(VIEWING)
    monkeypatch.chdir(tmp_path)
    study = ws.Study(
        [ws.Cold(), ws.ShrinkPerturb()],
        data=ws.DataSource("digits"),
        architecture=ws.UserModel(f"viewing_models:{build}"),
        stream=ws.Growing(rounds=2, arrival_size=100),
        stop=ws.StoppingRule(max_epochs=2),
        seeds=1,
    )
    records = ws.run_study(study, tmp_path / "study", execution=ws.Execution(workers=1))
    assert [record.score is not None for record in records.rounds] == [True] * 4
    sys.modules.pop("viewing_models", None)
