"""Training sets modes and gradients itself, and a model counts the passes of training alone."""

import pytest
import torch
from torch import nn

from small_models import trained
from warmstart.training import StoppingRule


def net_with_dropout():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))


def leaves_root(wrapped, model):
    wrapped.eval()


def leaves_inner(wrapped, model):
    model.eval()


def leaves_gradients_off(wrapped, model):
    torch.set_grad_enabled(False)


def freezes(wrapped, model):
    model.eval()
    model.train()
    model[1].eval()


@pytest.mark.parametrize("wrap", [lambda model: model, nn.DataParallel], ids=["plain", "wrapped"])
@pytest.mark.parametrize(
    ("leave", "normalization"),
    [(leaves_root, 9), (leaves_inner, 9), (leaves_gradients_off, 9), (freezes, 3)],
)
def test_what_a_callback_leaves_behind_does_not_change_training(leave, normalization, wrap):
    model, dropout, norm = net_with_dropout(), [], []
    # The passes after training, in which operations are counted, are recognized by their few samples.
    for index, seen in ((1, norm), (2, dropout)):
        model[index].register_forward_hook(
            lambda module, inputs, output, seen=seen: seen.append(module.training) if len(output) > 3 else None
        )
    wrapped = wrap(model)
    before = model[0].weight.detach().clone()
    with torch.enable_grad():
        trained(wrapped, stop=StoppingRule(None, max_epochs=3), on_epoch=lambda report: leave(wrapped, model))
    assert (sum(dropout), sum(norm), len(dropout)) == (9, normalization, 9)  # three epochs of three
    assert all(module.training for module in wrapped.modules())
    assert not torch.equal(model[0].weight, before)


def test_gradients_that_are_off_outside_are_on_for_training():
    model, other = net_with_dropout(), net_with_dropout()
    other.load_state_dict(model.state_dict())
    trained(model)
    with torch.no_grad():
        trained(other)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


class Counting(nn.Module):
    """Counts its passes in several places."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 3)
        self.passes, self.nested = 0, {"seen": []}
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, inputs):
        self.passes += 1
        self.nested["seen"].append(len(inputs))
        self.steps += self.training
        return self.last(torch.relu(self.first(inputs)))


def test_a_model_counts_its_own_steps_alone():
    model = Counting()
    trained(model)
    assert (model.passes, model.steps) == (6, 6)


def test_a_model_counts_its_own_steps_alone_in_nested_lists_too():
    model = Counting()
    trained(model)
    assert len(model.nested["seen"]) == 6


class Grouped(nn.Module):
    """Takes batches of a multiple of 8 alone."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, inputs):
        hidden = self.first(inputs).view(-1, 8, 8)
        return self.last((hidden - hidden.mean(1, keepdim=True)).view(len(inputs), 8))


class Kept(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, inputs):
        self.kept = [torch.relu(self.first(inputs))]
        return self.last(self.kept[0])


@pytest.mark.parametrize("make", [Grouped, Kept, Counting])
def test_operations_are_counted_on_the_batches_of_training(make):
    cost = trained(make()).cost
    products = {Grouped: 4 * 8 + 8 * 3, Kept: 4 * 8 + 8 * 3, Counting: 4 * 4 + 4 * 3}[make]
    first = {Grouped: 4 * 8, Kept: 4 * 8, Counting: 4 * 4}[make]
    assert cost.flops == 2 * cost.samples * (3 * products - first)  # no gradient of the inputs
