"""Every stream, under the rules that all of them keep; then what each one brings."""

import inspect

import pytest
import torch
from torch import nn

from rounds import arrivals
from samples import blobs
from warmstart import streams
from warmstart.basics import InputError, generator_for
from warmstart.models import MLP
from warmstart.queries import Entropy, Margin, Random
from warmstart.streams import (
    Active,
    Given,
    Growing,
    OrderedStream,
    Part,
    PassiveStream,
    Stream,
    TimeOrdered,
    TwoPhase,
    check_arrival,
)

STREAMS = [
    TwoPhase(),
    TwoPhase(0.1),
    Growing(),
    Growing(7),
    Growing(rounds=3),
    Growing(7, 2),
    Growing(arrival_size=101),
    Active(),
    Active(Random(), 7, 2),
    Part(),
    Part(0.3),
    TimeOrdered(),
    TimeOrdered(7),
    TimeOrdered(7, 2),
    Given(((0, 5, 3), (100,), (7, 8))),
]


NOTHING = torch.empty(0, dtype=torch.int64)


def test_every_exported_stream_is_in_the_table():
    exported = {value for value in vars(streams).values() if inspect.isclass(value) and issubclass(value, Stream)}
    assert exported - {Stream, PassiveStream, OrderedStream} == {type(stream) for stream in STREAMS}


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_no_sample_arrives_twice_and_all_come_from_the_pool(stream):
    seen = torch.cat(arrivals(stream, 101))
    assert len(seen.unique()) == len(seen)
    assert 0 <= seen.min() <= seen.max() < 101


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_arrivals_are_decided_by_the_generator(stream):
    one, same, other = (torch.cat(arrivals(stream, 101, seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert torch.equal(one, other) == stream.keeps_order


@pytest.mark.parametrize(
    ("stream", "sizes"),
    [
        (TwoPhase(), [50, 51]),
        (TwoPhase(0.1), [10, 91]),
        (Growing(), [21, 20, 20, 20, 20]),
        (Growing(25), [25, 25, 25, 25, 1]),
        (Growing(rounds=2), [51, 50]),
        (Growing(30, 2), [30, 30]),
        (Active(), [21, 20, 20, 20, 20]),
        (Active(arrival_size=25), [25, 25, 25, 25, 1]),
        (Active(arrival_size=30, rounds=2), [30, 30]),
        (Part(), [101]),
        (Part(0.5), [50]),
        (Part(1 / 3), [34]),
        (Part(0.02), [2]),
        (TimeOrdered(), [21, 20, 20, 20, 20]),
        (TimeOrdered(25), [25, 25, 25, 25, 1]),
        (TimeOrdered(25, 2), [25, 25]),
        (Given(((0, 5, 3), (100,))), [3, 1]),
    ],
)
def test_arrivals_have_the_sizes_asked_for(stream, sizes):
    assert stream.sizes(101) == sizes == [len(arrival) for arrival in arrivals(stream, 101)]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (TwoPhase(0.001), "fraction must leave at least 2 of the 101 samples"),
        (Growing(102), "arrival_size must be at most 101, the samples there are to train on, got 102"),
        (Growing(50, 4), "rounds must be at most 3, which use up the 101 samples in arrivals of 50, got 4"),
        (Growing(rounds=80), "rounds must be at most 50"),
        (Active(arrival_size=102), "arrival_size must be at most 101, the samples there are to train on, got 102"),
        (Active(rounds=80), "rounds must be at most 50"),
        (Part(0.01), "fraction must make at least 2 of the 101 samples arrive, got 0.01"),
        (TimeOrdered(102), "arrival_size must be at most 101, the samples there are to train on, got 102"),
        (TimeOrdered(rounds=80), "rounds must be at most 50"),
        (Given(((0, 101),)), r"arrivals must be of indices in \[0, 101\), got 101"),
    ],
)
def test_too_little_data_is_one_sentence(stream, message):
    with pytest.raises(InputError, match=message):
        arrivals(stream, 101)


@pytest.mark.parametrize(
    ("owner", "options", "message"),
    [
        (TwoPhase, {"fraction": 0}, r"fraction must lie in \(0, 1\), got 0"),
        (TwoPhase, {"fraction": 1}, r"fraction must lie in \(0, 1\), got 1"),
        (Growing, {"arrival_size": 1}, "arrival_size must be a whole number of at least 2, got 1"),
        (Growing, {"rounds": 0}, "rounds must be a whole number of at least 1, got 0"),
        (Active, {"arrival_size": 1}, "arrival_size must be a whole number of at least 2, got 1"),
        (Active, {"rounds": 0}, "rounds must be a whole number of at least 1, got 0"),
        (Part, {"fraction": 0}, r"fraction must lie in \(0, 1\], got 0"),
        (Part, {"fraction": 1.1}, r"fraction must lie in \(0, 1\], got 1.1"),
        (TimeOrdered, {"arrival_size": 1}, "arrival_size must be a whole number of at least 2, got 1"),
        (TimeOrdered, {"rounds": 0}, "rounds must be a whole number of at least 1, got 0"),
        (Given, {"arrivals": 3}, "arrivals must be lists of whole numbers, got 3"),
        (Given, {"arrivals": [[0.5]]}, r"arrivals must be lists of whole numbers, got \[\[0.5\]\]"),
        (Given, {"arrivals": []}, "arrivals must each have at least one sample"),
        (Given, {"arrivals": [[0], []]}, "arrivals must each have at least one sample"),
        (Given, {"arrivals": [[0, -1]]}, "arrivals must be of indices from 0, got -1"),
        (Given, {"arrivals": [[0, 4], [2, 4]]}, "arrivals must contain each sample at most once, got 4 twice"),
    ],
)
def test_options_out_of_range_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)


