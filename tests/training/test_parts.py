"""Recipe, stopping rule, data, evaluation, cost: the parts of a round."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from samples import blobs, pictures
from warmstart.basics import InputError
from warmstart.training import (
    Cost,
    EpochReport,
    OptimizerKind,
    Recipe,
    StoppingRule,
    StopReason,
    TensorData,
    evaluate,
    predict,
)
from warmstart.training._data import batches, smallest_batch
from warmstart.training._memory_format import (
    has_channels_last,
    prefers_channels_last,
    with_channels_first,
    with_channels_last,
)


@given(st.integers(1, 2000), st.integers(1, 300))
def test_batches_are_few_even_and_complete(count, size):
    parts = batches(torch.arange(count), size)
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) == smallest_batch(count, size)
    if size == 2 and count % 2:
        assert min(lengths) == min(2, count), "no sample is left alone"
    else:
        assert len(parts) == math.ceil(count / size)
        assert max(lengths) <= size
    assert torch.equal(torch.cat(list(parts)), torch.arange(count))


def test_images_are_scaled_as_the_paper_does():
    data = pictures(5)
    inputs, labels = data.batch(torch.tensor([3, 1]))
    torch.testing.assert_close(inputs, (data.inputs[[3, 1]] / 255 - 0.5) / 0.5)
    assert torch.equal(labels, data.labels[[3, 1]])


CONVOLUTIONAL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))


@pytest.mark.parametrize("model", [CONVOLUTIONAL, nn.Sequential(nn.Flatten(), nn.Linear(192, 2))], ids=["conv", "flat"])
def test_the_memory_format_is_the_models_and_changes_no_value(model):
    images = torch.randint(0, 256, (6, 3, 8, 8)).to(torch.uint8)
    data = TensorData(images, torch.arange(6) % 2)
    formatted = data.prepared_for_(model)
    indices = torch.tensor([4, 0, 4])
    inputs, labels = formatted.batch(indices)
    channels_last = inputs.is_contiguous(memory_format=torch.channels_last)
    assert channels_last == (model is CONVOLUTIONAL)
    assert torch.equal(inputs, data.batch(indices)[0])
    assert torch.equal(formatted.take(indices).inputs, images[indices])
    assert labels.tolist() == [0, 0, 0]


def pointwise(inputs, *, stride=2, groups=1):
    return nn.Conv2d(inputs, 8, 1, stride=stride, groups=groups, bias=False)


@pytest.mark.parametrize(
    ("convolution", "wants"),
    [
        (pointwise(2), False),
        (pointwise(32, groups=8), False),
        (pointwise(16), True),
        (pointwise(2, stride=1), True),
        (nn.Conv2d(2, 8, 3, stride=2), True),
    ],
)
def test_channels_are_last_only_where_the_kernels_stay_in_their_memory(convolution, wants):
    assert prefers_channels_last(nn.Sequential(convolution)) is wants


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
def test_batches_keep_the_memory_format_of_their_images(channels, last):
    images = torch.zeros(4, channels, 8, 8)
    for formatted in (with_channels_first(images), with_channels_last(with_channels_last(images))):
        formatted = with_channels_last(formatted) if last else with_channels_first(formatted)
        inputs, _ = TensorData(formatted, torch.zeros(4).long()).batch(torch.tensor([1, 2]))
        assert has_channels_last(inputs) is has_channels_last(formatted) is last


def test_gradients_of_narrow_strided_pointwise_convolutions_are_right():
    images, convolution = torch.rand(60, 2, 8, 8), pointwise(2).to(memory_format=torch.channels_last)
    formatted = TensorData(images, torch.zeros(60).long()).prepared_for_(convolution)
    outputs = convolution(formatted.inputs)
    found = torch.autograd.grad(outputs.square().sum(), convolution.weight)[0]
    by_hand = torch.einsum("nohw,nihw->oi", 2 * outputs.detach(), images[:, :, ::2, ::2])
    torch.testing.assert_close(found[:, :, 0, 0], by_hand, rtol=1e-4, atol=1e-3)


def test_numbers_that_are_no_pictures_are_left_as_they_are():
    data = TensorData(torch.tensor([[0.5], [2.0]]), torch.tensor([0, 1]))
    assert torch.equal(data.batch(torch.tensor([0, 1]))[0], data.inputs)


def test_taking_copies():
    data = blobs(6)
    taken = data.take(torch.tensor([0, 2]))
    taken.inputs.zero_()
    assert data.inputs.any()


def test_labels_are_one_for_each_input():
    with pytest.raises(InputError, match=r"labels must be one for each input, got \(3,\)"):
        TensorData(torch.zeros(2, 4), torch.zeros(3).long())


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_evaluation_is_the_mean_over_samples(batch_size):
    data, model = blobs(20), nn.Linear(4, 3)
    logits = model(data.inputs)
    found = evaluate(model, data, batch_size=batch_size)
    assert found.accuracy == (logits.argmax(1) == data.labels).double().mean().item()
    assert found.loss == pytest.approx(nn.functional.cross_entropy(logits, data.labels).item(), rel=1e-5)


def test_evaluation_leaves_modes_and_buffers():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout().eval())
    before = model[0].running_mean.clone()
    evaluate(model, blobs(20))
    assert [module.training for module in model] == [True, False]
    assert torch.equal(model[0].running_mean, before)


def test_a_lost_model_is_not_finite():
    model = nn.Linear(4, 3)
    nn.init.constant_(model.weight, math.nan)
    assert not evaluate(model, blobs(6)).is_finite


def test_evaluating_on_nothing_is_refused():
    with pytest.raises(InputError, match=r"at least one sample to evaluate on"):
        evaluate(nn.Linear(4, 3), blobs(6).take(torch.tensor([], dtype=torch.int64)))


def report(epoch, accuracy, loss=1.0):
    return EpochReport(epoch, 10 * epoch, accuracy, loss)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 5))
def test_a_rule_with_every_limit_ends_within_its_limit(accuracies, patience):
    rule = StoppingRule(0.99, patience, max_epochs=len(accuracies))
    history = [report(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, 1)]
    stop_reasons = [rule.stop_reason(history[:length]) for length in range(1, len(history) + 1)]
    assert stop_reasons[-1] is not None


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=40), st.integers(1, 6))
def test_patience_runs_out_when_the_best_of_all_epochs_is_so_long_ago(accuracies, patience):
    history = [report(epoch, accuracy) for epoch, accuracy in enumerate(accuracies, 1)]
    rule = StoppingRule(None, patience)

    def ended(length):
        best_at = accuracies.index(max(accuracies[:length]))
        return length - 1 - best_at >= patience

    ends = next((length for length in range(1, len(history) + 1) if ended(length)), len(history) + 1)
    assert all(rule.stop_reason(history[:length]) is None for length in range(1, ends))
    assert ends > len(history) or rule.stop_reason(history[:ends]) is StopReason.PLATEAU


class Counted(list):
    """A list that counts how many of its items are read."""

    read = 0

    def __getitem__(self, where):
        found = super().__getitem__(where)
        self.read += len(found) if isinstance(where, slice) else 1
        return found

    def __iter__(self):
        for item in super().__iter__():
            self.read += 1
            yield item


@pytest.mark.parametrize("epochs", [100, 10_000])
def test_the_rule_reads_as_few_epochs_however_many_there_were(epochs):
    history = Counted(report(epoch, epoch / 20_000) for epoch in range(1, epochs + 1))
    assert StoppingRule(patience=5, max_epochs=20_000).stop_reason(history) is None
    assert 0 < history.read < 10


def test_equal_accuracy_is_no_progress():
    rule = StoppingRule(None, patience=2)
    assert rule.stop_reason([report(1, 0.5), report(2, 0.5)]) is None
    assert rule.stop_reason([report(1, 0.5), report(2, 0.5), report(3, 0.5)]) is StopReason.PLATEAU


def test_progress_renews_patience():
    rule = StoppingRule(None, patience=2)
    history = [report(1, 0.5), report(2, 0.4), report(3, 0.6), report(4, 0.5)]
    assert rule.stop_reason(history) is None


def test_divergence_counts_before_all_else():
    assert StoppingRule(0.5).stop_reason([report(1, 1.0, math.nan)]) is StopReason.DIVERGED


def test_a_target_counts_before_the_limit():
    assert StoppingRule(0.5, max_epochs=1).stop_reason([report(1, 0.5)]) is StopReason.CONVERGED


@pytest.mark.parametrize(
    ("owner", "options", "message"),
    [
        (Recipe, {"learning_rate": 0}, r"learning_rate must lie in \(0, inf\), got 0"),
        (Recipe, {"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        (Recipe, {"weight_decay": -1}, r"weight_decay must lie in \[0, inf\), got -1"),
        (Recipe, {"momentum": 1, "optimizer": OptimizerKind.SGD}, r"momentum must lie in \[0, 1\), got 1"),
        (Recipe, {"momentum": 0.9}, "momentum must be 0 with adam"),
        (StoppingRule, {"train_accuracy": 99}, r"train_accuracy must lie in \(0, 1\], got 99"),
        (StoppingRule, {"patience": 0}, "patience must be a whole number of at least 1, got 0"),
        (StoppingRule, {"max_epochs": 0}, "max_epochs must be a whole number of at least 1, got 0"),
        (StoppingRule, {"max_steps": 0}, "max_steps must be a whole number of at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)


@given(st.integers(0, 9), st.integers(0, 9))
def test_costs_add_up(one, other):
    total = Cost(one, one, one, one) + Cost(other, other, other, other)
    assert total == Cost(one + other, one + other, one + other, one + other)


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_predictions_are_the_logits_one_by_one(batch_size):
    data = blobs(20)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
    with torch.no_grad():
        model[1].running_mean.fill_(0.3)
    before = torch.get_rng_state()
    found = predict(model, data, batch_size=batch_size)
    assert torch.equal(torch.get_rng_state(), before)
    assert not found.requires_grad
    assert all(module.training for module in model.modules())
    assert int(model[1].num_batches_tracked) == 0
    model.eval()
    literal = [model(data.inputs[index : index + 1])[0] for index in range(20)]
    torch.testing.assert_close(found, torch.stack(literal).detach())


def test_predictions_and_evaluation_are_of_the_same_outputs():
    data, model = blobs(30), nn.Linear(4, 3)
    logits = predict(model, data)
    right = sum(int(row.argmax() == label) for row, label in zip(logits, data.labels, strict=True))
    loss = -sum(float(row.log_softmax(0)[label]) for row, label in zip(logits, data.labels, strict=True)) / 30
    found = evaluate(model, data)
    assert (found.accuracy, found.loss) == (right / 30, pytest.approx(loss))


def test_nothing_to_predict_is_refused():
    with pytest.raises(InputError, match="at least one sample to predict, got 0"):
        predict(nn.Linear(4, 3), blobs(0))


def test_a_mask_takes_nothing():
    with pytest.raises(InputError, match=r"indices must be int64 or int32, got torch\.bool"):
        pictures(4).take(torch.tensor([True, False, True, True]))


def test_what_was_taken_stays_when_the_indices_change():
    indices = torch.tensor([1, 3])
    taken = pictures(4).take(indices)
    before = taken.inputs
    indices.zero_()
    assert torch.equal(taken.inputs, before)


def test_of_a_subset_only_the_subset_is_converted():
    part = pictures(40).take(torch.arange(3))
    converted = part.to_memory_format(channels_last=True)
    assert len(converted._inputs) == 3
    assert torch.equal(converted.inputs, part.inputs)


def test_scaled_inputs_beyond_a_limit_are_compressed_and_all_others_are_what_they_were():
    inputs = torch.tensor([[0.5, -3.0], [2.0, 40.0], [-900.0, 1e6]])
    data = TensorData(inputs, torch.tensor([0, 1, 1]))
    scale, offset = torch.tensor([2.0, 0.5]), torch.tensor([1.0, 0.0])
    every = torch.arange(3)
    plain = data.scaled(scale, offset).batch(every)[0]
    found = data.scaled(scale, offset, limit=5.0).batch(every)[0]
    for value, compressed in zip(plain.flatten().tolist(), found.flatten().tolist(), strict=True):
        if abs(value) <= 5:
            assert compressed == value
        else:
            assert compressed == pytest.approx(math.copysign(5 + math.log(abs(value) / 5), value), rel=1e-6)
    # Order is kept, of what is within the limit and what is beyond.
    assert plain.argsort(0).equal(found.argsort(0))


def test_data_within_the_limit_share_their_memory_and_keep_their_bits():
    draw = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    data = TensorData(draw, torch.zeros(64, dtype=torch.long)).take(torch.arange(0, 64, 2))
    limited = data.scaled(1.5, 0.1, limit=50.0)
    assert limited._inputs is data._inputs
    rows = torch.arange(32)
    assert limited.batch(rows)[0].equal(data.scaled(1.5, 0.1).batch(rows)[0])
    beyond = data.scaled(1.5, 0.1, limit=2.0)
    assert len(beyond) == 32
    assert beyond.take(torch.tensor([3])).batch(torch.tensor([0]))[0].equal(beyond.batch(torch.tensor([3]))[0])


def test_a_rise_by_next_to_nothing_is_none():
    history = [report(epoch, accuracy) for epoch, accuracy in enumerate([0.500, 0.5015, 0.503, 0.5045, 0.506], 1)]

    def first_end(**options):
        rule = StoppingRule(patience=2, **options)
        return next((length for length in range(1, 6) if rule.stop_reason(history[:length])), None)

    assert first_end(min_delta=0.0031) == 3
    assert first_end(min_delta=0.002) is None
    assert first_end() is None
    with pytest.raises(InputError, match="min_delta must lie in"):
        StoppingRule(min_delta=-0.1)
