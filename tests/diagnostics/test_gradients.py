"""Gradient norms against a sum by hand, sample by sample, and independence from how they are computed."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.diagnostics import Average, gradient_norm, gradient_norms
from warmstart.models import ResNet18
from warmstart.training import Recipe, StoppingRule, TensorData, fit

SIZES = [1, 3, 10, 1024]


def by_hand(model, data):
    """The norm of the mean of the samples' gradients, each from a backward pass of its own, number by number."""
    sums: list[float] = []
    for index in range(len(data)):
        inputs, labels = data.batch(torch.tensor([index]))
        model.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        flat = [value for grad in grads for value in grad.flatten().tolist()]
        sums = [one + other for one, other in zip(sums or [0.0] * len(flat), flat, strict=True)]
    model.zero_grad()
    return math.sqrt(sum((value / len(data)) ** 2 for value in sums))


@pytest.mark.parametrize("batch_size", SIZES)
def test_the_norm_is_that_of_the_samples_mean_gradient(make, batch_size):
    model = make().eval()
    assert gradient_norm(model, blobs(10), batch_size=batch_size) == pytest.approx(by_hand(model, blobs(10)), rel=1e-5)


@pytest.mark.parametrize("batch_size", SIZES)
@pytest.mark.parametrize("training", [False, True])
def test_the_batch_size_does_not_matter_without_normalization_by_batch(batch_size, training):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 2))
    expected = gradient_norm(model, pictures(10), batch_size=10, training=training)
    assert gradient_norm(model, pictures(10), batch_size=batch_size, training=training) == pytest.approx(expected)


def test_training_mode_normalizes_by_the_batch():
    model, data = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).eval(), blobs(12)
    normal = (data.inputs - data.inputs.mean(0)) / (data.inputs.var(0, correction=0) + 1e-5).sqrt()
    loss = F.cross_entropy(model[1](normal * model[0].weight + model[0].bias), data.labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    expected = math.hypot(*(gradient.norm().item() for gradient in gradients))
    assert gradient_norm(model, data, training=True) == pytest.approx(expected, rel=1e-5)
    assert gradient_norm(model, data) != pytest.approx(expected, rel=1e-2)


def test_layers_in_evaluation_mode_of_a_training_model_stay_so():
    model, data = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)), blobs(12)
    model[0].eval()
    assert gradient_norm(model, data, training=True) == gradient_norm(model, data)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.usefixtures("untouched_globals")
def test_the_model_and_the_global_generator_are_left_as_they_were(make, training):
    model, data = make().eval(), blobs(10)
    F.cross_entropy(model(data.inputs), data.labels).backward()
    model.train().frozen.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    gradient_norm(model, data, batch_size=4, training=training)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(p.grad is grads[name] or torch.equal(p.grad, grads[name]) for name, p in model.named_parameters())
    assert [module.training for module in model.modules()] == modes


def test_dropout_is_decided_by_the_generator_alone():
    model, data = nn.Sequential(nn.Linear(4, 3), nn.Dropout()), blobs(10)
    norms = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(norms))
        norms.append(gradient_norm(model, data, training=True, generator=generator_for(seed)))
    assert norms[0] == norms[1] != norms[2]
    assert gradient_norm(model, data, training=True) == gradient_norm(model, data, training=True)


def test_dropout_is_off_in_evaluation_mode():
    linear = nn.Linear(4, 3)
    assert gradient_norm(nn.Sequential(linear, nn.Dropout()), blobs(10)) == gradient_norm(linear, blobs(10))


def test_only_trainable_parameters_count(make):
    model, data = make().eval(), blobs(10)
    model.requires_grad_(False)
    model.head.bias.requires_grad_(True)
    wrong = model(data.inputs).softmax(1) - F.one_hot(data.labels, 3)
    assert gradient_norm(model, data) == pytest.approx(wrong.mean(0).norm().item(), rel=1e-5)


def test_no_gradient_context_is_needed(make):
    model = make()
    expected = gradient_norm(model, blobs(10))
    with torch.no_grad():
        assert gradient_norm(model, blobs(10)) == expected


def test_a_lost_model_has_no_finite_gradient():
    model = nn.Linear(4, 3)
    nn.init.constant_(model.weight, math.nan)
    assert not math.isfinite(gradient_norm(model, blobs(6)))


