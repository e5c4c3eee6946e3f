"""What takes turns gives what it gives alone."""

import time

import pytest
import torch
from torch import nn

from samples import blobs, pictures
from warmstart.basics import InputError, generator_for
from warmstart.models import MLP, ResNet18
from warmstart.training import OptimizerKind, Recipe, StoppingRule, fit, fitting, interleave, run_lanes

CPU = torch.device("cpu")


def dropping(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3))


def resnet():
    return ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(4))


def jobs():
    """Trainings that differ in everything: shape, data, learning rate, length, noise, seed."""
    noisy = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.1, batch_size=1, step_noise=0.01)
    return [
        (dropping(1), blobs(40), Recipe(batch_size=4), StoppingRule(None, max_epochs=9)),
        (dropping(2), blobs(70), noisy, StoppingRule(None, max_epochs=3)),
        (MLP(width=8).build((4,), 3, generator=generator_for(3)), blobs(50), Recipe(), StoppingRule(0.9)),
        (resnet(), pictures(30), Recipe(), StoppingRule(max_steps=5)),
    ]  # fmt: skip


def numbers(model, result):
    state = {name: value.tolist() for name, value in model.state_dict().items()}
    return state, result.history, result.cost.steps, result.stop_reason


@pytest.mark.usefixtures("untouched_globals")
@pytest.mark.parametrize("lanes", [1, 2, 4, 9])
def test_lanes_give_the_bits_of_each_alone(lanes):
    with torch.random.fork_rng(devices=[]):  # the jobs' models are drawn from the global generator
        single, together = jobs(), jobs()
    alone = [
        numbers(model, fit(model, data, recipe=recipe, stop=stop, generator=generator_for(seed)))
        for seed, (model, data, recipe, stop) in enumerate(single)
    ]
    works = [
        fitting(model, data, recipe=recipe, stop=stop, generator=generator_for(seed))
        for seed, (model, data, recipe, stop) in enumerate(together)
    ]
    found = run_lanes(works, lanes=lanes)
    assert [numbers(job[0], result) for job, result in zip(together, found, strict=True)] == alone


def counting(name, turns, log):
    for turn in range(turns):
        log.append((name, turn))
        yield None
    return name


def test_lanes_take_turns_and_the_next_takes_the_place_of_what_has_ended():
    log = []
    assert run_lanes([counting("a", 1, log), counting("b", 3, log), counting("c", 1, log)], lanes=2) == ["a", "b", "c"]
    assert log == [("a", 0), ("b", 0), ("b", 1), ("c", 0), ("b", 2)]


def test_work_may_come_while_other_work_is_under_way():
    log, waiting = [], []

    def first():
        yield None
        waiting.append(counting("later", 1, log))
        yield None

    begun = iter([first()])
    interleave(lambda: waiting.pop() if waiting else next(begun, None), lanes=2, device=CPU)
    assert log == [("later", 0)]


@pytest.mark.usefixtures("untouched_globals")
def test_a_failure_ends_the_others_and_puts_everything_back():
    model = MLP(width=8).build((4,), 3, generator=generator_for(3)).eval()
    training = fitting(model, blobs(60), recipe=Recipe(batch_size=1), stop=StoppingRule(), generator=generator_for(0))

    def failing():
        yield None
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_lanes([training, failing()], lanes=2)
    assert not any(module.training for module in model.modules())


def test_there_must_be_a_lane():
    with pytest.raises(InputError, match="lanes must be a whole number of at least 1, got 0"):
        run_lanes([], lanes=0)


def test_seconds_are_those_of_the_work_itself(monkeypatch):
    """A neighbour that dawdles is not charged to the training beside it."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def dawdling():
        for _ in range(5):
            clock[0] += 100
            yield None

    recipe, stop = Recipe(batch_size=1), StoppingRule(None, max_epochs=1)
    work = fitting(dropping(1), blobs(200), recipe=recipe, stop=stop, generator=generator_for(0))
    result, _ = run_lanes([work, dawdling()], lanes=2)
    assert result.cost.seconds == 0
