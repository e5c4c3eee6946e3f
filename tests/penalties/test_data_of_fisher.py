"""The data that Fisher information is taken on: prepared as for training, or refused in a sentence."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from warmstart.basics import InputError
from warmstart.penalties import EWC, Adversarial, BoundEWC, fgsm, fisher_diagonal
from warmstart.training import TensorData

IMAGES = torch.arange(96, dtype=torch.uint8).mul(2).reshape(6, 1, 4, 4)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.fixture
def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))


FORMS = {
    "tensor data": TensorData(IMAGES, LABELS),
    "part of tensor data": TensorData(IMAGES.repeat(2, 1, 1, 1), LABELS.repeat(2)).take(torch.arange(6)),
    "loader": DataLoader(TensorDataset(IMAGES, LABELS), batch_size=4),
    "bytes": [(IMAGES, LABELS)],
    "NumPy": [(IMAGES.numpy(), LABELS.numpy().astype("int32"))],
    "int32 labels": [(IMAGES, LABELS.int())],
    "byte labels": [[IMAGES, LABELS.to(torch.uint8)]],
    "double": [(IMAGES.double() / 127.5 - 1, LABELS)],
    "empty batch": [(IMAGES[:0], LABELS[:0]), (IMAGES, LABELS)],
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_inputs_are_prepared_as_training_prepares_them(data, flat):
    expected = fisher_diagonal(flat, [(IMAGES.float() / 127.5 - 1, LABELS)])
    for found in (fisher_diagonal(flat, data), EWC.after(flat, data, strength=1.0).fisher):
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)


def test_a_loader_is_left_as_it_is(flat):
    images = IMAGES.clone()
    fisher_diagonal(flat, [(images, LABELS)])
    assert torch.equal(images, IMAGES)


def test_tokens_stay_whole_numbers():
    model = nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 3))
    found = fisher_diagonal(model, [(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 2]))])
    assert found["0.weight"][1:5].all()
    assert not found["0.weight"][5:].any()


@pytest.mark.parametrize("wrong", [-1, -100, 3])
@pytest.mark.parametrize(
    "work",
    [
        lambda model, inputs, labels: fisher_diagonal(model, [(inputs, labels)]),
        lambda model, inputs, labels: fgsm(model, inputs, labels=labels, epsilon=0.1),
        lambda model, inputs, labels: Adversarial(1.0, epsilon=0.1)(model, inputs, labels, inputs),
    ],
    ids=["fisher", "fgsm", "adversarial"],
)
def test_labels_out_of_range_are_refused(work, wrong, flat):
    labels = LABELS.clone()
    labels[4] = wrong
    with pytest.raises(InputError, match=rf"labels must lie in \[0, 3\), got {wrong} in row 4"):
        work(flat, IMAGES.float(), labels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "batches must be TensorData, a DataLoader or another iterable of batches (inputs, labels), got None."),
        ("abc", "batches must be TensorData, a DataLoader or another iterable"),
        ({"a": 1}, "batches must be TensorData, a DataLoader or another iterable"),
        ((IMAGES, LABELS), "batches must yield pairs of tensors, inputs (n, ...) and integer labels (n,)"),
        ([(IMAGES, LABELS.float())], "batches must yield pairs of tensors"),
        ([(IMAGES, LABELS[:, None])], "batches must yield pairs of tensors"),
        ([(IMAGES, LABELS, LABELS)], "batches must yield pairs of tensors"),
        ([("inputs", "labels")], "batches must yield pairs of tensors"),
        ([(np.array([None] * 6), LABELS)], "batches must yield pairs of tensors"),
    ],
)
def test_what_is_no_labelled_data_is_refused(data, message, flat):
    with pytest.raises(InputError, match=re.escape(message)):
        fisher_diagonal(flat, data)


@pytest.mark.parametrize("returned", [torch.zeros(6), torch.zeros(6, 5, 3), torch.zeros(6, 3, dtype=torch.cfloat)])
def test_a_model_that_returns_no_logits_is_refused(returned):
    class Other(nn.Linear):
        def forward(self, input):
            return (super().forward(input).sum() * 0 + returned)[: len(input)]

    for work in (
        lambda model: fisher_diagonal(model, [(torch.zeros(6, 4), LABELS)]),
        lambda model: fgsm(model, torch.zeros(6, 4), labels=LABELS, epsilon=0.1),
    ):
        with pytest.raises(InputError, match=r"model must return floating-point logits of shape \(samples, classes\)"):
            work(Other(4, 3))


WRONG = [
    ({"inputs": None}, "inputs must be a tensor, got None"),
    ({"inputs": torch.zeros(6, 16, dtype=torch.cfloat)}, "inputs must be a tensor of real numbers"),
    ({"labels": None}, "labels must be a tensor, got None"),
    ({"labels": LABELS.float()}, "labels must be whole numbers, one for each input"),
    ({"labels": LABELS[:5]}, "labels must be whole numbers, one for each input and at least one, got 5 of torch.int64"),
    ({"labels": torch.zeros(6, 3)}, "labels must have shape (samples,), got (6, 3)"),
    ({"bounds": 1.0}, "bounds must be a lower and a higher number, got 1.0"),
    ({"bounds": (None, 1.0)}, "bounds must be a lower and a higher number, got a tuple"),
    ({"bounds": (float("nan"), 1.0)}, "bounds must be a lower and a higher number, got (nan, 1.0)"),
    ({"bounds": (0.0, 0.5, 1.0)}, "bounds must be a lower and a higher number, got a tuple"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_wrong_arguments_of_fgsm_are_refused(wrong, message, flat):
    given = {"inputs": IMAGES.float(), "labels": LABELS, "epsilon": 0.1, **wrong}
    with pytest.raises(InputError, match=re.escape(message)):
        fgsm(flat, given.pop("inputs"), **given)


@pytest.mark.parametrize("cut", [lambda layer, x: layer(x).detach(), lambda layer, x: layer(x.detach())])
def test_a_model_that_cuts_the_graph_to_its_inputs_is_refused(cut):
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 3)

        def forward(self, inputs):
            return cut(self.layer, inputs)

    with pytest.raises(InputError, match="model must return logits that can be differentiated by its inputs"):
        fgsm(Cut(), IMAGES.float().flatten(1), labels=LABELS, epsilon=0.1)


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (None, "must be a mapping from names of parameters to tensors, got None"),
        ([torch.zeros(3)], "must be a mapping from names of parameters to tensors, got a list"),
        ({"weight": 1.0}, "must be a mapping from names of parameters to tensors, got 1.0 for 'weight'"),
        ({"weight": torch.zeros(2, device="meta")}, "must hold tensors with values, but 'weight' has none"),
    ],
)
def test_stored_values_that_are_no_tensors_are_refused(stored, message):
    for owner, build in (("fisher", lambda: BoundEWC(1.0, stored, {})), ("anchor", lambda: BoundEWC(1.0, {}, stored))):
        with pytest.raises(InputError, match=f"{owner} {re.escape(message)}"):
            build()


def test_complex_values_for_real_parameters_are_refused():
    layer = nn.Linear(2, 1, bias=False)
    penalty = BoundEWC(1.0, {"weight": torch.ones(1, 2)}, {"weight": torch.ones(1, 2, dtype=torch.cfloat)})
    with pytest.raises(InputError, match="anchor of 'weight' must be a tensor of real numbers"):
        penalty(layer, IMAGES, LABELS, LABELS)
    with pytest.raises(InputError, match="fisher of 'weight' must be a tensor of real numbers"):
        BoundEWC(1.0, {"weight": torch.ones(1, 2, dtype=torch.cfloat)}, {"weight": torch.ones(1, 2)})