def test_parts_stand_side_by_side_each_as_alone(make):
    model, parts = make(), {"new": blobs(6, seed=1), "old": blobs(10)}
    options = {"batch_size": 4, "training": True}
    found = gradient_norms(model, parts, **options)
    assert list(found.items()) == [(name, gradient_norm(model, data, **options)) for name, data in parts.items()]


def test_parts_draw_from_the_generator_one_after_the_other():
    model, data = nn.Sequential(nn.Linear(4, 3), nn.Dropout()), blobs(10)
    found = gradient_norms(model, {"one": data, "same": data}, training=True, generator=generator_for(0))
    assert found["one"] != found["same"]


def test_a_trained_model_is_pulled_harder_by_what_it_has_not_seen():
    """The claim that the function is for: after a first round, new data pull harder than old ones."""
    old, new = blobs(60), blobs(60, seed=1)
    unlike_old = TensorData(new.inputs, (new.labels + 1) % 3)
    model = nn.Linear(4, 3)
    fit(model, old, recipe=Recipe(learning_rate=0.1), stop=StoppingRule(max_epochs=50), generator=generator_for(0))
    norms = gradient_norms(model, {"old": old, "new": unlike_old})
    assert norms["new"] > 10 * norms["old"]


@pytest.mark.parametrize("training", [False, True])
def test_a_residual_network_on_pictures_gives_a_finite_norm(training):
    model = ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0))
    assert 0 < gradient_norm(model, pictures(8), batch_size=3, training=training) < math.inf


@pytest.mark.parametrize("measure", [gradient_norm, lambda model, data: gradient_norms(model, {"a": data})])
def test_nothing_to_measure_is_refused(measure):
    with pytest.raises(InputError, match="data must hold at least one sample to take a gradient on, got 0"):
        measure(nn.Linear(4, 3), blobs(6).take(torch.tensor([], dtype=torch.int64)))
    with pytest.raises(InputError, match="model must have at least one trainable parameter, got none"):
        measure(nn.Linear(4, 3).requires_grad_(False), blobs(6))


def test_a_batch_size_of_nothing_is_refused():
    with pytest.raises(InputError, match="batch_size must be a whole number of at least 1, got 0"):
        gradient_norm(nn.Linear(4, 3), blobs(6), batch_size=0)


def mean_of_norms_by_hand(model, parts):
    """The mean over batches of the norm of each batch's gradient, number by number."""
    norms = []
    for inputs, labels in parts:
        model.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        norms.append(math.sqrt(sum(value**2 for grad in grads for value in grad.flatten().tolist())))
    model.zero_grad()
    return sum(norms) / len(norms)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 10, 1024])
