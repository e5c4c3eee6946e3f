"""The loop: what is paired, what is carried over, what an interruption leaves the same."""

import copy
import dataclasses
from dataclasses import dataclass, field

import pytest
import torch

from rounds import IMAGES, STILL, TABLES, TRIAL, WILD, arrivals, changed, outcome, same, state
from warmstart.basics import generator_for
from warmstart.diagnostics import Measurement
from warmstart.models import MLP, ResNet18
from warmstart.penalties import EWC, L2, L2Init, fisher_diagonal
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, TwoPhase
from warmstart.training import (
    CarryOver,
    Normalization,
    OptimizerKind,
    OptimizerState,
    Recipe,
    StoppingRule,
    StopReason,
    TensorData,
    fit,
)
from warmstart.trial import RoundState, TrainOn, TrialData, first_start, run

pytestmark = pytest.mark.usefixtures("untouched_globals")

STRATEGIES = [Cold(), Cold(scale=0.5), Warm(), ShrinkPerturb(), ShrinkPerturb(noise=Noise.GAUSSIAN)]
STRATEGIES += [Cold(init="first"), ShrinkPerturb(noise=Noise.FIRST), ShrinkPerturb(before_first_round=True)]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize("optimizer_state", OptimizerState)
def test_resuming_after_any_round_gives_the_same_bits(strategy, optimizer_state):
    trial = changed(TRIAL, strategy=strategy, carry_over=CarryOver(optimizer_state=optimizer_state))
    whole = [(outcome(r), state(r.round_state.model), r.round_state) for r in run(trial, TABLES)]
    for index, (_, _, round_state) in enumerate(whole[:-1]):
        rest = [(outcome(r), state(r.round_state.model)) for r in run(trial, TABLES, round_state=round_state)]
        assert [found for found, _ in rest] == [expected for expected, _, _ in whole[index + 1 :]]
        assert same(rest[-1][1], whole[-1][1])


@pytest.mark.parametrize("normalization", Normalization)
def test_resuming_gives_the_same_bits_with_batchnorm(normalization):
    trial = changed(TRIAL, architecture=ResNet18(width=2), strategy=ShrinkPerturb(), stream=TwoPhase())
    trial = changed(trial, carry_over=CarryOver(normalization, OptimizerState.KEEP))
    first, second = run(trial, IMAGES)
    (again,) = run(trial, IMAGES, round_state=first.round_state)
    assert outcome(second) == outcome(again)
    assert same(state(second.round_state.model), state(again.round_state.model))


def test_strategies_share_everything_up_to_the_second_round():
    rounds = {strategy: next(run(changed(TRIAL, strategy=strategy), TABLES)) for strategy in (Cold(), Warm())}
    cold, warm = rounds.values()
    assert outcome(cold) == outcome(warm)
    assert same(state(cold.round_state.model), state(warm.round_state.model))


def test_seeds_differ():
    one, other = (next(run(changed(TRIAL, seed=seed), TABLES)) for seed in (0, 1))
    assert outcome(one) != outcome(other)


def test_a_warm_start_begins_where_the_last_round_ended():
    still = changed(TRIAL, recipe=STILL)
    warm = [state(r.round_state.model) for r in run(changed(still, strategy=Warm()), TABLES)]
    cold = [state(r.round_state.model) for r in run(changed(still, strategy=Cold()), TABLES)]
    assert same(warm[0], warm[1])
    assert same(warm[0], cold[0])
    assert not same(cold[0], cold[1])
    first = [state(r.round_state.model) for r in run(changed(still, strategy=Cold(init="first")), TABLES)]
    assert same(first[0], cold[0])
    assert same(first[1], cold[0]), "which round 2 of the others has forgotten"


def test_shrink_perturb_takes_the_fresh_model_of_its_own_round():
    still = changed(TRIAL, recipe=STILL)
    shrunk = [state(r.round_state.model) for r in run(changed(still, strategy=ShrinkPerturb(0.5, 0.2)), TABLES)]
    fresh = [state(r.round_state.model) for r in run(changed(still, strategy=Cold()), TABLES)]
    for name, value in shrunk[1].items():
        torch.testing.assert_close(value, 0.5 * shrunk[0][name] + 0.2 * fresh[1][name])


