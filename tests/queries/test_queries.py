"""Every query, under the rules that all of them keep; then what is theirs alone."""

import inspect
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warmstart import queries
from warmstart.basics import InputError, generator_for
from warmstart.queries import (
    Entropy,
    LeastConfidence,
    Margin,
    Query,
    Random,
    entropy_scores,
    least_confidence_scores,
    margin_scores,
    most_wanted,
)

# One row for each query with the scores that it ranks by. Every exported query must be here.
TABLE = {Margin(): margin_scores, Entropy(): entropy_scores, LeastConfidence(): least_confidence_scores, Random(): None}
READING = {query: scores for query, scores in TABLE.items() if scores is not None}

counts = st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


def pool(rows=30, classes=4):
    return torch.randn(rows, classes, generator=generator_for("pool", rows)) * 3


def choose(query, logits, count, seed=0):
    return query(logits, count, generator=generator_for("query", seed))


def test_every_exported_query_is_in_the_table():
    exported = {value for value in vars(queries).values() if inspect.isclass(value) and issubclass(value, Query)}
    assert exported - {Query} == {type(query) for query in TABLE}


@pytest.mark.parametrize("query", TABLE, ids=repr)
class TestEveryQuery:
    @settings(deadline=None, max_examples=50)
    @given(sizes=counts)
    def test_returns_that_many_different_rows_of_the_pool(self, query, sizes):
        rows, count = sizes
        chosen = choose(query, pool(rows), count)
        assert chosen.dtype is torch.int64
        assert chosen.shape == (count,)
        assert len({*chosen.tolist()} & {*range(rows)}) == count

    def test_chooses_fewer_as_the_first_of_more(self, query):
        assert torch.equal(choose(query, pool(), 5), choose(query, pool(), 20)[:5])

    @pytest.mark.usefixtures("untouched_globals")
    def test_chooses_the_same_for_the_same_generator(self, query):
        assert torch.equal(choose(query, pool(), 10), choose(query, pool(), 10))

    def test_leaves_the_logits_as_they_are(self, query):
        logits = pool().requires_grad_()
        before = logits.detach().clone()
        assert not choose(query, logits, 10).requires_grad
        assert torch.equal(logits.detach(), before)

    @pytest.mark.parametrize("count", [6, 7])
    def test_refuses_more_than_the_pool_holds(self, query, count):
        with pytest.raises(InputError, match=f"count must be at most 5, the samples in the pool, got {count}"):
            choose(query, pool(5), count)

    @pytest.mark.parametrize("count", [0, -1, True, 2.0])
    def test_refuses_what_is_no_count(self, query, count):
        with pytest.raises(InputError, match=f"count must be a whole number of at least 1, got {count}"):
            choose(query, pool(5), count)

    def test_refuses_an_empty_pool(self, query):
        with pytest.raises(InputError, match="count must be at most 0"):
            choose(query, torch.empty(0, 4), 1)

    def test_breaks_ties_evenly_and_not_by_position(self, query):
        firsts = Counter(choose(query, torch.ones(4, 3), 1, seed).item() for seed in range(400))
        # A row's count has mean 100 and deviation 8.7: five deviations either way.
        assert all(56 <= firsts[row] <= 144 for row in range(4))

    def test_chooses_at_random_where_all_rows_are_equal(self, query):
        assert torch.equal(choose(query, torch.ones(30, 4), 10), choose(Random(), torch.ones(30, 4), 10))

    def test_is_rebuilt_from_its_repr(self, query):
        assert eval(repr(query)) == query


@pytest.mark.parametrize(("query", "scores"), READING.items(), ids=[repr(query) for query in READING])
class TestEveryQueryThatReadsLogits:
    def test_takes_the_highest_scores_best_first(self, query, scores):
        values = scores(pool()).tolist()
        assert choose(query, pool(), 12).tolist() == sorted(range(30), key=lambda row: -values[row])[:12]

    @settings(deadline=None, max_examples=50)
    @given(order=st.permutations(range(30)))
    def test_chooses_samples_and_not_positions(self, query, scores, order):
        chosen = torch.tensor(order)[choose(query, pool()[order], 12)]
        assert torch.equal(chosen, choose(query, pool(), 12))

    @pytest.mark.parametrize("seed", range(5))
    def test_wants_the_undecided_before_the_decided(self, query, scores, seed):
        logits = torch.tensor([[8.0, 0, 0], [0, 0.2, 0], [0, 9.0, 0], [0.1, 0, 0]])
        assert choose(query, logits, 3, seed).tolist() == [3, 1, 0]

    def test_says_that_it_reads_them(self, query, scores):
        assert query.reads_logits


def test_random_needs_no_logits():
    lost = torch.full((30, 4), float("nan"))
    assert not Random().reads_logits
    assert torch.equal(choose(Random(), lost, 10), choose(Random(), torch.empty(30, 0), 10))


def test_random_chooses_every_order_alike():
    seen = Counter(tuple(choose(Random(), torch.empty(3, 0), 2, seed).tolist()) for seed in range(600))
    assert len(seen) == 6
    # Each of the six has mean 100 and deviation 9.1.
    assert all(54 <= count <= 146 for count in seen.values())


def test_margin_and_entropy_want_different_samples_of_three_classes():
    two_left, three_left = torch.tensor([0.49, 0.49, 0.02]), torch.tensor([0.40, 0.32, 0.28])
    logits = torch.stack([two_left, three_left]).log()
    assert choose(Margin(), logits, 1).tolist() == [0]
    assert choose(Entropy(), logits, 1).tolist() == [1]


def test_an_infinite_score_is_first_or_last():
    scores = torch.tensor([0.0, float("-inf"), float("inf"), 1.0])
    assert most_wanted(scores, 4, generator=generator_for(0)).tolist() == [2, 3, 0, 1]


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="scores must be numbers, got nan in row 1"):
        most_wanted(torch.tensor([0.0, float("nan")]), 1, generator=generator_for(0))


def test_the_generator_moves_as_far_with_ties_as_without():
    tied, untied = generator_for(0), generator_for(0)
    most_wanted(torch.zeros(9), 2, generator=tied)
    most_wanted(torch.arange(9.0), 5, generator=untied)
    assert torch.equal(tied.get_state(), untied.get_state())


@pytest.mark.parametrize("query", [Random(), Margin()], ids=repr)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": None}, "count must be a whole number of at least 1, got None"),
        ({"generator": None}, r"generator must be a torch\.Generator on the CPU, got None"),
        ({"logits": [[0.0, 1.0]]}, "logits must be a tensor, got a list"),
        ({"logits": torch.zeros(3, 2, dtype=torch.cfloat)}, "logits must be a tensor of real numbers"),
        (
            {"logits": torch.zeros(3, 2, device="meta")},
            "logits must be a dense tensor with values, got one on the meta",
        ),
        ({"logits": torch.zeros(3)}, r"logits must have (the )?shape \(samples, classes\), got \(3,\)"),
    ],
)
def test_arguments_of_another_kind_are_refused(query, wrong, message):
    given = {"logits": torch.zeros(3, 2), "count": 1, "generator": generator_for(0), **wrong}
    with pytest.raises(InputError, match=message):
        query(given["logits"], given["count"], generator=given["generator"])


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"scores must have shape \(samples,\), got \(3, 2\)"):
        most_wanted(torch.zeros(3, 2), 1, generator=generator_for(0))
