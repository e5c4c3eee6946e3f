"""Samples are brought to the scale of others by what is stored of those, bit for bit."""

import json
from dataclasses import replace

import pytest
import torch

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.learners import Classifier, Regressor
from warmstart.models import MLP
from warmstart.training import TensorData
from warmstart.trial import TrialData, preparation_of, scaled_like


def draw(*shape):
    return torch.randn(*shape, generator=generator_for(1, str(shape))) * 30 + 7


NUMBERS = TensorData(draw(50, 3), torch.arange(50) % 2)
FAR = TensorData(torch.cat([draw(20, 3), 1e6 * draw(30, 3)]), torch.arange(50) % 2)
TARGETS = TensorData(draw(50, 3), draw(50))
SEVERAL = TensorData(draw(50, 3), draw(50, 2))
WINDOWS = TensorData(draw(50, 6, 3), torch.arange(50) % 2)
TOKENS = TensorData(torch.arange(150).reshape(50, 3), draw(50))
PICTURES = TensorData(pictures(50).inputs, draw(50))


@pytest.mark.parametrize(
    ("learner", "data"),
    [
        (Classifier(MLP()), NUMBERS),
        (Classifier(MLP()), FAR),
        (Classifier(MLP()), WINDOWS),
        (Regressor(MLP()), TARGETS),
        (Regressor(MLP()), SEVERAL),
        (Regressor(MLP()), TOKENS),
        (Regressor(MLP()), PICTURES),
    ],
    ids=["numbers", "far", "windows", "targets", "several", "tokens", "pictures"],
)
def test_they_are_those_of_the_learner(learner, data):
    expected, _ = learner.prepared([data, data], data.take(torch.arange(20)))
    stored = json.loads(json.dumps(preparation_of(TrialData(expected, expected))))
    found = scaled_like(data, {name: value for name, value in stored.items() if name != "encoding"})
    everything = torch.arange(50)
    for one, other in zip(expected.batch(everything), found.batch(everything), strict=True):
        assert torch.equal(one, other)
    assert found.holds_indices is expected.holds_indices
    assert torch.as_tensor(found.target_scale).tolist() == torch.as_tensor(expected.target_scale).tolist()
    # What takes it over hands on the same.
    assert preparation_of(TrialData(found, found)) == stored


def test_without_a_preparation_they_stay_what_they_are():
    assert scaled_like(NUMBERS, {}) is NUMBERS
    assert preparation_of(TrialData(blobs(9), blobs(9))) is None
    bare = replace(TrialData(NUMBERS, NUMBERS), scale=False)
    assert preparation_of(bare) is None