def test_a_round_trains_on_what_train_on_says():
    seen = [r.samples_trained_on for r in run(TRIAL, TABLES)]
    arrival = [(r.samples_seen, r.samples_trained_on) for r in run(changed(TRIAL, train_on=TrainOn.ARRIVAL), TABLES)]
    assert seen == [30, 60, 90]
    assert arrival == [(30, 30), (60, 30), (90, 30)]


def test_the_optimizers_state_is_kept_only_where_asked_and_where_the_model_is():
    def round_state(strategy, optimizer_state):
        trial = changed(TRIAL, strategy=strategy, carry_over=CarryOver(optimizer_state=optimizer_state))
        return [r.round_state.optimizer for r in run(trial, TABLES)]

    kept = round_state(Warm(), OptimizerState.KEEP)
    steps = [int(state["state"][0]["step"]) for state in kept]
    assert steps == sorted(set(steps)), "steps are counted across rounds"
    assert round_state(Warm(), OptimizerState.RESET) == [None] * 3
    assert round_state(Cold(), OptimizerState.KEEP) == [None] * 3


def test_reset_statistics_forget_the_rounds_before():
    def steps_averaged(normalization):
        trial = changed(TRIAL, architecture=ResNet18(width=2), strategy=Warm(), stream=TwoPhase())
        rounds = list(run(changed(trial, carry_over=CarryOver(normalization)), IMAGES))
        return [int(state(r.round_state.model)["norm.num_batches_tracked"]) for r in rounds], rounds

    kept, rounds = steps_averaged(Normalization.KEEP)
    assert kept == [rounds[0].counts["steps"], rounds[0].counts["steps"] + rounds[1].counts["steps"]]
    reset, rounds = steps_averaged(Normalization.RESET)
    assert reset == [r.counts["steps"] for r in rounds]


def test_a_divergence_is_recorded_and_the_last_good_model_is_kept():
    wild = changed(TRIAL, strategy=Warm(), recipe=WILD)
    rounds = list(run(wild, TABLES))
    assert [r.stop_reason for r in rounds] == [StopReason.DIVERGED] * 3
    assert [r.scores for r in rounds] == [None] * 3
    assert [r.round_state.model for r in rounds] == [None] * 3
    assert [r.round_state.round for r in rounds] == [1, 2, 3]


def test_after_a_late_divergence_the_model_before_is_kept():
    first = next(run(changed(TRIAL, strategy=Warm()), TABLES))
    wild = changed(TRIAL, strategy=Warm(), recipe=WILD)
    before = state(first.round_state.model)
    second = next(run(wild, TABLES, round_state=first.round_state))
    assert second.stop_reason is StopReason.DIVERGED
    assert second.round_state.round == 2
    assert same(state(second.round_state.model), before)


def test_a_cold_start_recovers_from_a_divergence():
    lost = RoundState(round=1)
    rounds = list(run(TRIAL, TABLES, round_state=lost))
    assert [r.number for r in rounds] == [2, 3]
    assert all(r.scores for r in rounds)


def test_table_columns_are_scaled_by_the_first_arrival_alone():
    inputs = torch.cat([torch.full((5, 2), 3.0), torch.randn(95, 2, generator=generator_for(0))]) * torch.tensor(
        [1000.0, 0.001]
    )
    data = TensorData(inputs, torch.arange(100) % 2, scale=1.0, offset=0.0)
    seen = []
    trial = changed(TRIAL, architecture=_Spy(seen), stream=TwoPhase())
    arrival = arrivals(trial.stream, 100)[0]
    next(run(trial, TrialData(data, data, classes=2)))
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
    finished = next(run(TRIAL, TrialData(data, data, classes=3)))
    assert finished.scores is not None


def test_the_first_round_has_a_recipe_and_a_stop_rule_of_its_own_where_asked():
    fast, short = Recipe(learning_rate=0.03, batch_size=8), StoppingRule(None, max_epochs=1)
    mixed, plain, first = (
        [(outcome(r), state(r.round_state.model)) for r in run(trial, TABLES)]
        for trial in (
            changed(TRIAL, first_recipe=fast, first_stop=short),
            TRIAL,
            changed(TRIAL, recipe=fast, stop=short),
        )
    )
    # A cold start remembers nothing: its later rounds are those of a trial without a first recipe. Only churn, the last
    # two, is against another model.
    for found, expected in zip(mixed, [first[0], *plain[1:]], strict=True):
        assert found[0][:-2] == expected[0][:-2]
        assert same(found[1], expected[1])
    assert mixed[0][0] != plain[0][0]


