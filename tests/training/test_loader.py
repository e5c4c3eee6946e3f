"""A loader trains as tensors do: stopping rule, cost, seeds."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.models import MLP, ResNet18
from warmstart.training import (
    Measure,
    Recipe,
    StoppingRule,
    StopReason,
    evaluate,
    fit,
    predict,
    recalibrate_,
)

RECIPE = Recipe(learning_rate=0.01)
EPOCHS = StoppingRule(None, max_epochs=3)


def mlp(seed=0):
    return MLP(width=8).build((4,), 3, generator=generator_for(seed))


def resnet():
    return ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0))


def loader(data, batch_size=20, **options):
    return DataLoader(TensorDataset(data.inputs, data.labels), batch_size=batch_size, **options)


def states_alike(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_it_is_the_plain_loop_over_the_loader():
    data, fast, plain = blobs(60), mlp(), mlp()
    fit(fast, loader(data), recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01, foreach=False)
    for _ in range(3):
        for inputs, labels in loader(data):
            optimizer.zero_grad()
            F.cross_entropy(plain(inputs), labels).backward()
            optimizer.step()
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("build", "data"), [(mlp, blobs(60)), (resnet, pictures(60))], ids=["table", "images"])
def test_batches_in_the_order_of_tensors_give_the_bits_of_tensors(build, data):
    """The very order that ``fit`` draws for tensors, brought by a loader."""
    tensors, loaded = build(), build()
    result = fit(tensors, data, recipe=Recipe(batch_size=20), stop=EPOCHS, generator=generator_for(4))
    found = fit(loaded, InOrderOf(data, 20, 4), recipe=RECIPE, stop=EPOCHS, generator=generator_for(9),
                optimizer=Recipe().build_optimizer(loaded))  # fmt: skip
    assert states_alike(tensors, loaded)
    assert (found.history, found.stop_reason) == (result.history, result.stop_reason)
    assert (found.cost.steps, found.cost.samples, found.cost.flops) == (
        result.cost.steps,
        result.cost.samples,
        result.cost.flops,
    )


class InOrderOf:
    """A loader that brings what ``fit`` takes of tensors, given a generator's seed."""

    def __init__(self, data, size, seed):
        self.data, self.size, self.generator = data, size, generator_for(seed)
        torch.randint(2**62, (), generator=self.generator)

    def __iter__(self):
        for part in torch.randperm(len(self.data), generator=self.generator).split(self.size):
            yield self.data.inputs[part], self.data.labels[part]


@pytest.mark.usefixtures("untouched_globals")
@pytest.mark.parametrize("workers", [0, 1])
def test_the_generator_decides_a_shuffling_loader(workers):
    def trained(seed):
        model = mlp()
        shuffling = loader(blobs(60), shuffle=True, num_workers=workers)
        fit(model, shuffling, recipe=RECIPE, stop=StoppingRule(None, max_epochs=2), generator=generator_for(seed))
        return model

    first = trained(1)
    assert states_alike(first, trained(1))
    assert not states_alike(first, trained(2))


class Endless(IterableDataset):
    """Samples without a length."""

    def __iter__(self):
        data = blobs(60)
        yield from zip(data.inputs, data.labels, strict=True)


def test_data_without_a_length_have_epochs_too():
    result = fit(mlp(), DataLoader(Endless(), 25), recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))
    assert (result.cost.steps, result.cost.samples, result.history[-1].is_whole) == (9, 180, True)


@pytest.mark.parametrize(("steps", "whole"), [(2, False), (3, True), (4, False)])
def test_the_limit_on_steps_cuts_an_epoch_short(steps, whole):
    stop = StoppingRule(None, max_steps=steps)
    result = fit(mlp(), loader(blobs(60)), recipe=RECIPE, stop=stop, generator=generator_for(0))
    assert (result.cost.steps, result.stop_reason, result.history[-1].is_whole) == (steps, StopReason.LIMIT, whole)


def test_it_ends_when_the_accuracy_is_reached():
    result = fit(
        mlp(), loader(blobs(60)), recipe=Recipe(learning_rate=0.05), stop=StoppingRule(0.9), generator=generator_for(0)
    )
    assert result.stop_reason is StopReason.CONVERGED


def test_the_measure_by_evaluation_goes_through_the_loader():
    data, model = pictures(64), resnet()
    stop = StoppingRule(0.95, measure=Measure.EVALUATION)
    result = fit(model, loader(data, 16), recipe=RECIPE, stop=stop, generator=generator_for(0))
    assert result.stop_reason is StopReason.CONVERGED
    recalibrated = recalibrate_(copy.deepcopy(model), loader(data, 16), generator=generator_for(0))
    assert result.history[-1].train_score == evaluate(recalibrated, loader(data, 16)).accuracy


def test_evaluation_and_prediction_are_those_of_tensors():
    data, model = pictures(30), resnet()
    assert evaluate(model, loader(data, 7)).accuracy == evaluate(model, data).accuracy
    torch.testing.assert_close(predict(model, loader(data, 7)), predict(model, data))


def test_statistics_are_recalibrated_on_so_many_samples_at_the_least():
    data, model, other = pictures(60), resnet(), resnet()
    recalibrate_(model, loader(data, 20), generator=generator_for(0), samples=25)
    first = loader(pictures(60), 20, sampler=range(40))
    recalibrate_(other, first, generator=generator_for(0))
    assert states_alike(model, other)


def test_the_loaders_tensors_stay_as_they_are():
    data = pictures(40)
    before = data.inputs.clone()
    fit(resnet(), loader(data), recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))
    assert torch.equal(data.inputs, before)
    floats = [(blobs(20).inputs, blobs(20).labels)]
    fit(mlp(), floats, recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))
    assert torch.equal(floats[0][0], blobs(20).inputs)


PAIR = (torch.zeros(4, 4), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (iter([PAIR]), "starts anew with every pass, got list_iterator"),
        (7, "got int"),
        ([], "at least 2 samples to train on, got none"),
        ([PAIR[0]], "must yield pairs of tensors"),
        ([(PAIR[0], PAIR[1], PAIR[1])], "must yield pairs of tensors"),
        ([(PAIR[0], PAIR[1][:3])], "must yield pairs of tensors"),
        ([{"inputs": PAIR[0]}], "must yield pairs of tensors.*dict"),
        ([1, 2], "must yield pairs of tensors.*got int"),
        ([(PAIR[0], torch.zeros(4))], "integer labels"),
        ([(PAIR[0][:0], PAIR[1][:0])], "n at least 1"),
    ],
)
def test_what_is_no_loader_is_refused(data, message):
    model = nn.Linear(4, 3)
    with pytest.raises(InputError, match=message):
        fit(model, data, recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))


@pytest.mark.parametrize("look", [evaluate, predict])
def test_there_must_be_something_to_look_at(look):
    with pytest.raises(InputError, match="at least one sample"):
        look(mlp(), [])


def test_whole_numbers_stay_what_they_are():
    """Indices of tokens go to an embedding as they come."""
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3))
    tokens = [(torch.tensor([[0, 1], [3, 4]]), torch.tensor([0, 2], dtype=torch.int32))]
    fit(model, tokens, recipe=RECIPE, stop=EPOCHS, generator=generator_for(0))
    assert predict(model, tokens).shape == (2, 3)
