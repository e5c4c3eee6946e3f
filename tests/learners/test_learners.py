"""What every learner must do, built in or not: one table, in which each exported one has a row."""

import copy
import inspect
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from rounds import outcome, same, state
from samples import blobs
from warmstart import learners
from warmstart.learners import Classifier, OwnLearner, Regressor, Scores, TrialLearner, adapted
from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.training import Recipe, StoppingRule, TensorData
from warmstart.trial import Trial, TrialData, run

pytestmark = pytest.mark.usefixtures("untouched_globals")

RECIPE = Recipe(learning_rate=0.01, batch_size=16)
STOP = StoppingRule(train_accuracy=None, max_epochs=2)


@dataclass(frozen=True)
class Loop:
    """A learner of the user's own."""

    epochs: int = 2

    def build(self, data, seed):
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 3))

    def train(self, model, round):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        loss = torch.zeros(())
        for epoch in range(self.epochs):
            for inputs, labels in round.data.in_order(16):
                loss = nn.functional.cross_entropy(model.train()(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            round.report(epoch=epoch + 1, train_loss=loss.item())

    def evaluate(self, model, data):
        inputs, labels = data.batch(torch.arange(len(data)))
        return Scores((model.eval()(inputs).argmax(1) == labels).double())


def lines(count, seed=0):
    """Inputs and a number that depends on them."""
    data = blobs(count, seed=seed)
    return TensorData(data.inputs, data.inputs.sum(1) ** 2 / 10 + 3)


CLASSES = TrialData(blobs(60), blobs(30, seed=1), classes=3)
NUMBERS = TrialData(lines(60), lines(30, seed=1))
TABLE = {
    "classifier": (Classifier(MLP(width=8), RECIPE, STOP), CLASSES),
    "regressor": (Regressor(MLP(width=8), RECIPE, STOP), NUMBERS),
    "own": (Loop(), CLASSES),
}


@pytest.fixture(params=TABLE, ids=str)
def row(request):
    return TABLE[request.param]


def rounds(row, **options):
    learner, data = row
    return list(run(Trial(learner, Growing(rounds=3), **options), data))


def test_every_exported_learner_has_a_row():
    exported = {
        value
        for value in vars(learners).values()
        if inspect.isclass(value) and issubclass(value, TrialLearner) and not inspect.isabstract(value)
    }
    assert exported - {OwnLearner} == {type(learner) for learner, _ in TABLE.values()} - {Loop}


def test_a_model_is_decided_by_its_seed(row):
    learner, data = adapted(row[0]), row[1].pool
    one, again, other = (state(learner.build(data, seed)) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    learner.build(data, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(0)


def test_training_trains_and_reports(row):
    for number, finished in enumerate(rounds(row, strategy=Warm()), 1):
        assert finished.number == number
        assert len(finished.history) == 2
        assert finished.counts["steps"] == finished.history[-1]["steps"] == 2 * -(-20 * number // 16)
        assert {"epoch", "steps", "train_loss"} <= finished.history[0].keys()
        assert len(finished.scores.values) == 30


def test_evaluation_leaves_the_model_and_agrees_with_itself(row):
    learner, data = adapted(row[0]), row[1]
    model = learner.build(data.pool, 0).train()
    before, mode = copy.deepcopy(state(model)), [module.training for module in model.modules()]
    one, again = (learner.evaluate(model, data.evaluation) for _ in range(2))
    assert (one.values == again.values).all()
    assert (one.score, one.metrics) == (again.score, again.metrics)
    assert same(before, state(model))
    assert [module.training for module in model.modules()] == mode
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=["cold", "warm", "shrink-perturb"])
def test_a_resumed_trial_is_the_uninterrupted_one_bit_for_bit(row, strategy):
    whole = rounds(row, strategy=strategy)
    for done in (1, 2):
        trial = Trial(row[0], Growing(rounds=3), strategy=strategy)
        rest = list(run(trial, row[1], round_state=whole[done - 1].round_state))
        assert list(map(outcome, rest)) == list(map(outcome, whole[done:]))
        assert same(state(rest[-1].round_state.model), state(whole[-1].round_state.model))


def test_trials_of_one_seed_are_paired(row):
    cold, warm, other = (
        rounds(row, strategy=strategy, seed=seed) for strategy, seed in ((Cold(), 0), (Warm(), 0), (Warm(), 1))
    )
    assert outcome(cold[0]) == outcome(warm[0])
    assert cold[0].start == warm[0].start != other[0].start
    assert outcome(warm[0]) != outcome(other[0])
    assert outcome(cold[1]) != outcome(warm[1])


def test_running_twice_gives_the_same(row):
    assert list(map(outcome, rounds(row, strategy=Warm()))) == list(map(outcome, rounds(row, strategy=Warm())))
