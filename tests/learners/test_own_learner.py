"""Learners of the user's own in the trial's loop: seeded, counted, checked, and no worse off when resumed."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate

from rounds import outcome, same, state
from samples import blobs
from warmstart.basics import InputError
from warmstart.diagnostics import Correlation, EvaluationCurve, GradientNorms, ShrinkCurve
from warmstart.learners import Classifier, Round, Scores, adapted
from warmstart.strategies import Cold, RoundContext, ShrinkPerturb, Warm
from warmstart.streams import Growing, TwoPhase
from warmstart.training import StopReason
from warmstart.trial import Trial, TrialData, run

BLOBS, HELD_OUT = blobs(60), blobs(30, seed=1)
DATA = TrialData(TensorDataset(BLOBS.inputs, BLOBS.labels), TensorDataset(HELD_OUT.inputs, HELD_OUT.labels))


class Plain:
    """Two epochs of a plain loop; parts of it are replaced by tests."""

    def build(self, data, seed) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))

    def optimizers(self, model):
        return [torch.optim.SGD(model.parameters(), lr=0.05)]

    def train(self, model, round):
        model.train()
        optimizers = self.optimizers(model)
        for _ in range(2):
            loss = torch.zeros(())
            for inputs, labels in DataLoader(round.data, batch_size=10, shuffle=True):
                loss = nn.functional.cross_entropy(model(inputs), labels)
                for optimizer in optimizers:
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in optimizers:
                    optimizer.step()
            round.report(train_loss=loss.item())

    def evaluate(self, model, data):
        model.eval()
        inputs, labels = next(iter(DataLoader(data, batch_size=len(data))))
        with torch.no_grad():
            return Scores((model(inputs).argmax(1) == labels).double(), metrics={"size": len(labels)})


def learner(**parts):
    """A plain learner of which some parts are others."""
    return type("Changed", (Plain,), parts)()


def trial(own=None, **options):
    return Trial(own or Plain(), **{"stream": TwoPhase(), "strategy": Warm(), **options})


def rounds(own=None, data=DATA, **options):
    return list(run(trial(own, **options), data))


def steps(own):
    """The steps counted in the first round, which has 30 samples: 6 batches in two epochs."""
    return rounds(own)[0].counts["steps"]


# What is counted.


def test_steps_are_counted_within_train_and_nowhere_else():
    def evaluate(self, model, data):
        layer = nn.Linear(1, 1)
        torch.optim.SGD(layer.parameters(), lr=0.1).step()
        return Plain.evaluate(self, model, data)

    def build(self, data, seed):
        model = Plain.build(self, data, seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(torch.zeros(2, 4)).sum().backward()
        optimizer.step()
        return model.zero_grad() or model

    assert [finished.counts for finished in rounds(learner(evaluate=evaluate, build=build))] == [
        {"steps": 6},
        {"steps": 12},
    ]


def test_reports_know_the_steps_so_far():
    first, second = rounds()
    assert [row["steps"] for row in first.history] == [3, 6]
    assert [row["steps"] for row in second.history] == [6, 12]


def test_an_evaluation_while_training_is_no_cost():
    class Probing(Plain):
        def evaluate(self, model, data):
            torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1).step()
            return super().evaluate(model, data)

    first, _ = rounds(Probing(), measurements=(EvaluationCurve(),))
    assert first.counts["steps"] == 6
    assert [row["steps"] for row in first.history] == [3, 6]


def test_each_of_two_optimizers_takes_steps():
    def optimizers(self, model):
        return [torch.optim.SGD(model[0].parameters(), lr=0.05), torch.optim.Adam(model[4].parameters())]

    assert steps(learner(optimizers=optimizers)) == 12


def test_lbfgs_takes_one_step_however_often_it_evaluates():
    evaluations = []

    def train(self, model, round):
        inputs, labels = default_collate(list(round.data))
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)

        def closure():
            evaluations.append(1)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)

    own = learner(train=train)
    assert [finished.counts["steps"] for finished in rounds(own)] == [3, 3]
    assert len(evaluations) > 6


class Nested(torch.optim.Optimizer):
    """An optimizer around another, as of gradient clipping or sharpness-aware minimization."""

    def __init__(self, inner):
        super().__init__(inner.param_groups, {})
        self.inner = inner

    def step(self, closure=None):
        self.inner.step()
        return self.inner.step()


class Subclassed(torch.optim.SGD):
    def step(self, closure=None):
        return super().step(closure)


class Wrapper:
    """No optimizer by its class, as accelerate's wrapper is none by its constructor."""

    def __init__(self, inner):
        self.inner = inner

    def zero_grad(self):
        self.inner.zero_grad()

    def step(self):
        self.inner.step()


