"""Penalties and Fisher information of models that are complex, wrapped, stateful, or of other outputs and types."""

import collections
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel

from warmstart.basics import InputError
from warmstart.penalties import (
    EWC,
    L2,
    Adversarial,
    BoundEWC,
    BoundL2Init,
    Confidence,
    L2Init,
    ewc,
    fgsm,
    fisher_diagonal,
    l2,
    l2_init,
)


@pytest.fixture
def inputs():
    return torch.randn(6, 4)


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex64))
        self.bias = nn.Parameter(torch.randn(3))

    def forward(self, inputs):
        return (inputs.to(torch.complex64) @ self.weight).abs() + self.bias


class Keeping(nn.Module):
    """Counts its passes, keeps its features, and notes their sizes."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(4, 5), nn.Linear(5, 3)
        self.passes, self.sizes, self.features = 0, [], None

    def forward(self, inputs):
        self.passes += 1
        self.features = self.first(inputs).tanh()
        self.sizes.append(len(inputs))
        return self.head(self.features)


class Remembering(nn.Module):
    """Adds what it kept of the last pass, so that what is left of a transformed pass would break the next one."""

    def __init__(self):
        super().__init__()
        self.layer, self.last = nn.Linear(4, 3), None

    def forward(self, inputs):
        logits = self.layer(inputs)
        before, self.last = self.last, logits.detach().mean(0)
        return logits if before is None else logits + 0 * before


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, inputs):
        return self.low(inputs) if float(inputs.sum()) < 0 else self.high(inputs)


def modulus_squared(value):
    return sum(abs(number) ** 2 for number in value.flatten().tolist())


def test_of_complex_parameters_the_squared_modulus_counts():
    model, origin, anchor = Complex(), Complex(), Complex()
    fisher = {name: torch.rand(parameter.shape) for name, parameter in model.named_parameters()}
    pairs = list(zip(model.parameters(), origin.parameters(), strict=True))
    starts = dict(origin.named_parameters())
    assert l2(model, strength=0.3).item() == pytest.approx(0.15 * sum(map(modulus_squared, model.parameters())))
    distance = sum(modulus_squared(now - then) for now, then in pairs)
    assert l2_init(model, starts, strength=0.3).item() == pytest.approx(0.3 * distance)
    ends, goals = dict(model.named_parameters()), dict(anchor.named_parameters())
    expected = 0.0
    for name, weights in fisher.items():
        differences = (ends[name] - goals[name]).flatten().tolist()
        expected += sum(w * abs(d) ** 2 for w, d in zip(weights.flatten().tolist(), differences, strict=True))
    assert ewc(model, fisher, anchor=goals, strength=0.3).item() == pytest.approx(0.15 * expected)


def test_l2_is_the_weight_decay_of_plain_gradient_descent_for_complex_parameters_too():
    one = Complex()
    other = copy.deepcopy(one)
    l2(one, strength=0.5).backward()
    torch.optim.SGD(one.parameters(), lr=0.1).step()
    for parameter in other.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.optim.SGD(other.parameters(), lr=0.1, weight_decay=0.5).step()
    for left, right in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(left, right)


def literal_fisher(model, inputs, labels):
    """One sample at a time, with nothing but backward; of complex gradients, the modulus squared."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    sums = {name: torch.zeros(p.shape) for name, p in parameters.items()}
    for index in range(len(labels)):
        model.zero_grad()
        F.cross_entropy(model(inputs[index : index + 1]), labels[index : index + 1]).backward()
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                gradient = parameter.grad.to_dense() if parameter.grad.is_sparse else parameter.grad
                sums[name] += gradient.abs() ** 2
    model.zero_grad()
    return {name: value / len(labels) for name, value in sums.items()}


@pytest.mark.parametrize("build", [Complex, Keeping, Branching])
def test_the_fisher_information_is_that_of_a_literal_loop(build, inputs, labels):
    model = build()
    found = fisher_diagonal(model, [(inputs, labels)])
    for name, expected in literal_fisher(copy.deepcopy(model), inputs, labels).items():
        assert not found[name].is_complex()
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-7)


