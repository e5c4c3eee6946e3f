"""The loop: what is paired, what is carried, what an interruption leaves the same."""

import dataclasses
from dataclasses import replace

import pytest
import torch

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.models import MLP, ResNet18
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.streams import Growing, TwoPhase
from warmstart.training import (
    CarryOver,
    Ending,
    Normalization,
    OptimizerKind,
    OptimizerState,
    Recipe,
    StopRule,
    TensorData,
)
from warmstart.trial import Carried, TrainOn, Trial, TrialData, play

pytestmark = pytest.mark.usefixtures("untouched_globals")

TABLES = TrialData(blobs(90), blobs(60, seed=1), classes=3)
IMAGES = TrialData(pictures(60), pictures(40, seed=1), classes=2)
TRIAL = Trial(
    architecture=MLP(width=8),
    stream=Growing(rounds=3),
    recipe=Recipe(learning_rate=0.01, batch_size=16),
    stop=StopRule(0.95, max_epochs=4),
)
STRATEGIES = [Cold(), Cold(scale=0.5), Warm(), ShrinkPerturb(), ShrinkPerturb(noise=Noise.GAUSSIAN)]
STRATEGIES += [ShrinkPerturb(noise=Noise.FIRST), ShrinkPerturb(before_first_round=True)]


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def outcome(played):
    """All of a round that is decided by the settings: everything but seconds."""
    cost = replace(played.fit.cost, seconds=0)
    return (played.number, played.samples_seen, played.ending, played.fit.history, cost, played.evaluation)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize("optimizer_state", OptimizerState)
def test_going_on_after_any_round_gives_the_same_bits(strategy, optimizer_state):
    trial = replace(TRIAL, strategy=strategy, carry_over=CarryOver(optimizer_state=optimizer_state))
    whole = [(outcome(r), state(r.carried.model), r.carried) for r in play(trial, TABLES)]
    for index, (_, _, carried) in enumerate(whole[:-1]):
        rest = [(outcome(r), state(r.carried.model)) for r in play(trial, TABLES, carried=carried)]
        assert [found for found, _ in rest] == [expected for expected, _, _ in whole[index + 1 :]]
        assert same(rest[-1][1], whole[-1][1])


@pytest.mark.parametrize("normalization", Normalization)
def test_going_on_gives_the_same_bits_with_batchnorm(normalization):
    trial = replace(TRIAL, architecture=ResNet18(width=2), strategy=ShrinkPerturb(), stream=TwoPhase())
    trial = replace(trial, carry_over=CarryOver(normalization, OptimizerState.KEEP))
    first, second = play(trial, IMAGES)
    (again,) = play(trial, IMAGES, carried=first.carried)
    assert outcome(second) == outcome(again)
    assert same(state(second.carried.model), state(again.carried.model))


def test_strategies_share_everything_up_to_the_second_round():
    rounds = {strategy: next(play(replace(TRIAL, strategy=strategy), TABLES)) for strategy in (Cold(), Warm())}
    cold, warm = rounds.values()
    assert outcome(cold) == outcome(warm)
    assert same(state(cold.carried.model), state(warm.carried.model))


def test_seeds_differ():
    one, other = (next(play(replace(TRIAL, seed=seed), TABLES)) for seed in (0, 1))
    assert outcome(one) != outcome(other)


def test_a_warm_start_begins_where_the_last_round_ended():
    # A step so small that the weights cannot move: what a round ends with is what it began with.
    still = replace(TRIAL, recipe=Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30))
    warm = [state(r.carried.model) for r in play(replace(still, strategy=Warm()), TABLES)]
    cold = [state(r.carried.model) for r in play(replace(still, strategy=Cold()), TABLES)]
    assert same(warm[0], warm[1])
    assert same(warm[0], cold[0])
    assert not same(cold[0], cold[1])


def test_shrink_perturb_takes_the_fresh_model_of_its_own_round():
    still = replace(TRIAL, recipe=Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-30))
    shrunk = [state(r.carried.model) for r in play(replace(still, strategy=ShrinkPerturb(0.5, 0.2)), TABLES)]
    fresh = [state(r.carried.model) for r in play(replace(still, strategy=Cold()), TABLES)]
    for name, value in shrunk[1].items():
        torch.testing.assert_close(value, 0.5 * shrunk[0][name] + 0.2 * fresh[1][name])


