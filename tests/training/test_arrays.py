"""Inputs and labels of any layout and type are read as the numbers that they are, or refused in one sentence."""

import numpy as np
import pytest
import torch
from torch import nn

from small_models import TABLE, trained
from warmstart.basics import InputError
from warmstart.training import TensorData, evaluate, predict


def big_endian(values):
    return values.astype(values.dtype.newbyteorder(">"))


def read_only(values):
    values = values.copy()
    values.setflags(write=False)
    return values


ARRAYS = {
    "as they are": lambda values: values,
    "read-only": read_only,
    "reversed twice": lambda values: values[::-1].copy()[::-1],
    "in columns": np.asfortranarray,
    "of another byte order": big_endian,
    "in double precision": lambda values: values.astype("float64"),
    "in half precision": lambda values: values.astype("float16"),
    "in long precision": lambda values: values.astype("longdouble"),
}


@pytest.mark.parametrize("way", ["tensors", "batches"])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_any_layout_are_read_as_the_numbers_that_they_are(way, name):
    model, labels = nn.Linear(4, 3), TABLE.labels.numpy()
    inputs = ARRAYS[name](TABLE.inputs.numpy())
    if name == "of another byte order":
        labels = big_endian(labels.astype("int32"))
    data = TensorData(inputs, labels) if way == "tensors" else [(inputs, labels)]
    found, wanted = evaluate(model, data), evaluate(model, TABLE)
    assert found.accuracy == pytest.approx(wanted.accuracy, abs=0.05)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-2)


LABELS = {
    "int8": (lambda labels: labels.to(torch.int8), None),
    "int32": (lambda labels: labels.int(), None),
    "uint8": (lambda labels: labels.to(torch.uint8), None),
    "unsigned": (lambda labels: labels.numpy().astype("uint16"), None),
    "array": (lambda labels: labels.numpy(), None),
    "float": (lambda labels: labels.float(), "whole numbers|integer labels"),
    "list": (lambda labels: labels.tolist(), "got .*list"),
    "column": (lambda labels: labels[:, None], "labels"),
    "too few": (lambda labels: labels[1:], "labels"),
    "none": (lambda labels: None, "NoneType"),
    "ignored": (lambda labels: labels.clone().index_fill_(0, torch.tensor([3]), -100), r"\[0, 3\), got -100 in row 3"),
    "from one": (lambda labels: labels + 1, r"\[0, 3\), got 3 in row"),
}


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("way", ["tensors", "batches"])
@pytest.mark.parametrize("call", [trained, evaluate], ids=["fit", "evaluate"])
def test_labels_of_each_kind_are_classes_or_refused_in_one_sentence(name, way, call):
    change, refusal = LABELS[name]
    model = nn.Linear(4, 3)
    before = model.weight.detach().clone()

    def run():
        labels = change(TABLE.labels)
        return call(model, TensorData(TABLE.inputs, labels) if way == "tensors" else [(TABLE.inputs, labels)])

    if refusal is None:
        run()
        return
    with pytest.raises(InputError, match=refusal):
        run()
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("inputs", [torch.float64, torch.float16, torch.uint8, torch.bool])
def test_a_model_of_another_precision_gets_inputs_of_its_own(dtype, inputs):
    model = nn.Linear(4, 3).to(dtype)
    data = TensorData((TABLE.inputs.abs() * 9).to(inputs), TABLE.labels)
    trained(model, data)
    assert model.weight.dtype is dtype
    assert evaluate(model, data).loss == pytest.approx(evaluate(model, [data.batch(torch.arange(48))]).loss, rel=1e-2)


def test_truth_values_are_numbers_in_batches_too():
    model, inputs = nn.Linear(4, 3), TABLE.inputs > 0
    found = predict(model, [(inputs, TABLE.labels)])
    torch.testing.assert_close(found, predict(model, TensorData(inputs, TABLE.labels)))