@pytest.mark.parametrize("wrap", [Nested, Wrapper])
def test_a_step_within_a_step_is_one(wrap):
    assert steps(learner(optimizers=lambda self, model: [wrap(Plain.optimizers(self, model)[0])])) == 6


def test_a_step_that_calls_that_of_its_base_class_is_one():
    torch.optim.SGD([nn.Parameter(torch.zeros(1))])  # hooks the step of the base class, too
    assert steps(learner(optimizers=lambda self, model: [Subclassed(model.parameters(), lr=0.05)])) == 6


def test_a_step_that_raises_is_none_and_hides_no_other():
    class Failing(torch.optim.SGD):
        def step(self, closure=None):
            raise RuntimeError("no gradient")

    def train(self, model, round):
        failing = Failing(model.parameters(), lr=0.1)
        with pytest.raises(RuntimeError, match="no gradient"):
            failing.step()
        Plain.train(self, model, round)

    assert steps(learner(train=train)) == 6


def test_a_grad_scaler_takes_a_step_where_gradients_are_finite():
    def train(self, model, round):
        optimizer = self.optimizers(model)[0]
        scaler = torch.amp.GradScaler("cpu")
        for factor in (1.0, float("inf"), 1.0):
            optimizer.zero_grad()
            loss = model(torch.ones(4, 4)).square().mean() * factor
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

    assert steps(learner(train=train)) == 2


def test_accelerates_wrapper_counts_once():
    accelerate = pytest.importorskip("accelerate")

    def optimizers(self, model):
        return [accelerate.Accelerator(cpu=True).prepare(torch.optim.SGD(model.parameters(), lr=0.05))]

    assert steps(learner(optimizers=optimizers)) == 6


def test_what_a_learner_counts_itself_holds():
    def train(self, model, round):
        Plain.train(self, model, round)
        round.count(steps=2, samples=60)

    assert rounds(learner(train=train))[0].counts == {"steps": 2, "samples": 60}


def test_a_learner_without_optimizers_takes_no_steps():
    assert steps(learner(train=lambda self, model, round: None)) == 0


def test_seconds_are_those_of_training_unless_the_learner_says_others():
    def train(self, model, round):
        round.seconds = 12.5

    assert rounds(learner(train=train))[0].seconds == 12.5
    assert 0 < rounds()[0].seconds < 10


# Randomness.


def global_draws():
    return torch.rand(2).tolist(), np.random.rand(2).tolist(), [random.random(), random.random()]  # noqa: NPY002


def seed_globals(seed):
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class Drawing(Plain):
    """Draws from every global generator, wherever it is asked."""

    def __init__(self):
        self.drawn = []

    def build(self, data, seed):
        self.drawn.append(("build", seed, global_draws()))
        return super().build(data, seed)

    def train(self, model, round):
        self.drawn.append(("train", round.seed, global_draws()))
        super().train(model, round)

    def evaluate(self, model, data):
        self.drawn.append(("evaluate", 0, global_draws()))
        return super().evaluate(model, data)