def test_a_sparse_embedding_has_the_information_of_a_dense_one():
    tokens, labels = torch.tensor([[1, 1, 2], [3, 1, 1], [0, 4, 4]]), torch.tensor([0, 1, 2])
    dense = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 3))
    sparse = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    sparse.load_state_dict(dense.state_dict())
    found, expected = fisher_diagonal(sparse, [(tokens, labels)]), fisher_diagonal(dense, [(tokens, labels)])
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    penalty = EWC.after(sparse, [(tokens, labels)], strength=1.0)
    logits = sparse(tokens)
    (F.cross_entropy(logits, labels) + penalty(sparse, tokens, labels, logits)).backward()
    assert sparse[0].weight.grad.to_dense().isfinite().all()


def left_as_it_was(model, work):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    passes, sizes, features = model.passes, list(model.sizes), model.features
    modes = [module.training for module in model.modules()]
    work()
    assert (model.passes, model.sizes) == (passes, sizes)
    assert model.features is features
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "work",
    [
        lambda model, inputs, labels: fisher_diagonal(model, [(inputs, labels)]),
        lambda model, inputs, labels: EWC.after(model, [(inputs, labels)], strength=1.0),
        lambda model, inputs, labels: fgsm(model, inputs, labels=labels, epsilon=0.1),
        lambda model, inputs, labels: Adversarial(1.0, epsilon=0.1)(model, inputs, labels, inputs),
    ],
    ids=["fisher", "ewc", "fgsm", "adversarial"],
)
@pytest.mark.parametrize("after_a_pass", [False, True])
def test_what_a_model_keeps_of_its_passes_is_left(work, after_a_pass, inputs, labels):
    model = Keeping()
    if after_a_pass:
        model(inputs)
    left_as_it_was(model, lambda: work(model, inputs, labels))
    if after_a_pass:
        model.features.sum().backward()  # no tensor of a transformation, and its graph is whole


