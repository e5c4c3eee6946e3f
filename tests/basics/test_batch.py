"""Batches and outputs of every supported form are converted; other forms are refused."""

from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from warmstart.basics import InputError, as_batch, as_tensor, float_type, logits_of, prepared, upcast

INPUTS, LABELS = torch.ones(2, 3), torch.tensor([0, 1])
Output = namedtuple("Output", "loss logits")


@pytest.mark.parametrize("labels", [LABELS, LABELS.to(torch.uint8), LABELS.bool(), np.array([0, 1], ">i2")], ids=str)
def test_labels_of_every_integer_type_become_int64(labels):
    inputs, found = as_batch([INPUTS.numpy(), labels])
    assert torch.equal(inputs, INPUTS)
    assert found.dtype is torch.int64
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("batch", "got"),
    [
        ((INPUTS, LABELS.float()), r"tuple of torch.float32 \(2, 3\), torch.float32 \(2,\)"),
        ((INPUTS, LABELS.cfloat()), r"torch.complex64 \(2,\)"),
        ((INPUTS, LABELS[:1]), r"torch.int64 \(1,\)"),
        ((INPUTS, LABELS[:, None]), r"torch.int64 \(2, 1\)"),
        ((INPUTS[:0], LABELS[:0]), r"torch.int64 \(0,\)"),
        ((INPUTS, "labels"), r"torch.float32 \(2, 3\), str"),
        ([INPUTS], r"list of torch.float32 \(2, 3\)\."),
        (INPUTS, r"got Tensor\."),
    ],
)
def test_other_batches_are_refused_with_what_was_given(batch, got):
    with pytest.raises(InputError, match=got):
        as_batch(batch)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::-1],
        np.arange(6, dtype=">f4"),
        np.arange(6, dtype="longdouble"),
        np.arange(6).reshape(2, 3).T,
        np.broadcast_to(np.float32(1), (2, 3)),
    ],
    ids=["reversed", "byte order", "long double", "transposed", "read-only"],
)
def test_arrays_that_tensors_cannot_view_are_copied(array):
    tensor = as_tensor(array)
    assert tensor.tolist() == array.astype("float64").tolist()
    tensor.zero_()
    assert array.any()


def test_an_array_that_a_tensor_can_view_is_not_copied():
    array = np.zeros(3)
    as_tensor(array).fill_(1.0)
    assert array.all()


def test_inputs_are_scaled_cast_or_left_by_their_type():
    assert prepared(torch.tensor([0, 255], dtype=torch.uint8), torch.float64).tolist() == [-1.0, 1.0]
    assert prepared(INPUTS.double()).dtype is torch.float32
    assert prepared(torch.tensor([True]), torch.float16).dtype is torch.float16
    assert prepared(LABELS) is LABELS


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Linear(1, 1).half(), torch.float16),
        (nn.Sequential(), torch.float32),
        (nn.Linear(1, 1, dtype=torch.complex128), torch.float64),
        (nn.Linear(1, 1).to(torch.float8_e4m3fn), torch.float32),
        (nn.LazyLinear(1), torch.float32),
    ],
)
def test_the_type_of_inputs_is_that_of_the_parameters(model, expected):
    assert float_type(model) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.float16, torch.float32),
        (torch.float8_e4m3fn, torch.float32),
        (torch.float64, torch.float64),
        (torch.complex64, torch.complex64),
    ],
)
def test_a_tensor_is_upcast_to_at_least_single_precision(given, expected):
    assert upcast(torch.ones(2).to(given)).dtype is expected


@pytest.mark.parametrize(
    "output",
    [
        INPUTS,
        (INPUTS, "further"),
        [INPUTS],
        {"logits": INPUTS, "hidden": LABELS},
        {"scores": INPUTS, "loss": None},
        SimpleNamespace(logits=INPUTS),
        Output(LABELS, INPUTS),
    ],
    ids=lambda output: type(output).__name__,
)
def test_logits_are_found_in_every_form_of_output(output):
    assert logits_of(output) is INPUTS


@pytest.mark.parametrize("output", [None, (), ["text"], {"a": INPUTS, "b": INPUTS}, {}, SimpleNamespace(logits=1)])
def test_an_output_without_logits_is_refused(output):
    with pytest.raises(InputError, match=rf"model must return logits: .* got {type(output).__name__}"):
        logits_of(output)
