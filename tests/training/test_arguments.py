"""Each bad argument of training, evaluation and recalibration is refused in one sentence."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from small_models import TABLE, net, trained
from warmstart.basics import InputError, generator_for
from warmstart.training import (
    Recipe,
    StoppingRule,
    TensorData,
    evaluate,
    fit,
    predict,
    recalibrate_,
    reset_statistics_,
    transfer_optimizer_state,
)

BAD = [None, "false", -1, float("nan"), 0, 1.5, [1], {}, torch.zeros(2)]
CALLS = {
    "fit data": lambda value: trained(nn.Linear(4, 3), value),
    "fit generator": lambda value: trained(nn.Linear(4, 3), generator=value),
    "fit model": lambda value: trained(value),
    "fit recipe": lambda value: trained(nn.Linear(4, 3), recipe=value),
    "fit stop": lambda value: trained(nn.Linear(4, 3), stop=value),
    "fit optimizer": lambda value: trained(nn.Linear(4, 3), optimizer="x" if value is None else value),
    "fit penalty": lambda value: trained(nn.Linear(4, 3), penalty="x" if value is None else value),
    "fit on_epoch": lambda value: trained(nn.Linear(4, 3), on_epoch="x" if value is None else value),
    "evaluate model": lambda value: evaluate(value, TABLE),
    "evaluate data": lambda value: evaluate(nn.Linear(4, 3), value),
    "predict data": lambda value: predict(nn.Linear(4, 3), value),
    "recalibrate model": lambda value: recalibrate_(value, TABLE, generator=generator_for(0)),
    "recalibrate data": lambda value: recalibrate_(net(), value, generator=generator_for(0)),
    "recalibrate generator": lambda value: recalibrate_(net(), TABLE, generator=value),
    "reset model": reset_statistics_,
    "transfer": lambda value: transfer_optimizer_state(value, net(), value, net()),
    "labels": lambda value: TensorData(torch.zeros(3, 2), value),
    "take": lambda value: TABLE.take(value),
    "optimizer of a recipe": lambda value: Recipe(optimizer=value),
    "precision": lambda value: Recipe(precision=value),
    "measure": lambda value: StoppingRule(measure=value),
}
NUMBERS = {
    "batch_size": (
        lambda value: evaluate(nn.Linear(4, 3), TABLE, batch_size=value),
        [None, "1", -1, 0, 1.5, [1], True],
    ),
    "samples": (
        lambda value: recalibrate_(net(), TABLE, generator=generator_for(0), samples=value),
        [None, "1", -1, 0, 1.5, [1], True],
    ),
    "recipe batch_size": (lambda value: Recipe(batch_size=value), [None, "1", -1, 0, 1.5, [1], True]),
    "max_epochs": (lambda value: StoppingRule(max_epochs=value), [None, "1", -1, 0, 1.5, [1], True]),
    "max_steps": (lambda value: StoppingRule(max_steps=value), ["1", -1, 0, 1.5, [1], True]),
    "learning_rate": (lambda value: Recipe(learning_rate=value), [None, "0.1", -1, 0, float("nan"), [1], {}]),
    "weight_decay": (lambda value: Recipe(weight_decay=value), [None, "0.1", -1, float("inf"), [1], {}]),
    "momentum": (lambda value: Recipe(optimizer="sgd", momentum=value), [None, "0.1", -1, 1, [1], {}]),
    "step_shrink": (lambda value: Recipe(step_shrink=value), [None, "0.1", -1, 2, [1], torch.zeros(2)]),
    "train_accuracy": (lambda value: StoppingRule(train_accuracy=value), ["high", 0, 1.5, float("nan"), [1], {}]),
}


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_of_another_kind_is_refused(name):
    for value in BAD:
        with pytest.raises(InputError):
            CALLS[name](value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_range_is_refused_by_its_name(name):
    call, values = NUMBERS[name]
    for value in values:
        with pytest.raises(InputError, match=name.split()[-1]):
            call(value)


WITHOUT_VALUES = {
    "lazy": lambda: nn.Sequential(nn.LazyLinear(4), nn.BatchNorm1d(4)),
    "meta": lambda: nn.Sequential(nn.Linear(4, 4, device="meta"), nn.BatchNorm1d(4, device="meta")),
}


@pytest.mark.parametrize("kind", WITHOUT_VALUES)
@pytest.mark.parametrize(
    "call",
    [
        trained,
        lambda model: evaluate(model, TABLE),
        lambda model: predict(model, TABLE),
        lambda model: recalibrate_(model, TABLE, generator=generator_for(0)),
    ],
    ids=["fit", "evaluate", "predict", "recalibrate"],
)
def test_a_model_without_values_is_refused(kind, call):
    with pytest.raises(InputError, match=r"^model must"):
        call(WITHOUT_VALUES[kind]())


def test_an_input_of_another_width_is_refused_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (trained, evaluate, predict):
            with pytest.raises(InputError, match=r"model must take inputs of shape \(n, 4\)"):
                call(nn.Linear(5, 3), TABLE)


def test_a_batch_of_another_size_that_the_model_cannot_take_is_one_sentence():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    data = TensorDataset(torch.randn(33, 4), torch.arange(33) % 3)
    with pytest.raises(InputError, match=r"got ValueError for n = 1: Expected more than 1 value per channel"):
        fit(
            model,
            DataLoader(data, batch_size=16),
            recipe=Recipe(),
            stop=StoppingRule(max_epochs=1),
            generator=generator_for(0),
        )
