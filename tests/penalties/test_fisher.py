"""The diagonal of the empirical Fisher information."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError
from warmstart.penalties import _fisher, fisher_diagonal


class Branching(nn.Module):
    """Control flow that depends on the inputs, which cannot be vectorized; some samples leave a layer unused."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Linear(16, 3), nn.Linear(16, 3)

    def forward(self, inputs):
        return self.low(inputs.flatten(1)) if inputs.sum() < 0 else self.high(inputs.flatten(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.head(self.layer(inputs.squeeze(1))[0][:, -1])


def literal(model, inputs, labels):
    """One sample at a time, with nothing but backward."""
    model.eval()
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    sums = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for index in range(len(labels)):
        model.zero_grad(set_to_none=False)
        F.cross_entropy(model(inputs[index : index + 1]), labels[index : index + 1]).backward()
        for name, parameter in parameters.items():
            sums[name] += 0 if parameter.grad is None else parameter.grad**2
    model.zero_grad()
    return {name: value / len(labels) for name, value in sums.items()}


def logistic_closed_form(layer, inputs, labels):
    """For logits W x + b, d log p(y | x) / d W_kj = ([k = y] - p_k) x_j, and the same without x_j for b_k."""
    errors = F.one_hot(labels, 3) - layer(inputs).softmax(1).detach()
    return {"weight": (errors**2).T @ inputs**2 / len(labels), "bias": (errors**2).mean(0)}


def close(found, expected):
    assert list(found) == list(expected)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-7)


def test_logistic_regression_has_its_closed_form(labels):
    layer, inputs = nn.Linear(4, 3), torch.randn(6, 4)
    close(fisher_diagonal(layer, [(inputs, labels)]), logistic_closed_form(layer, inputs, labels))


def test_it_approaches_the_true_information_where_the_model_is_right():
    """With labels drawn from the model itself, F of b_k is the variance p_k (1 - p_k) of its class."""
    layer, inputs = nn.Linear(1, 2), torch.zeros(4000, 1)
    layer.bias.data = torch.tensor([1.0, 0.0])
    shares = layer.bias.softmax(0).detach()
    labels = torch.multinomial(shares, 4000, replacement=True)
    torch.testing.assert_close(
        fisher_diagonal(layer, [(inputs, labels)])["bias"], shares * (1 - shares), rtol=0.05, atol=0
    )


@pytest.mark.parametrize("build", [Branching, Recurrent, None], ids=["branching", "recurrent", "convolutional"])
def test_agrees_with_one_backward_a_sample(build, model, inputs, labels):
    model = model if build is None else build()
    found = fisher_diagonal(model, [(inputs, labels)])
    close(found, literal(model, inputs, labels))


def test_together_and_one_by_one_agree(inputs, labels):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 3))
    model.eval()
    arguments = model, dict(model.named_parameters()), inputs, labels
    close(_fisher._squares_together(*arguments), _fisher._squares_one_by_one(*arguments))


def test_tied_weights_have_one_entry_of_their_common_gradient(inputs, labels):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16))
    model[3].weight = model[1].weight
    found = fisher_diagonal(model, [(inputs, labels)])
    assert set(found) == {"1.weight", "1.bias", "3.bias"}
    close(found, literal(model, inputs, labels))


@pytest.mark.parametrize("size", [1, 4, 6])
def test_how_samples_are_batched_does_not_matter(model, inputs, labels, size):
    batches = zip(inputs.split(size), labels.split(size), strict=True)
    close(fisher_diagonal(model, batches), fisher_diagonal(model, [(inputs, labels)]))


def test_parts_of_a_batch_give_the_same(model, inputs, labels, monkeypatch):
    whole = fisher_diagonal(model, [(inputs, labels)])
    monkeypatch.setattr(_fisher, "_NUMBERS_AT_ONCE", 1)
    close(fisher_diagonal(model, [(inputs, labels)]), whole)


def test_works_without_gradients_too(model, inputs, labels):
    with torch.no_grad():
        found = fisher_diagonal(model, [(inputs, labels)])
    close(found, literal(model, inputs, labels))


def test_leaves_the_model_and_what_is_global_as_they_are(model, inputs, labels, untouched_globals):
    before, modes = {name: value.clone() for name, value in model.state_dict().items()}, list(modes_of(model))
    fisher_diagonal(model, [(inputs, labels)])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert list(modes_of(model)) == modes
    assert all(parameter.grad is None for parameter in model.parameters())


def modes_of(model):
    return (module.training for module in model.modules())


def test_half_precision_is_squared_in_single(labels):
    layer, inputs = nn.Linear(4, 3).half(), 1e-4 * torch.ones(6, 4).half()
    found = fisher_diagonal(layer, [(inputs, labels)])["weight"]
    assert found.dtype is torch.float32
    assert found.min() > 0


def test_a_fault_of_the_model_is_not_hidden(labels):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fisher_diagonal(nn.Linear(4, 3), [(torch.ones(6, 5), labels)])


@pytest.mark.parametrize("batches", [[], [(torch.ones(0, 4), torch.ones(0, dtype=torch.int64))]])
def test_no_sample_is_refused(batches):
    with pytest.raises(InputError, match="batches must hold at least one sample, got none"):
        fisher_diagonal(nn.Linear(4, 3), batches)


def test_an_input_without_a_label_is_refused(labels):
    with pytest.raises(InputError, match="batches must pair every input with a label, got 5 and 6"):
        fisher_diagonal(nn.Linear(4, 3), [(torch.ones(5, 4), labels)])