def test_the_mean_of_the_batches_norms_is_that_of_a_literal_loop(make, batch_size):
    model, data = make().eval(), blobs(10)
    parts = [data.batch(part) for part in torch.arange(10).tensor_split(-(-10 // batch_size))]
    expected = mean_of_norms_by_hand(model, parts)
    assert gradient_norm(model, data, batch_size=batch_size, average="norms") == pytest.approx(expected, rel=1e-5)
    of_loader = gradient_norm(model, parts, average=Average.NORMS)
    assert of_loader == pytest.approx(expected, rel=1e-5)
    found = gradient_norms(model, {"a": data}, batch_size=batch_size, average="norms")
    assert found == {"a": pytest.approx(expected, rel=1e-5)}


def test_the_norm_of_the_mean_is_at_most_the_mean_of_the_norms(make):
    model, data = make().eval(), blobs(12)
    assert gradient_norm(model, data, batch_size=12) == pytest.approx(gradient_norm(model, data, average="norms"))
    assert gradient_norm(model, data) < gradient_norm(model, data, batch_size=3, average="norms")


def images(count=12):
    return torch.arange(count * 16, dtype=torch.uint8).reshape(count, 1, 4, 4), torch.arange(count) % 3


@pytest.mark.parametrize(
    "form",
    [
        lambda inputs, labels: DataLoader(TensorDataset(inputs, labels), batch_size=5),
        lambda inputs, labels: [(inputs.numpy(), labels.numpy().astype("int32"))],
        lambda inputs, labels: iter([(inputs[:7], labels[:7].int()), (inputs[7:], labels[7:])]),
        TensorData,
    ],
    ids=["loader", "NumPy", "iterator", "tensor data"],
)
def test_data_of_every_form_are_prepared_as_for_training(form):
    inputs, labels = images()
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    expected = by_hand(model, TensorData(inputs.float() / 127.5 - 1, labels))
    assert gradient_norm(model, form(inputs, labels)) == pytest.approx(expected, rel=1e-4)


def complex_model():
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3, dtype=torch.complex64))

        def forward(self, inputs):
            return (inputs.to(torch.complex64) @ self.weight).abs()

    return Complex()


@pytest.mark.parametrize("average", Average)
def test_of_complex_gradients_the_modulus_counts(average):
    model, data = complex_model(), blobs(10)
    F.cross_entropy(model(data.inputs), data.labels).backward()
    expected = math.sqrt(sum(abs(value) ** 2 for value in model.weight.grad.flatten().tolist()))
    assert gradient_norm(model, data, average=average) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("average", Average)
def test_gradients_of_a_sparse_embedding_are_summed_by_row(average):
    tokens, labels = torch.tensor([[1, 1, 2], [3, 1, 1], [0, 4, 4]]), torch.tensor([0, 1, 2])
    dense = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 3))
    sparse = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    sparse.load_state_dict(dense.state_dict())
    found, expected = (gradient_norm(model, [(tokens, labels)], average=average) for model in (sparse, dense))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_models_of_other_types_have_a_norm(make, dtype):
    expected = gradient_norm(make().eval(), blobs(10))
    assert gradient_norm(make().eval().to(dtype), blobs(10)) == pytest.approx(expected, rel=0.05)


class Keeping(nn.Module):
    """Keeps its features, counts, and takes another way if the inputs are negative on average."""

    def __init__(self):
        super().__init__()
        self.layer, self.passes, self.features = nn.Linear(4, 3), 0, []

    def forward(self, inputs):
        self.passes += 1
        self.features.append(self.layer(inputs))
        return {"logits": -self.features[-1] if float(inputs.mean()) < 0 else self.features[-1]}


def test_a_model_that_keeps_its_features_is_measured_and_left():
    model = Keeping()
    model(torch.ones(2, 4))
    held = list(model.features)
    norms = [gradient_norm(model, blobs(10), training=training) for training in (False, True)]
    assert norms[0] == norms[1] > 0
    assert model.passes == 1
    assert model.features == held


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")])
def test_wrappers_make_no_difference(make, wrap):
    expected = gradient_norm(make(), blobs(10), training=True)
    assert gradient_norm(wrap(make()), blobs(10), training=True) == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [-1, -100, 3])
def test_labels_out_of_range_are_refused(wrong):
    inputs, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, wrong, 1])
    with pytest.raises(InputError, match=rf"labels must lie in \[0, 3\), got {wrong} in row 4"):
        gradient_norm(nn.Linear(4, 3), [(inputs, labels)])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": None}, r"model must be a torch\.nn\.Module, got None"),
        ({"model": nn.LazyLinear(3)}, "'weight' belongs to a lazy layer"),
        ({"data": None}, "data must be TensorData, a DataLoader or another iterable of batches .* got None"),
        ({"data": [torch.zeros(6, 4)]}, "data must yield pairs of tensors"),
        ({"data": []}, "data must hold at least one sample to take a gradient on, got 0"),
        ({"batch_size": None}, "batch_size must be a whole number of at least 1, got None"),
        ({"batch_size": 1.5}, "batch_size must be a whole number of at least 1, got 1.5"),
        ({"training": "false"}, "training must be True or False, got 'false'"),
        ({"average": "batches"}, "Unknown average 'batches'"),
        ({"generator": 0}, r"generator must be a torch\.Generator on the CPU, got 0"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    given = {"model": nn.Linear(4, 3), "data": blobs(6), **wrong}
    with pytest.raises(InputError, match=message):
        gradient_norm(given.pop("model"), given.pop("data"), **given)


def test_parts_are_named():
    with pytest.raises(InputError, match="parts must be a mapping from names to data, got a TensorData"):
        gradient_norms(nn.Linear(4, 3), blobs(6))