def test_global_generators_are_seeded_and_put_back():
    found = []
    for setting in (0, 1):
        seed_globals(setting)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
        own = Drawing()
        rounds(own)
        after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
        assert after == before
        found.append(own.drawn)
    assert found[0] == found[1]
    of_training = [draws for where, _, draws in found[0] if where == "train"]
    assert of_training[0] != of_training[1], "each round has its own draws"
    assert len({str(draws) for where, _, draws in found[0] if where == "evaluate"}) == 1


def test_global_generators_are_put_back_after_an_error():
    def train(self, model, round):
        seed_globals(3)
        raise ValueError("no more")

    before = random.getstate(), torch.get_rng_state().tolist()
    with pytest.raises(ValueError, match="no more"):
        rounds(learner(train=train))
    assert (random.getstate(), torch.get_rng_state().tolist()) == before


def test_build_sees_the_seed_of_its_model():
    own = Drawing()
    rounds(own)
    by_seed = {}
    for where, seed, draws in own.drawn:
        if where == "build":
            assert by_seed.setdefault(seed, draws) == draws
    assert len(by_seed) == 2, "one fresh model for each round"


def test_cold_and_warm_have_equal_first_rounds_and_other_second_ones():
    cold, warm = (rounds(strategy=strategy) for strategy in (Cold(), Warm()))
    assert outcome(cold[0]) == outcome(warm[0])
    assert cold[0].start == warm[0].start
    assert outcome(cold[1]) != outcome(warm[1])


# What comes back is checked.


@pytest.mark.parametrize(
    ("value", "got"),
    [(None, "got None"), (nn.Linear, "got a class|got"), ({"weight": 1}, "got a dict"), ([nn.Linear(1, 1)], "got")],
)
def test_build_must_return_a_module(value, got):
    with pytest.raises(InputError, match=rf"Changed.build must return a torch.nn.Module, {got}"):
        rounds(learner(build=lambda self, data, seed: value))


@pytest.mark.parametrize(("value", "got"), [(None, "got None"), (0.5, "got 0.5"), ({"accuracy": 0.5}, "got a dict")])
def test_evaluate_must_return_scores(value, got):
    with pytest.raises(InputError, match=rf"Changed.evaluate must return Scores, one number per unit, {got}"):
        rounds(learner(evaluate=lambda self, model, data: value))


def test_a_class_is_no_learner():
    with pytest.raises(InputError, match="learner must be an instance, not a class, with build, train and evaluate"):
        Trial(Plain)


@pytest.mark.parametrize(
    ("parts", "missing"),
    [({"train": None}, "train"), ({"build": 3, "evaluate": None}, "build, evaluate"), ({"evaluate": 1}, "evaluate")],
)
def test_missing_methods_are_named(parts, missing):
    with pytest.raises(InputError, match=f"learner must have {missing} as methods"):
        Trial(learner(**parts))


@pytest.mark.parametrize("value", [None, "classifier", 3, nn.Linear(1, 1)], ids=lambda value: type(value).__name__)
def test_other_objects_are_no_learners(value):
    with pytest.raises(InputError, match=r"learner must have .* as methods, with build, train and evaluate, got"):
        Trial(value)


def test_a_learner_is_adapted_once():
    own = adapted(Plain())
    assert adapted(own) is own
    assert adapted(classifier := Classifier()) is classifier


def test_an_unknown_stop_reason_is_refused():
    def train(self, model, round):
        round.stop_reason = "tired"

    with pytest.raises(InputError, match="Unknown stop_reason 'tired'"):
        rounds(learner(train=train))


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_learner_says_why_it_stopped(reason):
    def train(self, model, round):
        Plain.train(self, model, round)
        round.stop_reason = str(reason)
        round.notes.append("so it is")

    first = rounds(learner(train=train))[0]
    assert first.stop_reason is reason
    assert first.notes == ("so it is",)
    assert (first.scores is None) == (first.round_state.model is None) == (reason is StopReason.DIVERGED)