def test_a_round_trains_on_what_it_is_told():
    seen = [r.samples_trained_on for r in play(TRIAL, TABLES)]
    arrival = [(r.samples_seen, r.samples_trained_on) for r in play(replace(TRIAL, train_on=TrainOn.ARRIVAL), TABLES)]
    assert seen == [30, 60, 90]
    assert arrival == [(30, 30), (60, 30), (90, 30)]


def test_the_optimizers_state_goes_on_only_where_asked_and_where_the_model_does():
    def carried(strategy, optimizer_state):
        trial = replace(TRIAL, strategy=strategy, carry_over=CarryOver(optimizer_state=optimizer_state))
        return [r.carried.optimizer for r in play(trial, TABLES)]

    kept = carried(Warm(), OptimizerState.KEEP)
    steps = [int(state["state"][0]["step"]) for state in kept]
    assert steps == sorted(set(steps)), "the count of steps goes on from round to round"
    assert carried(Warm(), OptimizerState.RESET) == [None] * 3
    assert carried(Cold(), OptimizerState.KEEP) == [None] * 3


def test_reset_statistics_forget_the_rounds_before():
    def steps_averaged(normalization):
        trial = replace(TRIAL, architecture=ResNet18(width=2), strategy=Warm(), stream=TwoPhase())
        rounds = list(play(replace(trial, carry_over=CarryOver(normalization)), IMAGES))
        return [int(state(r.carried.model)["norm.num_batches_tracked"]) for r in rounds], rounds

    kept, rounds = steps_averaged(Normalization.KEEP)
    assert kept == [rounds[0].fit.cost.steps, rounds[0].fit.cost.steps + rounds[1].fit.cost.steps]
    reset, rounds = steps_averaged(Normalization.RESET)
    assert reset == [r.fit.cost.steps for r in rounds]


def test_a_divergence_is_recorded_and_the_last_good_model_goes_on():
    wild = replace(TRIAL, strategy=Warm(), recipe=Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25))
    rounds = list(play(wild, TABLES))
    assert [r.ending for r in rounds] == [Ending.DIVERGED] * 3
    assert [r.evaluation for r in rounds] == [None] * 3
    assert [r.carried.model for r in rounds] == [None] * 3
    assert [r.carried.round for r in rounds] == [1, 2, 3]


def test_after_a_late_divergence_the_model_before_goes_on():
    first = next(play(replace(TRIAL, strategy=Warm()), TABLES))
    wild = replace(TRIAL, strategy=Warm(), recipe=Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e25))
    before = state(first.carried.model)
    second = next(play(wild, TABLES, carried=first.carried))
    assert second.ending is Ending.DIVERGED
    assert second.carried.round == 2
    assert same(state(second.carried.model), before)


def test_a_cold_start_recovers_from_a_divergence():
    lost = Carried(round=1)
    rounds = list(play(TRIAL, TABLES, carried=lost))
    assert [r.number for r in rounds] == [2, 3]
    assert all(r.evaluation for r in rounds)


def test_table_columns_are_scaled_by_the_first_arrival_alone():
    inputs = torch.cat([torch.full((5, 2), 3.0), torch.randn(95, 2, generator=generator_for(0))]) * torch.tensor(
        [1000.0, 0.001]
    )
    data = TensorData(inputs, torch.arange(100) % 2, scale=1.0, offset=0.0)
    seen = []
    trial = replace(TRIAL, architecture=_Spy(seen), stream=TwoPhase())
    arrival = trial.stream.arrivals(100, generator=generator_for(0, "stream"))[0]
    next(play(trial, TrialData(data, data, classes=2)))
    first = inputs[arrival]
    expected = (first - first.mean(0)) / first.std(0, correction=0)
    found = torch.cat([batch for batch in seen if len(batch) > 2])[:50]  # the two count operations
    torch.testing.assert_close(found.sort(0).values, expected.sort(0).values, rtol=1e-3, atol=1e-3)


@dataclasses.dataclass(frozen=True)
class _Spy(MLP):
    """An MLP that notes what it is given."""

    seen: list = dataclasses.field(default_factory=list, compare=False)

    def __init__(self, seen):
        super().__init__(width=4)
        object.__setattr__(self, "seen", seen)

    def build(self, input_shape, classes, *, generator):
        model = super().build(input_shape, classes, generator=generator)
        model.register_forward_hook(lambda _module, inputs, _output: self.seen.append(inputs[0].detach().clone()))
        return model


def test_a_constant_column_is_no_division_by_zero():
    data = TensorData(torch.ones(60, 4), torch.arange(60) % 3, scale=1.0, offset=0.0)
    played = next(play(TRIAL, TrialData(data, data, classes=3)))
    assert played.evaluation is not None
