"""Checks of models, generators, flags, tensors and labels."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from warmstart.basics import (
    InputError,
    check_flag,
    check_generator,
    check_integer,
    check_labels,
    check_logits,
    check_model,
    check_tensor,
)
from warmstart.basics import described as shown_in_errors

WRONG = [
    (check_model, None, "x must be a torch.nn.Module, got None."),
    (check_model, nn.Linear, "x must be a torch.nn.Module, got the class Linear: create an instance."),
    (check_model, dict, "x must be a torch.nn.Module, got the class dict."),
    (check_generator, 0, "x must be a torch.Generator on the CPU, got 0: pass torch.Generator().manual_seed(0)"),
    (check_generator, np.random.default_rng(0), "x must be a torch.Generator on the CPU, got a Generator: pass"),
    (check_flag, "false", "x must be True or False, got 'false'."),
    (check_flag, 1, "x must be True or False, got 1."),
    (check_flag, None, "x must be True or False, got None."),
    (check_tensor, [1.0], "x must be a tensor, got a list."),
    (check_tensor, torch.zeros(2, dtype=torch.cfloat), "x must be a tensor of real numbers, got torch.complex64."),
]


@pytest.mark.parametrize(("check", "value", "message"), WRONG)
def test_what_is_of_another_kind_is_refused_in_a_sentence(check, value, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check("x", value)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_model, nn.DataParallel(nn.Linear(1, 1))),
        (check_generator, torch.Generator()),
        (check_generator, torch.default_generator),
        (check_flag, False),
        (check_flag, np.bool_(True)),
        (check_tensor, nn.Parameter(torch.zeros(2))),
        (check_tensor, torch.zeros(2, dtype=torch.int32)),
    ],
)
def test_what_is_of_the_kind_passes(check, value):
    check("x", value)


def test_a_tensors_shape_and_numbers_are_checked_where_they_matter():
    check_tensor("logits", torch.zeros(2, 3).half(), shape=("samples", "classes"), floating=True)
    with pytest.raises(InputError, match=r"logits must have shape \(samples,\), got \(2, 3\)"):
        check_tensor("logits", torch.zeros(2, 3), shape=("samples",))
    with pytest.raises(InputError, match=r"logits must be a tensor of floating-point numbers, got torch.int64"):
        check_tensor("logits", torch.tensor([1]), floating=True)


@pytest.mark.parametrize("wrong", [-1, -100, 3, 2**40])
def test_labels_out_of_range_are_named_with_their_row(wrong):
    check_labels(torch.tensor([0, 1, 2]), 3)
    with pytest.raises(InputError, match=rf"labels must lie in \[0, 3\), got {wrong} in row 2\."):
        check_labels(torch.tensor([0, 1, wrong, wrong]), 3)


@pytest.mark.parametrize("shape", [(2,), (2, 5, 3), (1, 3), (3,), ()])
def test_what_is_no_row_of_logits_for_each_label_is_refused(shape):
    with pytest.raises(InputError, match=r"logits of shape \(samples, classes\), got torch.float32 of shape"):
        check_logits(torch.zeros(shape), torch.tensor([0, 1]))


def test_labels_are_checked_against_the_columns_of_logits():
    check_logits(torch.zeros(2, 3), torch.tensor([0, 2]))
    check_logits(torch.zeros(2, 3), torch.tensor([0, 9]), with_values=False)
    with pytest.raises(InputError, match=r"labels must lie in \[0, 3\), got -100 in row 0"):
        check_logits(torch.zeros(2, 3), torch.tensor([-100, 2]))


@pytest.mark.parametrize("tensor", [torch.zeros(2, device="meta"), torch.eye(2).to_sparse()])
def test_a_tensor_without_values_of_its_own_is_refused(tensor):
    with pytest.raises(InputError, match="x must be a dense tensor with values, got one "):
        check_tensor("x", tensor)


def test_no_number_is_no_whole_number():
    check_integer("x", 1, 1)
    with pytest.raises(InputError, match="x must be a whole number of at least 1, got None"):
        check_integer("x", None, 1)


def test_values_are_shown_shortened():
    assert len(shown_in_errors("x" * 10_000)) < 70
    assert len(shown_in_errors(10**4000)) < 70
    assert shown_in_errors(10**5000) == "an integer of more than 4,300 digits"
    assert shown_in_errors(torch.zeros(1000)) == "a tensor of torch.float32 with shape (1000,)"