def test_a_training_step_goes_through_between_the_passes_of_adversarial_training(inputs, labels):
    """The passes come between a step's forward and backward pass, whose graph they must not spoil."""
    model = Keeping()
    logits = model(inputs)
    loss = F.cross_entropy(logits, labels) + Adversarial(1.0, epsilon=0.1)(model, inputs, labels, logits)
    (loss + model.features.square().sum()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_a_model_that_remembers_its_last_pass_has_the_information_of_its_layer(inputs, labels):
    model = Remembering()
    model(inputs)
    found, expected = fisher_diagonal(model, [(inputs, labels)]), fisher_diagonal(model.layer, [(inputs, labels)])
    for name, value in expected.items():
        torch.testing.assert_close(found[f"layer.{name}"], value)


Output = collections.namedtuple("Output", ["logits", "loss"])
OUTPUTS = {
    "dictionary": lambda logits: {"loss": None, "logits": logits},
    "object": lambda logits: Output(logits, None),
    "tuple": lambda logits: (logits, "attention"),
    "list": lambda logits: [logits],
}


@pytest.mark.parametrize("wrap", OUTPUTS.values(), ids=OUTPUTS)
def test_logits_are_found_in_what_models_return(wrap, inputs, labels):
    class Wrapping(nn.Linear):
        def forward(self, input):
            return wrap(super().forward(input))

    model = Wrapping(4, 3)
    plain = nn.Linear(4, 3)
    plain.load_state_dict(model.state_dict())
    batches, penalty = [(inputs, labels)], Adversarial(1.0, epsilon=0.1)
    found, expected = fisher_diagonal(model, batches), fisher_diagonal(plain, batches)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    examples = fgsm(model, inputs, labels=labels, epsilon=0.1)
    assert torch.equal(examples, fgsm(plain, inputs, labels=labels, epsilon=0.1))
    terms = [penalty(each, inputs, labels, inputs).item() for each in (model, plain)]
    assert terms[0] == terms[1]
    logits = plain(inputs)
    assert Confidence(1.0)(model, inputs, labels, model(inputs)) == Confidence(1.0)(plain, inputs, labels, logits)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_inputs_come_in_the_models_type(dtype, inputs, labels):
    model = nn.Linear(4, 3)
    expected = fisher_diagonal(model, [(inputs, labels)])
    found = fisher_diagonal(copy.deepcopy(model).to(dtype), [(inputs, labels)])
    for name, value in found.items():
        assert value.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        torch.testing.assert_close(value.float(), expected[name], rtol=0.1, atol=1e-2)
    examples = fgsm(copy.deepcopy(model).to(dtype), inputs, labels=labels, epsilon=0.5)
    assert examples.dtype is torch.float32
    assert (examples - inputs).abs().max().item() == pytest.approx(0.5)


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "averaged": AveragedModel,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "compiled within": lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_penalties_look_through_wrappers_both_ways(wrap, inputs, labels):
    plain = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    wrapped = wrap(plain)
    inner = wrapped.module if isinstance(wrapped, AveragedModel) else plain
    fisher = fisher_diagonal(wrapped, [(inputs, labels)])
    assert list(fisher) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    penalties = [
        L2(0.5),
        L2Init.toward(wrapped, strength=0.5),
        BoundL2Init(0.5, wrapped.state_dict()),
        EWC.after(wrapped, [(inputs, labels)], strength=0.5),
        BoundEWC(0.5, {f"module.{name}": value for name, value in fisher.items()}, wrapped.state_dict()),
        Adversarial(0.5, epsilon=0.1),
    ]
    with torch.no_grad():
        for parameter in inner.parameters():
            parameter += 0.1
    for penalty in penalties:
        terms = [penalty(model, inputs, labels, inner(inputs)).item() for model in (wrapped, inner)]
        assert terms[0] == terms[1] > 0


def test_a_model_whose_own_attribute_is_called_module_is_no_wrapper(inputs, labels):
    class Holding(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(4, 3)
            self.other = nn.Linear(3, 3).requires_grad_(False)

        def forward(self, given):
            return self.other(self.module(given))

    model = Holding()
    for penalty in (L2Init.toward(model, strength=1.0), BoundL2Init(1.0, model.state_dict())):
        assert penalty(model, inputs, labels, model(inputs)).item() == 0
    assert set(fisher_diagonal(model, [(inputs, labels)])) == {"module.weight", "module.bias"}


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_scripted_model_is_differentiated_too(inputs, labels):
    plain = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    scripted = torch.jit.script(copy.deepcopy(plain))
    found, expected = (fisher_diagonal(model, [(inputs, labels)]) for model in (scripted, plain))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
    logits = scripted(inputs)
    before = {name: value.clone() for name, value in scripted.state_dict().items()}
    term = Adversarial(1.0, epsilon=0.1)(scripted, inputs, labels, logits)
    assert all(torch.equal(value, before[name]) for name, value in scripted.state_dict().items())
    (F.cross_entropy(logits, labels) + term).backward()
    expected_term = Adversarial(1.0, epsilon=0.1)(plain, inputs, labels, logits)
    assert term.item() == pytest.approx(expected_term.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.LazyLinear(3), "'weight' belongs to a lazy layer"),
        (lambda: nn.Linear(4, 3, device="meta"), "'weight' is on the meta device"),
        (lambda: "model", "model must be a torch.nn.Module, got 'model'"),
        (lambda: nn.Linear, "model must be a torch.nn.Module, got the class Linear: create an instance"),
        (lambda: nn.Linear(4, 3).requires_grad_(False), "must have at least one trainable parameter for a penalty"),
    ],
)
def test_models_without_parameters_to_work_on_are_refused(build, message, inputs, labels):
    model = build()
    for work in (
        lambda: l2(model, strength=0.1),
        lambda: l2_init(model, {}, strength=0.1),
        lambda: fisher_diagonal(model, [(inputs, labels)]),
        lambda: Adversarial(0.1, epsilon=0.1)(model, inputs, labels, inputs),
    ):
        with pytest.raises(InputError, match=message):
            work()


ONES, ZEROS = ({"weight": fill(3, 4), "bias": fill(3)} for fill in (torch.ones, torch.zeros))
OF_STRENGTH_ZERO = [
    L2(0.0),
    BoundL2Init(0.0, ZEROS),
    Adversarial(0.0, epsilon=0.1),
    BoundEWC(0.0, ONES, ZEROS),
    Confidence(0.0),
]


@pytest.mark.parametrize("penalty", OF_STRENGTH_ZERO, ids=lambda penalty: type(penalty).__name__)
def test_strength_zero_gives_exactly_zero_of_what_is_not_finite(penalty, inputs, labels):
    model = nn.Linear(4, 3)
    model.weight.data[0, 0] = float("nan")
    model.bias.data[1] = float("inf")
    term = penalty(model, inputs, labels, model(inputs))
    assert term.item() == 0
    (gradient,) = torch.autograd.grad(term, model.bias, allow_unused=True, materialize_grads=True)
    assert not gradient.any()
