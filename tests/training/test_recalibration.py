"""Recalibration renews the running statistics of layers that run in training mode, and nothing else."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rounds import same, state
from small_models import TABLE, net, trained
from warmstart.basics import InputError, generator_for
from warmstart.training import StoppingRule, TensorData, recalibrate_, reset_statistics_


class Elsewhere(nn.Module):
    """A model with one normalization layer that its forward pass does not use."""

    def __init__(self):
        super().__init__()
        self.used, self.unused, self.head = nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.head(self.used(inputs))


class CountingNorm(nn.BatchNorm1d):
    def __init__(self, features):
        super().__init__(features)
        self.register_buffer("passes", torch.tensor(0))

    def forward(self, input):
        self.passes += 1
        return super().forward(input)


class Codebook(nn.Module):
    """A codebook by moving averages, and a counter, as vector quantization keeps them."""

    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(3, 4))
        self.steps = 0

    def forward(self, inputs):
        if self.training:
            self.codes.mul_(0.9).add_(inputs[:3], alpha=0.1)
            self.steps += 1
        return inputs


def frozen(layer):
    layer.running_mean.fill_(0.7)
    return layer.eval()


FROZEN = {
    "batch": lambda: frozen(nn.BatchNorm1d(4)),
    "without gains": lambda: frozen(nn.BatchNorm1d(4, affine=False)),
    "plain mean": lambda: frozen(nn.BatchNorm1d(4, momentum=None)),
    "synchronized": lambda: frozen(nn.SyncBatchNorm(4)),
    "subclass": lambda: frozen(CountingNorm(4)),
}


@pytest.mark.parametrize("name", FROZEN)
@pytest.mark.parametrize("change", ["recalibrated", "reset", "trained", "evaluated"])
def test_a_frozen_normalization_layer_keeps_its_statistics_and_its_mode(name, change):
    model = nn.Sequential(FROZEN[name](), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    if change == "recalibrated":
        recalibrate_(model, TABLE, generator=generator_for(0))
    elif change == "reset":
        reset_statistics_(model)
    else:
        trained(
            model, stop=StoppingRule(None, max_epochs=1, measure="evaluation" if change == "evaluated" else "running")
        )
    assert (model[0].running_mean == torch.tensor(0.7)).all()
    assert [module.training for module in model] == [False, True, True, True]


@pytest.mark.parametrize("root", [True, False])
def test_what_else_a_model_keeps_is_as_it_was_after_recalibration(root):
    model = nn.Sequential(Codebook(), nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.BatchNorm1d(4))
    model.train(root)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recalibrate_(model, TABLE, generator=generator_for(0))
    after = model.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {"2.running_mean", "2.running_var", "2.num_batches_tracked"}
    assert (model[0].steps, model.training, model[2].training, model[2].momentum) == (0, root, root, 0.1)


def test_a_normalization_layer_that_does_not_run_keeps_its_statistics():
    model = Elsewhere()
    model.unused.running_mean.fill_(0.7)
    recalibrate_(model, TABLE, generator=generator_for(0))
    assert (model.unused.running_mean == torch.tensor(0.7)).all()


def test_what_a_normalization_layer_keeps_besides_its_statistics_is_as_it_was():
    model = nn.Sequential(CountingNorm(4), nn.Linear(4, 3))
    recalibrate_(model, TABLE, generator=generator_for(0))
    assert model[0].passes == 0


@pytest.mark.parametrize(
    "data",
    [
        [],
        TensorData(torch.zeros(0, 4), torch.zeros(0).long()),
        DataLoader(TensorDataset(torch.randn(17, 4), torch.zeros(17).long()), 16),
        [(torch.randn(8, 5), torch.zeros(8).long())],
    ],
    ids=["empty list", "empty tensors", "one sample last", "another width"],
)
def test_a_recalibration_that_fails_changes_nothing(data):
    model = net().eval()
    before = state(model)
    with pytest.raises(InputError):
        recalibrate_(model, data, generator=generator_for(0))
    assert same(before, model.state_dict())
    assert (model.training, model[1].training, model[1].momentum) == (False, False, 0.1)


@pytest.mark.parametrize("change", [recalibrate_, lambda model, *_, **__: reset_statistics_(model)])
def test_a_layer_whose_statistics_were_taken_away_uses_those_of_its_batch(change):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[1].running_mean = model[1].running_var = model[1].num_batches_tracked = None
    model[2].running_mean.fill_(7)
    data = [(torch.randn(8, 3), torch.zeros(8).long())]
    change(model, data, generator=torch.Generator())
    assert model[1].running_mean is None
    assert model[2].running_mean.ne(7).all()


def test_a_model_made_in_inference_mode_is_refused():
    with torch.inference_mode():
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    with pytest.raises(InputError, match="model must not be made in inference mode"):
        recalibrate_(model, [(torch.randn(8, 3), torch.zeros(8).long())], generator=torch.Generator())