@pytest.mark.parametrize("kind", OptimizerKind)
def test_a_kept_optimizers_state_is_used_under_the_recipe_of_its_own_round(kind):
    keep = CarryOver(optimizer_state=OptimizerState.KEEP)
    recipe = Recipe(optimizer=kind, learning_rate=0.01, momentum=0.9 if kind is OptimizerKind.SGD else 0.0)
    first_recipe = changed(recipe, learning_rate=0.03, weight_decay=0.1)
    trial = changed(TRIAL, strategy=Warm(), carry_over=keep, recipe=recipe, first_recipe=first_recipe)
    settings = [r.round_state.optimizer["param_groups"][0] for r in run(trial, TABLES)]
    assert [(group["lr"], group["weight_decay"]) for group in settings] == [(0.03, 0.1), (0.01, 0), (0.01, 0)]


def test_a_penalty_is_added_in_every_round():
    decayed, penalized = (
        list(run(trial, TABLES))
        for trial in (
            changed(TRIAL, recipe=changed(SGD, weight_decay=0.1)),
            changed(TRIAL, recipe=SGD, penalty=L2(0.1)),
        )
    )
    for one, other in zip(decayed, penalized, strict=True):
        for name, value in state(one.round_state.model).items():
            torch.testing.assert_close(state(other.round_state.model)[name], value, rtol=1e-4, atol=1e-5)
        assert other.history[-1]["train_loss"] > one.history[-1]["train_loss"] + 0.1


SGD = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, batch_size=16)


@pytest.mark.parametrize("strategy", [Cold(), Warm()], ids=repr)
def test_l2_init_draws_every_round_towards_the_first_fresh_model(strategy):
    # With 2 * strength * learning rate = 1, a step ends at the origin but for the pull of the data.
    recipe = Recipe(optimizer=OptimizerKind.SGD, learning_rate=1e-5, batch_size=16)
    trial = changed(TRIAL, strategy=strategy, recipe=recipe, penalty=L2Init(strength=0.5e5))
    first = state(TRIAL.learner.architecture.build((4,), 3, generator=generator_for(0, "fresh", 1)))
    for finished in run(trial, TABLES):
        for name, value in state(finished.round_state.model).items():
            torch.testing.assert_close(value, first[name], rtol=0, atol=1e-4)


def test_ewc_of_no_strength_is_plain_warm():
    plain, held = (
        [
            (outcome(r), state(r.round_state.model))
            for r in run(changed(TRIAL, strategy=Warm(), penalty=penalty), TABLES)
        ]
        for penalty in (None, EWC(strength=0.0))
    )
    for one, other in zip(plain, held, strict=True):
        assert one[0] == other[0]
        assert same(one[1], other[1])


def test_ewc_is_around_the_previous_model_on_what_had_arrived_before():
    """The second round finished by hand, with the penalty made by hand from all of the first arrival."""
    trial = changed(TRIAL, stream=TwoPhase(), strategy=Warm(), recipe=SGD, penalty=EWC(strength=30.0))
    first, second = run(trial, IMAGES)
    old, new = arrivals(trial.stream, 60)
    penalty = EWC.after(first.round_state.model, [IMAGES.pool.batch(old)], strength=30.0)
    model, seen = copy.deepcopy(first.round_state.model), IMAGES.pool.take(torch.cat([old, new]))
    order = generator_for(0, "order", 2)
    result = fit(model, seen, recipe=SGD, stop=trial.learner.stop, generator=order, penalty=penalty)
    assert [report.train_score for report in result.history] == [row["train_score"] for row in second.history]
    for name, value in state(second.round_state.model).items():
        torch.testing.assert_close(state(model)[name], value, rtol=1e-4, atol=1e-6)


