"""Training, evaluation and statistics of models and data of every kind: the right value, or one sentence."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from samples import blobs
from warmstart.basics import InputError, copy_model, generator_for
from warmstart.training import (
    Recipe,
    StopRule,
    TensorData,
    evaluate,
    fit,
    predict,
    recalibrate_,
    reset_statistics_,
    transfer_optimizer_state,
)

RECIPE = Recipe(learning_rate=0.01, batch_size=16)
TWO_EPOCHS = StopRule(None, max_epochs=2)
TABLE = blobs(48)
IMAGES = TensorData(
    torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 3, scale=1.0, offset=0.0
)


def wrong(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


def trained(model, data=TABLE, **options):
    given = {"recipe": RECIPE, "stop": TWO_EPOCHS, "generator": generator_for(0), **options}
    return fit(model, data, **given)


def net():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3))


# Memory layout


class Pictures(nn.Module):
    """Two convolutions and whatever else a case adds."""

    def __init__(self, add=lambda model: None):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(256, 3)
        add(self)

    def forward(self, inputs):
        return self.head(torch.relu(self.second(torch.relu(self.first(inputs)))).flatten(1))


class Viewed(Pictures):
    def forward(self, inputs):
        hidden = torch.relu(self.first(inputs))
        return self.head(hidden.view(len(inputs), -1))


class Volumes(Pictures):
    def forward(self, inputs):
        return super().forward(self.third(inputs[:, None])[:, 0])


ADDED = {
    "nothing": lambda model: None,
    "buffer of four dimensions": lambda model: model.register_buffer("grid", torch.randn(2, 3, 4, 5)),
    "buffer of five dimensions": lambda model: model.register_buffer("grid", torch.zeros(1, 3, 4, 4, 2)),
    "parameter of five dimensions": lambda model: setattr(model, "grid", nn.Parameter(torch.zeros(1, 3, 4, 4, 2))),
    "convolution of volumes": lambda model: setattr(model, "third", nn.Conv3d(1, 1, 1)),
    "channels last": lambda model: model.to(memory_format=torch.channels_last),
    "one layer transposed": lambda model: setattr(
        model.second.weight, "data", model.second.weight.data.transpose(2, 3)
    ),
}
FIVE = [name for name in ADDED if "five" in name or "volumes" in name]


def layouts():
    for kind in (Pictures, Viewed):
        for name in ADDED:
            if (kind, name) == (Viewed, "channels last"):
                continue  # a model that nobody can run
            marks = [wrong("channels last are asked of five dimensions")] if name in FIVE else []
            if (kind, name) == (Pictures, "buffer of four dimensions"):
                marks = [wrong("the buffer that the model has then is another one")]
            yield pytest.param(kind, name, marks=marks, id=f"{kind.__name__}-{name}")


@pytest.mark.parametrize(("kind", "added"), list(layouts()))
def test_a_models_layout_is_as_it_was_after_training(kind, added):
    model = kind(ADDED[added])
    before = {name: value.stride() for name, value in model.state_dict().items()}
    try:
        result = trained(model, IMAGES)
    finally:
        assert {name: value.stride() for name, value in model.state_dict().items()} == before
    assert result.cost.flops is not None
    assert predict(model, IMAGES).shape == (32, 3)


@wrong("channels last are asked of five dimensions")
def test_a_model_that_mixes_images_and_volumes_trains():
    result = trained(Volumes(lambda model: setattr(model, "third", nn.Conv3d(1, 1, 1))), IMAGES)
    assert result.cost.steps == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3)),
        lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(256, 3)),
        lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(64, 3)),
    ],
    ids=["one channel", "pointwise", "pointwise only"],
)
def test_narrow_models_keep_their_layout(make):
    model = make()
    before = [value.stride() for value in model.parameters()]
    trained(model, TensorData(IMAGES.inputs[:, :1], IMAGES.labels))
    assert [value.stride() for value in model.parameters()] == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("fused", [False, pytest.param(True, marks=wrong("its state keeps the layout of training"))])
def test_an_optimizer_works_on_after_an_interruption(kind, fused, error):
    def interrupt(report):
        raise error

    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    model = Pictures()
    optimizer = kind(model.parameters(), lr=0.01, fused=fused, **options)
    with pytest.raises(error):
        trained(model, IMAGES, optimizer=optimizer, on_epoch=interrupt)
    other = copy.deepcopy(model)
    plain = kind(other.parameters(), lr=0.01, fused=False, **options)
    for one, parameter in zip(model.parameters(), other.parameters(), strict=True):
        plain.state[parameter] = {
            key: torch.empty_like(parameter).copy_(value) if value.ndim else value.clone()
            for key, value in optimizer.state[one].items()
        }
    for each, its_optimizer in ((model, optimizer), (other, plain)):
        its_optimizer.zero_grad()
        F.cross_entropy(each(IMAGES.inputs), IMAGES.labels).backward()
        its_optimizer.step()
    for one, parameter in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, parameter, rtol=1e-4, atol=1e-6)


@wrong("each weight gets memory of its own")
def test_weights_that_are_parts_of_one_buffer_stay_parts_of_it():
    model = Pictures()
    sizes = [model.first.weight.numel(), model.second.weight.numel()]
    flat = torch.randn(sum(sizes)) * 0.1
    for layer, part in zip((model.first, model.second), flat.split(sizes), strict=True):
        layer.weight.data = part.view_as(layer.weight)
    trained(model, IMAGES)
    torch.testing.assert_close(flat[: sizes[0]], model.first.weight.detach().flatten())


# Running statistics


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
        trained(model, stop=StopRule(None, max_epochs=1, measure="evaluation" if change == "evaluated" else "running"))
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


@wrong("its statistics are those of a new layer")
def test_a_normalization_layer_that_does_not_run_keeps_its_statistics():
    model = Elsewhere()
    model.unused.running_mean.fill_(0.7)
    recalibrate_(model, TABLE, generator=generator_for(0))
    assert (model.unused.running_mean == torch.tensor(0.7)).all()


@wrong("all buffers of the layer are taken for statistics")
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
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError):
        recalibrate_(model, data, generator=generator_for(0))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model.training, model[1].training, model[1].momentum) == (False, False, 0.1)


# Models without values or shapes


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("lazy", "fit"),
        pytest.param("lazy", "evaluate", marks=wrong("raises ValueError of PyTorch")),
        pytest.param("lazy", "predict", marks=wrong("raises ValueError of PyTorch")),
        pytest.param("lazy", "recalibrate", marks=wrong("raises ValueError of PyTorch")),
        ("meta", "fit"),
        ("meta", "evaluate"),
        ("meta", "predict"),
        pytest.param("meta", "recalibrate", marks=wrong("raises RuntimeError of autocast")),
    ],
)
def test_a_model_without_values_is_one_sentence(name, call):
    model = {
        "lazy": lambda: nn.Sequential(nn.LazyLinear(4), nn.BatchNorm1d(4)),
        "meta": lambda: nn.Sequential(nn.Linear(4, 4, device="meta"), nn.BatchNorm1d(4, device="meta")),
    }[name]()
    calls = {
        "fit": trained,
        "evaluate": lambda model: evaluate(model, TABLE),
        "predict": lambda model: predict(model, TABLE),
        "recalibrate": lambda model: recalibrate_(model, TABLE, generator=generator_for(0)),
    }
    with pytest.raises(InputError, match=r"^model must"):
        calls[call](model)


# Optimizers


def steps(model, optimizer, count):
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(model(TABLE.inputs), TABLE.labels).backward()
        optimizer.step()


KINDS = {
    "adam": torch.optim.Adam,
    "adam with amsgrad": lambda parameters: torch.optim.Adam(parameters, amsgrad=True),
    "fused adam": lambda parameters: torch.optim.Adam(parameters, fused=True),
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adagrad": torch.optim.Adagrad,
    "rprop": torch.optim.Rprop,
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, momentum=0.9, centered=True),
    "adafactor": torch.optim.Adafactor,
}


@pytest.mark.parametrize("name", [name for name in KINDS if name != "sgd"])
def test_a_copy_goes_on_bit_for_bit_with_the_state_transferred(name):
    model = net().eval()
    optimizer = KINDS[name](model.parameters())
    steps(model, optimizer, 3)
    other = copy_model(model)
    new = KINDS[name](other.parameters())
    assert transfer_optimizer_state(optimizer, model, new, other) == [name for name, _ in model.named_parameters()]
    steps(model, optimizer, 3)
    steps(other, new, 3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


class Named(nn.Module):
    def __init__(self, order, widths=None, tied=False):
        super().__init__()
        for key in order:
            setattr(self, key, nn.Linear(4, (widths or {}).get(key, 4)))
        if tied:
            self.b.weight = self.a.weight

    def forward(self, inputs):
        return sum(layer(inputs).sum(1, keepdim=True) for layer in self.children()).expand(-1, 3)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (Named("ab"), Named("ba"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("cab"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("acb"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("abc"), Named("ab"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), Named("ab", {"b": 5}), {"a.weight", "a.bias"}),
        (Named("ab"), nn.DataParallel(Named("ab")), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        (Named("ab"), torch.compile(Named("ab"), backend="eager"), {"a.weight", "a.bias", "b.weight", "b.bias"}),
        pytest.param(
            Named("ab", tied=True),
            Named("ba", tied=True),
            {"b.weight", "a.bias", "b.bias"},
            marks=wrong("a tied weight is known by its first name alone"),
        ),
    ],
    ids=["reordered", "added before", "added between", "removed", "wider", "wrapped", "compiled", "tied, reordered"],
)
def test_state_follows_names_and_shapes(before, after, kept):
    optimizer, new = torch.optim.Adam(before.parameters()), torch.optim.Adam(after.parameters())
    steps(before, optimizer, 1)
    assert set(transfer_optimizer_state(optimizer, before, new, after)) == kept
    inner = getattr(after, "module", getattr(after, "_orig_mod", after))
    for name, parameter in inner.named_parameters():
        old = dict(before.named_parameters()).get(name)
        if name in kept and old is not None:
            assert torch.equal(new.state[parameter]["exp_avg"], optimizer.state[old]["exp_avg"])
        elif name not in kept:
            assert parameter not in new.state


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(torch.optim.Adam, KINDS["adam with amsgrad"], marks=wrong("the first step raises KeyError")),
        pytest.param(torch.optim.RMSprop, KINDS["rmsprop"], marks=wrong("the first step raises KeyError")),
        (KINDS["adam with amsgrad"], torch.optim.Adam),
        (KINDS["momentum"], KINDS["sgd"]),
        (KINDS["adam"], KINDS["fused adam"]),
        (KINDS["fused adam"], KINDS["adam"]),
    ],
    ids=["amsgrad", "centered", "no amsgrad", "no momentum", "fused", "not fused"],
)
def test_an_optimizer_of_other_settings_can_step_with_the_state_that_it_got(old, new):
    model = net().eval()
    optimizer, other = old(model.parameters()), new(model.parameters())
    steps(model, optimizer, 2)
    transfer_optimizer_state(optimizer, model, other, model)
    steps(model, other, 1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("new", [torch.optim.AdamW, torch.optim.SGD], ids=["a relative", "another one"])
def test_state_of_another_optimizer_is_refused(new):
    model = net()
    with pytest.raises(InputError, match="new must be an optimizer of the class of old, Adam, got"):
        transfer_optimizer_state(torch.optim.Adam(model.parameters()), model, new(model.parameters(), lr=0.1), model)


class Words(nn.Module):
    def __init__(self, *, sparse=False, kind=nn.Embedding):
        super().__init__()
        self.words, self.head = kind(9, 4, sparse=sparse), nn.Linear(4, 3)

    def forward(self, inputs):
        found = self.words(inputs)
        return self.head(found.mean(1) if found.ndim == 3 else found)


TOKENS = torch.arange(160).reshape(32, 5) % 9


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"optimizer": "sgd"}, False),
        pytest.param({"optimizer": "sgd", "momentum": 0.9}, False, marks=wrong("raises RuntimeError at the end")),
        ({"optimizer": "sgd", "weight_decay": 0.1}, True),
        ({"optimizer": "adam"}, True),
    ],
    ids=["sgd", "momentum", "weight decay", "adam"],
)
def test_sparse_gradients_train_or_are_refused(kind, options, refused):
    model, data = Words(sparse=True, kind=kind), TensorData(TOKENS, torch.arange(32) % 3)
    dense = copy_model(model)
    dense.words.sparse = False
    recipe = Recipe(learning_rate=0.1, batch_size=16, **options)
    if refused:
        with pytest.raises(InputError, match="model must have dense gradients"):
            trained(model, data, recipe=recipe)
        return
    trained(model, data, recipe=recipe)
    trained(dense, data, recipe=recipe)
    torch.testing.assert_close(model.head.weight, dense.head.weight)


# Data


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
RAW = {
    "tensors": ("of another byte order", "in long precision"),
    "batches": ("read-only", "reversed twice", "of another byte order", "in long precision"),
}


@pytest.mark.parametrize(
    ("way", "name"),
    [
        pytest.param(way, name, marks=[wrong("raises an error of PyTorch")] if name in RAW[way] else [])
        for way in RAW
        for name in ARRAYS
    ],
)
def test_arrays_of_any_layout_are_read_as_the_numbers_that_they_are(way, name):
    model = nn.Linear(4, 3)
    inputs, labels = ARRAYS[name](TABLE.inputs.numpy()), big_or(name, TABLE.labels.numpy())
    data = TensorData(inputs, labels) if way == "tensors" else [(inputs, labels)]
    found, wanted = evaluate(model, data), evaluate(model, TABLE)
    assert found.accuracy == pytest.approx(wanted.accuracy, abs=0.05)
    assert found.loss == pytest.approx(wanted.loss, rel=1e-2)


def big_or(name, labels):
    return big_endian(labels.astype("int32")) if name == "of another byte order" else labels


LABELS = {
    "int8": (lambda labels: labels.to(torch.int8), None),
    "int32": (lambda labels: labels.int(), None),
    "uint8": (lambda labels: labels.to(torch.uint8), None),
    "unsigned": (lambda labels: labels.numpy().astype("uint16"), None),
    "array": (lambda labels: labels.numpy(), None),
    "float": (lambda labels: labels.float(), "whole numbers"),
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
def test_labels_of_each_kind_are_classes_or_one_sentence(name, way, call):
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


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(TABLE.inputs, TABLE.labels, strict=True))


class Backwards(Sampler):
    def __init__(self):
        pass

    def __iter__(self):
        return iter(range(47, -1, -1))

    def __len__(self):
        return 48


ROWS = TensorDataset(TABLE.inputs, TABLE.labels)


def in_batches(sampler, *, drop):
    return DataLoader(ROWS, batch_sampler=BatchSampler(sampler, 7, drop))


LOADERS = {
    "plain": lambda: DataLoader(ROWS, 7),
    "drops its last batch": lambda: DataLoader(ROWS, 7, drop_last=True),
    "by a sampler of batches": lambda: in_batches(SequentialSampler(ROWS), drop=False),
    "by a sampler of batches that drops": lambda: in_batches(SequentialSampler(ROWS), drop=True),
    "by a range": lambda: DataLoader(ROWS, 7, sampler=range(48)),
    "stream": lambda: DataLoader(Stream(), 7),
    "stream that drops": lambda: DataLoader(Stream(), 7, drop_last=True),
    "list": lambda: [ROWS[:20], ROWS[20:]],
    "shuffled": lambda: DataLoader(ROWS, 7, shuffle=True),
    "shuffled batches": lambda: in_batches(RandomSampler(ROWS), drop=False),
    "random subset": lambda: DataLoader(ROWS, 7, sampler=SubsetRandomSampler(range(48))),
    "weighted": lambda: DataLoader(ROWS, 7, sampler=WeightedRandomSampler([1.0] * 48, 48)),
    "sampler of one's own": lambda: DataLoader(ROWS, 7, sampler=Backwards()),
    "order of one's own": lambda: DataLoader(ROWS, 7, sampler=list(range(47, -1, -1))),
    "batches of one's own": lambda: DataLoader(ROWS, batch_sampler=[[1, 0], [3, 2]]),
}
MISREAD = {
    "by a sampler of batches that drops": "raises RuntimeError: the batch size is that of the loader, None",
    "sampler of one's own": "predicts in the sampler's order",
    "order of one's own": "predicts in the sampler's order",
    "batches of one's own": "predicts in the sampler's order",
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[wrong(MISREAD[name])] if name in MISREAD else []) for name in LOADERS]
)
def test_predictions_are_in_the_order_of_the_data_or_refused(name):
    model = nn.Linear(4, 3)
    try:
        found = predict(model, LOADERS[name]())
    except InputError as error:
        assert "in the order of its data set" in str(error)  # noqa: PT017 - either is right
        return
    torch.testing.assert_close(found, model(TABLE.inputs).detach())


@pytest.mark.parametrize(
    "once",
    [lambda: iter([ROWS[:]]), lambda: (part for part in [ROWS[:]]), lambda: map(tuple, [ROWS[:]])],
    ids=["iterator", "generator", "map"],
)
@pytest.mark.parametrize("call", [trained, evaluate, predict])
def test_what_can_be_gone_through_once_is_refused(once, call):
    with pytest.raises(InputError, match="starts anew with every pass"):
        call(nn.Linear(4, 3), once())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("inputs", [torch.float64, torch.float16, torch.uint8, torch.bool])
def test_a_model_of_another_precision_gets_inputs_of_its_own(dtype, inputs):
    model = nn.Linear(4, 3).to(dtype)
    data = TensorData((TABLE.inputs.abs() * 9).to(inputs), TABLE.labels)
    trained(model, data)
    assert model.weight.dtype is dtype
    assert evaluate(model, data).loss == pytest.approx(evaluate(model, [data.batch(torch.arange(48))]).loss, rel=1e-2)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
@pytest.mark.parametrize("way", ["tensors", "batches"])
def test_tokens_reach_the_model_as_they_are(dtype, kind, way):
    inputs, labels = TOKENS.to(dtype), torch.arange(32) % 3
    data = TensorData(inputs, labels) if way == "tensors" else [(inputs, labels)]
    model = Words(kind=kind)
    trained(model, data)
    torch.testing.assert_close(predict(model, data), model(inputs).detach())


@wrong("batches of truth values stay such, where those of TensorData become numbers")
def test_truth_values_are_numbers_in_batches_too():
    model, inputs = nn.Linear(4, 3), TABLE.inputs > 0
    found = predict(model, [(inputs, TABLE.labels)])
    torch.testing.assert_close(found, predict(model, TensorData(inputs, TABLE.labels)))


# Modes and gradients


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
    [(leaves_root, 10), (leaves_inner, 10), (leaves_gradients_off, 10), (freezes, 3)],
)
def test_what_a_callback_leaves_behind_does_not_change_training(leave, normalization, wrap):
    model, dropout, norm = net(), [], []
    model[2].register_forward_hook(lambda module, inputs, output: dropout.append(module.training))
    model[1].register_forward_hook(lambda module, inputs, output: norm.append(module.training))
    wrapped = wrap(model)
    before = model[0].weight.detach().clone()
    with torch.enable_grad():
        trained(wrapped, stop=StopRule(None, max_epochs=3), on_epoch=lambda report: leave(wrapped, model))
    assert (sum(dropout), sum(norm), len(dropout)) == (10, normalization, 10)  # three epochs of three, and one counted
    assert all(module.training for module in wrapped.modules())
    assert not torch.equal(model[0].weight, before)


def test_gradients_that_are_off_outside_are_on_for_training():
    model, other = net(), net()
    other.load_state_dict(model.state_dict())
    trained(model)
    with torch.no_grad():
        trained(other)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


class Counting(nn.Module):
    """Counts its passes in several places, and unfreezes a layer after some."""

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


@wrong("the pass in which operations are counted stays in nested lists")
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


# Arguments


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
    "measure": lambda value: StopRule(measure=value),
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
    "max_epochs": (lambda value: StopRule(max_epochs=value), [None, "1", -1, 0, 1.5, [1], True]),
    "max_steps": (lambda value: StopRule(max_steps=value), ["1", -1, 0, 1.5, [1], True]),
    "learning_rate": (lambda value: Recipe(learning_rate=value), [None, "0.1", -1, 0, float("nan"), [1], {}]),
    "weight_decay": (lambda value: Recipe(weight_decay=value), [None, "0.1", -1, float("inf"), [1], {}]),
    "momentum": (lambda value: Recipe(optimizer="sgd", momentum=value), [None, "0.1", -1, 1, [1], {}]),
    "step_shrink": (lambda value: Recipe(step_shrink=value), [None, "0.1", -1, 2, [1], torch.zeros(2)]),
    "train_accuracy": (lambda value: StopRule(train_accuracy=value), ["high", 0, 1.5, float("nan"), [1], {}]),
}


UNCHECKED = {
    **dict.fromkeys(("fit model", "fit recipe", "fit stop", "take", "transfer"), "raises AttributeError"),
    "fit on_epoch": "raises TypeError after the first epoch",
    **dict.fromkeys(("optimizer of a recipe", "precision", "measure"), "None is taken"),
    **dict.fromkeys(("recipe batch_size", "max_epochs"), "None is taken, and fails later"),
    **dict.fromkeys(("learning_rate", "weight_decay", "momentum", "step_shrink"), "raises TypeError"),
    "train_accuracy": "raises TypeError",
}


def checked(names):
    return [pytest.param(name, marks=[wrong(UNCHECKED[name])] if name in UNCHECKED else []) for name in names]


@pytest.mark.parametrize("name", checked(CALLS))
def test_an_argument_of_another_kind_is_one_sentence(name):
    for value in BAD:
        with pytest.raises(InputError):
            CALLS[name](value)


@pytest.mark.parametrize("name", checked(NUMBERS))
def test_a_number_out_of_range_is_one_sentence_that_names_it(name):
    call, values = NUMBERS[name]
    for value in values:
        with pytest.raises(InputError, match=name.split()[-1]):
            call(value)


def test_an_input_of_another_width_is_one_sentence_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for call in (trained, evaluate, predict):
            with pytest.raises(InputError, match=r"model must take inputs of shape \(n, 4\)"):
                call(nn.Linear(5, 3), TABLE)