@pytest.mark.parametrize("query", [Margin(), Entropy(), Random()], ids=repr)
def test_the_first_arrival_is_that_of_a_passive_stream_whatever_the_query(query):
    passive, active = arrivals(Growing(7), 101), arrivals(Active(query, 7), 101)
    assert torch.equal(passive[0], active[0])


def test_a_larger_part_contains_the_smaller_ones():
    parts = [arrivals(Part(fraction), 101)[0] for fraction in (0.1, 0.5, 1.0)]
    assert torch.equal(parts[2][:50], parts[1])
    assert torch.equal(parts[1][:10], parts[0])


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_only_a_stream_that_says_so_reads_the_model(stream):
    class Unread(nn.Module):
        def forward(self, inputs):
            raise AssertionError("the model was run")

    for number, part in enumerate(parts := arrivals(stream, 101), 1):
        seen = torch.cat([NOTHING, *parts[: number - 1]])
        if not stream.reads_model or number == 1:
            found = stream.select(number, range(101), seen, Unread(), generator_for(0, "stream"))
            assert torch.equal(found, part)
    assert stream.reads_model == isinstance(stream, Active)


@pytest.mark.parametrize("query", [Margin(), Random()], ids=repr)
def test_an_active_stream_picks_among_what_has_not_arrived(query):
    pool, seen = blobs(30), torch.tensor([4, 8, 15, 16, 23, 29])
    model = MLP(width=4).build(pool.sample_shape, 3, generator=generator_for(0))
    stream = Active(query, arrival_size=8)
    picked = stream.select(2, pool, seen, model, generator_for(1))
    assert torch.equal(picked, stream.select(2, pool, seen, model, generator_for(1)))
    assert len(picked) == 8
    assert not set(picked.tolist()) & set(seen.tolist())
    check_arrival(stream, picked, 2, seen, len(pool))


def test_a_model_cannot_read_a_pool_that_is_no_tensor_data():
    with pytest.raises(InputError, match="pool must be TensorData for a model to read it, got a range"):
        Active().select(2, range(30), torch.arange(6), nn.Linear(2, 2), generator_for(0))


@pytest.mark.parametrize(
    ("arrival", "message"),
    [
        ([0, 1], "Growing.select must return 4 int64 indices in round 2, as sizes says, got a list"),
        (torch.arange(3), r"must return 4 int64 indices .* got torch.int64 of shape \(3,\)"),
        (torch.arange(4.0), "must return 4 int64 indices .* got torch.float32"),
        (torch.tensor([4, 5, 6, 6]), r"in \[0, 10\) that have not arrived before, but got others in round 2"),
        (torch.tensor([3, 4, 5, 6]), "that have not arrived before"),
        (torch.tensor([4, 5, 6, 10**12]), "that have not arrived before"),
        (torch.tensor([4, 5, 6, -1]), "that have not arrived before"),
    ],
)
def test_what_a_stream_of_ones_own_selects_is_checked(arrival, message):
    with pytest.raises(InputError, match=message):
        check_arrival(Growing(4), arrival, 2, torch.arange(4), 10)
    check_arrival(Growing(4), torch.tensor([9, 4, 5, 6]), 2, torch.arange(4), 10)