def test_ewc_takes_as_many_earlier_samples_as_asked_for():
    models = []
    for samples in (5, 30, 1000):
        trial = changed(TRIAL, stream=TwoPhase(), strategy=Warm(), recipe=SGD, penalty=EWC(30.0, samples))
        models.append(state(list(run(trial, IMAGES))[1].round_state.model))
    assert not same(models[0], models[1])
    assert same(models[1], models[2]), "30 samples are all that had arrived"


def test_the_stronger_ewc_the_less_move_the_weights_that_earlier_data_needed():
    def moved(penalty):
        """How far round 2 has moved the weights, weighed by how much the first arrival needs them."""
        trial = changed(TRIAL, stream=TwoPhase(), strategy=Warm(), recipe=SGD, penalty=penalty)
        first, second = run(changed(trial, stop=StoppingRule(None, max_epochs=10)), IMAGES)
        old, _ = arrivals(trial.stream, 60)
        fisher = fisher_diagonal(first.round_state.model, [IMAGES.pool.batch(old)])
        before, after = (state(r.round_state.model) for r in (first, second))
        assert second.stop_reason is StopReason.LIMIT
        return sum(float((fisher[name] * (after[name] - before[name]).square()).sum()) for name in fisher)

    free, held, fast = moved(None), moved(EWC(strength=10.0)), moved(EWC(strength=100.0))
    assert 0 < 3 * fast < held < free / 3


def test_a_penalty_resumed_after_an_interruption_is_the_same():
    for penalty in (L2Init(0.01), EWC(3.0, samples=8)):
        trial = changed(TRIAL, strategy=Warm(), penalty=penalty)
        whole = list(run(trial, TABLES))
        for index, finished in enumerate(whole[:-1]):
            rest = list(run(trial, TABLES, round_state=finished.round_state))
            assert [outcome(r) for r in rest] == [outcome(r) for r in whole[index + 1 :]]
            assert same(state(rest[-1].round_state.model), state(whole[-1].round_state.model))


FAST = Recipe(learning_rate=0.03, batch_size=16)
SHORT = StoppingRule(None, max_epochs=1)
# Trials by what their first rounds have in common.
STARTS = {
    "fresh": [Cold(), Warm(), ShrinkPerturb(), ShrinkPerturb(0.3), Cold(scale=1.0)],
    "scaled": [Cold(scale=0.5)],
    "perturbed": [ShrinkPerturb(before_first_round=True)],
}


def test_equal_starts_give_equal_first_rounds_and_others_do_not():
    found = []
    for strategies in STARTS.values():
        trials = [changed(TRIAL, strategy=strategy) for strategy in strategies]
        starts = {first_start(trial, TABLES) for trial in trials}
        rounds = [next(run(trial, TABLES)) for trial in trials]
        assert starts == {finished.start for finished in rounds}
        assert len(starts) == 1
        assert all(outcome(finished) == outcome(rounds[0]) for finished in rounds)
        assert all(same(state(finished.round_state.model), state(rounds[0].round_state.model)) for finished in rounds)
        found.append((*starts, outcome(rounds[0])))
    for index, (start, finished) in enumerate(found):
        assert all(start != other and finished != result for other, result in found[:index])


def test_the_start_distinguishes_seeds_models_and_frozen_parameters():
    trials = [TRIAL, changed(TRIAL, seed=1), changed(TRIAL, architecture=MLP(width=9))]
    assert len({first_start(trial, TABLES) for trial in trials}) == 3
    assert [r.start != "" for r in run(TRIAL, TABLES)] == [True, False, False], "only first rounds are shared"


@dataclass(frozen=True)
class Looking(Measurement):
    """Notes where the data of every round are in memory."""

    places: list = field(default_factory=list)

    def __call__(self, moment):
        parts = (moment.training, moment.new, moment.old)
        self.places.extend(part._inputs.data_ptr() for part in parts if part is not None)
        return {}


@pytest.mark.parametrize("stream", [Growing(rounds=3), Active(rounds=3)], ids=repr)
def test_all_rounds_share_one_pool(stream):
    looking = Looking()
    list(run(changed(TRIAL, strategy=Warm(), stream=stream, measurements=(looking,)), TABLES))
    assert set(looking.places) == {TABLES.pool._inputs.data_ptr()}
