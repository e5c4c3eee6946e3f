import pytest
import torch

from warmstart.basics import InputError, generator_for
from warmstart.queries import Entropy, Margin, Random
from warmstart.streams import Active, Growing, Part, TwoPhase

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
]


def arrivals(stream, count=101, seed=0):
    return stream.arrivals(count, generator=generator_for(seed))


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_no_sample_arrives_twice_and_all_come_from_the_pool(stream):
    seen = torch.cat(arrivals(stream))
    assert len(seen.unique()) == len(seen)
    assert 0 <= seen.min() <= seen.max() < 101


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_arrivals_are_decided_by_the_generator(stream):
    one, same, other = (torch.cat(arrivals(stream, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


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
    ],
)
def test_arrivals_have_the_sizes_asked_for(stream, sizes):
    assert [len(arrival) for arrival in arrivals(stream)] == sizes


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
    ],
)
def test_too_little_data_is_one_sentence(stream, message):
    with pytest.raises(InputError, match=message):
        arrivals(stream)


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
    ],
)
def test_options_out_of_range_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)


@pytest.mark.parametrize("query", [Margin(), Entropy(), Random()], ids=repr)
def test_the_first_arrival_is_that_of_a_passive_stream_whatever_the_query(query):
    passive, active = arrivals(Growing(7)), arrivals(Active(query, 7))
    assert torch.equal(passive[0], active[0])


def test_a_larger_part_contains_the_smaller_ones():
    parts = [arrivals(Part(fraction))[0] for fraction in (0.1, 0.5, 1.0)]
    assert torch.equal(parts[2][:50], parts[1])
    assert torch.equal(parts[1][:10], parts[0])