def test_scores_that_are_not_finite_are_a_divergence_and_the_round_before_is_kept():
    class Failing(Plain):
        def evaluate(self, model, data):
            scores = super().evaluate(model, data)
            self.calls = getattr(self, "calls", 0) + 1
            return scores if self.calls == 1 else Scores(scores.values * float("nan"))

    first, second = rounds(Failing())
    assert (second.stop_reason, second.scores) == (StopReason.DIVERGED, None)
    assert same(state(first.round_state.model), state(second.round_state.model))


# What goes on to the next round.


class Kept(nn.Module):
    """Parameters, frozen ones, buffers, a counter in the extra state, and what a trainer leaves behind."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)
        self.rounds = 0

    def get_extra_state(self):
        return {"rounds": self.rounds}

    def set_extra_state(self, state):
        self.rounds = state["rounds"]

    def forward(self, inputs):
        return self.head(torch.relu(self.body(inputs)))


class Keeping(Plain):
    def __init__(self):
        self.found = []

    def build(self, data, seed):
        return Kept()

    def train(self, model, round):
        frozen = not model.body.weight.requires_grad
        self.found.append(
            (int(model.seen), model.rounds, float(model.scratch.sum()), hasattr(model, "trainer"), frozen)
        )
        super().train(model, round)
        model.seen += len(round.data)
        model.scratch += 1
        model.rounds += 1
        model.trainer = iter([model, round])  # cannot be copied or pickled
        model.body.requires_grad_(False)


def test_what_a_state_dict_holds_is_kept_and_nothing_else():
    own = Keeping()
    first, second, third = rounds(own, stream=Growing(rounds=3), measurements=(Correlation(), ShrinkCurve(steps=1)))
    assert own.found == [(0, 0, 0.0, False, False), (20, 1, 0.0, False, True), (60, 2, 0.0, False, True)]
    assert int(third.round_state.model.seen) == 120
    assert {reading.name for reading in first.readings} >= {"weight correlation", "shrink 1"}
    before, after = (state(finished.round_state.model.body) for finished in (second, third))
    assert same(before, after), "a frozen layer stays as it is"
    assert not same(state(second.round_state.model.head), state(third.round_state.model.head))


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=repr)
@pytest.mark.parametrize("own", [Plain, Keeping, Drawing])
def test_a_resumed_trial_is_the_uninterrupted_one_bit_for_bit(own, strategy):
    options = {"stream": Growing(rounds=3), "strategy": strategy, "seed": 3}
    whole = rounds(own(), **options)
    for done in (1, 2):
        rest = list(run(trial(own(), **options), DATA, round_state=whole[done - 1].round_state))
        assert [outcome(finished) for finished in rest] == [outcome(finished) for finished in whole[done:]]
        models = rest[-1].round_state.model, whole[-1].round_state.model
        assert same(*(dict(model.named_parameters()) for model in models))
        assert same(*(dict(model.named_buffers()) for model in models))
        assert getattr(models[0], "rounds", None) == getattr(models[1], "rounds", None)


def rename(model):
    model.add_module("extra", nn.Linear(1, 1))


def lose(model):
    model[0] = nn.Identity()


def widen(model):
    model[0].weight = nn.Parameter(torch.zeros(9, 4))


@pytest.mark.parametrize("change", [rename, lose, widen])
def test_a_model_that_is_another_after_training_is_refused_in_one_sentence(change):
    def train(self, model, round):
        change(model)

    def evaluate(self, model, data):
        return Scores([1.0])

    message = "A trained model must have the parameters and buffers of the one that build returns"
    with pytest.raises(InputError, match=message) as caught:
        rounds(learner(train=train, evaluate=evaluate))
    assert "\n" not in str(caught.value)


def test_weights_that_training_has_tied_go_on_with_their_values():
    def build(self, data, seed):
        return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3))

    def train(self, model, round):
        model[1].weight = model[0].weight
        Plain.train(self, model, round)

    first, _ = rounds(learner(build=build, train=train))
    assert torch.equal(first.round_state.model[0].weight, first.round_state.model[1].weight)


def test_evaluation_leaves_the_model_as_it_is():
    class Careless(Plain):
        """Evaluates in training mode, so that running statistics move, and leaves marks."""

        def evaluate(self, model, data):
            model.train()
            model.mark = "evaluated"
            inputs, labels = default_collate(list(data))
            return Scores((model(inputs).argmax(1) == labels).double())

    trained = []

    class Watched(Careless):
        def train(self, model, round):
            super().train(model, round)
            trained.append(state(model))

    for finished, before in zip(rounds(Watched()), trained, strict=True):
        assert same(state(finished.round_state.model), before)
        assert not hasattr(finished.round_state.model, "mark")


# With the rest of a trial.


def test_training_does_not_notice_measurements():
    measurements = (EvaluationCurve(), ShrinkCurve(steps=2), Correlation())
    plain, measured = rounds(), rounds(measurements=measurements)
    assert list(map(outcome, plain)) == list(map(outcome, measured))
    names = [reading.name for reading in measured[0].readings]
    assert names[:4] == ["accuracy", "size", "accuracy", "size"]
    assert set(names[4:]) == {"shrink 0", "shrink 0.5", "shrink 1"} | {
        "weight correlation",
        "fresh norm",
        "start norm",
        "end norm",
    }
    last = [reading.value for reading in measured[0].readings if reading.name == "accuracy"][-1]
    assert last == measured[0].scores.score


def test_a_measurement_that_needs_the_loss_is_refused():
    with pytest.raises(InputError, match="measurements must leave out GradientNorms with a learner of your own"):
        trial(measurements=(EvaluationCurve(), GradientNorms()))


def test_a_source_trains_the_round_before_the_stream():
    found = rounds(data=TrialData(DATA.pool, DATA.evaluation, source=TrialData(DATA.evaluation, DATA.pool)))
    assert [finished.samples_trained_on for finished in found] == [30, 30, 60]
    assert [finished.samples_seen for finished in found] == [30, 60, 90]


def test_only_the_arrival_is_trained_on_where_that_is_asked():
    found = rounds(train_on="arrival")
    assert [finished.samples_trained_on for finished in found] == [30, 30]


class Columns:
    """A data set that selects its own rows, as those of Hugging Face."""

    def __init__(self, rows, picked=()):
        self.rows, self.picked = rows, picked

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]

    def select(self, indices):
        return Columns([self.rows[index] for index in indices], indices)


def test_a_data_set_selects_its_own_rows():
    rows = [(BLOBS.inputs[index], BLOBS.labels[index]) for index in range(60)]
    kinds = []

    def train(self, model, round):
        kinds.append(type(round.data))
        assert round.data.picked == round.train.tolist()
        Plain.train(self, model, round)

    found = rounds(learner(train=train), TrialData(Columns(rows), DATA.evaluation))
    assert kinds == [Columns, Columns]
    assert [outcome(finished) for finished in found] == [outcome(finished) for finished in rounds()]


def test_tensors_reach_a_learner_of_your_own_as_they_are():
    def train(self, model, round):
        assert round.data.inputs.equal(BLOBS.inputs[round.train])
        Plain.train(self, model, round)

    found = rounds(learner(train=train), TrialData(BLOBS, HELD_OUT, classes=3))
    assert [outcome(finished) for finished in found] == [outcome(finished) for finished in rounds()]


def test_a_learner_trains_without_a_study():
    data = TensorDataset(BLOBS.inputs, BLOBS.labels)
    model = Plain().build(data, 0)
    everything = torch.arange(len(data))
    round = Round(1, 0, data, everything, everything, RoundContext())
    Plain().train(model, round)
    assert [row["epoch"] for row in round.history] == [1, 2]
    assert len(Plain().evaluate(model, data).values) == 60


def test_another_learner_may_train_the_first_round():
    def train(self, model, round):
        round.count(samples=1)

    found = rounds(first_learner=learner(train=train))
    assert [finished.counts for finished in found] == [{"samples": 1, "steps": 0}, {"steps": 12}]
