import pytest
import torch

from warmstart.basics import InputError, generator_for
from warmstart.streams import Growing, TwoPhase

STREAMS = [
    TwoPhase(),
    TwoPhase(0.1),
    Growing(),
    Growing(7),
    Growing(rounds=3),
    Growing(7, 2),
    Growing(arrival_size=101),
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
    ],
)
def test_options_out_of_range_are_refused(owner, options, message):
    with pytest.raises(InputError, match=message):
        owner(**options)
