"""Steps that know their place by themselves give the plain loop's bits, whatever replays them."""

import pytest
import torch
from torch import nn

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.models import MLP, ResNet18
from warmstart.penalties import L2
from warmstart.training import OptimizerKind, Recipe, StopRule, fit
from warmstart.training import _engine as engine


class Tape:
    """Records as a GPU does - what is recorded is replayed without the host's numbers - on the CPU, and counts."""

    def __init__(self):
        self.recorded, self.replayed = 0, 0

    def __call__(self, function):
        self.recorded += 1

        def replay():
            self.replayed += 1
            function()

        return replay


@pytest.fixture
def tape(monkeypatch):
    tape = Tape()
    monkeypatch.setattr(engine, "recorder", lambda *_: tape)
    return tape


def trained(build, data, recipe, stop, **options):
    model = build()
    result = fit(model, data, recipe=recipe, stop=stop, generator=generator_for(3), **options)
    reports = [(report.steps, report.train_accuracy, report.train_loss, report.is_whole) for report in result.history]
    return model.state_dict(), reports, result.cost.flops


def assert_alike(one, other):
    for name, value in one[0].items():
        assert torch.equal(value, other[0][name])
    assert one[1:] == other[1:]


SGD = Recipe(optimizer=OptimizerKind.SGD, learning_rate=0.05, momentum=0.9, batch_size=8)
CASES = {
    "table": (lambda: MLP(width=8).build((4,), 3, generator=generator_for(0)), blobs(61), {}),
    "images": (lambda: ResNet18(width=2).build((1, 8, 8), 2, generator=generator_for(0)), pictures(43), {}),
    "dropout": (lambda: dropping(), blobs(61), {}),
    "penalty": (lambda: MLP(width=8).build((4,), 3, generator=generator_for(0)), blobs(61), {"penalty": L2(0.1)}),
}


def dropping():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "recipe", [Recipe(batch_size=8), SGD, Recipe(batch_size=8, step_shrink=0.99, step_noise=0.01)], ids=repr
)
@pytest.mark.parametrize("stop", [StopRule(None, max_epochs=3), StopRule(None, max_steps=13)], ids=["epochs", "steps"])
def test_recorded_steps_give_the_plain_loops_bits(case, recipe, stop, monkeypatch):
    build, data, options = CASES[case]
    plain = trained(build, data, recipe, stop, **options)
    tape = Tape()
    monkeypatch.setattr(engine, "recorder", lambda *_: tape)
    assert_alike(trained(build, data, recipe, stop, **options), plain)
    assert tape.recorded in (1, 2)
    assert tape.replayed > 0


def test_each_size_is_recorded_once(tape):
    build, data, _ = CASES["table"]
    trained(build, data, Recipe(batch_size=8), StopRule(None, max_epochs=6))
    assert tape.recorded == 2  # 61 samples in 8 batches: of 8 and of 7
    assert tape.replayed == 6 * 8 - 2 * 3


def test_new_settings_of_the_optimizer_are_recorded_anew(tape):
    build, data, _ = CASES["table"]
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def halve(report):
        if report.epoch == 2:
            optimizer.param_groups[0]["lr"] /= 2

    fit(model, data, recipe=SGD, stop=StopRule(None, max_epochs=4), generator=generator_for(0), optimizer=optimizer,
        on_epoch=halve)  # fmt: skip
    assert tape.recorded == 4


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("case", CASES)
def test_graphs_give_the_plain_loops_numbers(case, monkeypatch):
    build, data, options = CASES[case]
    data = type(data)(data.inputs.cuda(), data.labels.cuda(), data.scale, data.offset)
    stop = StopRule(None, max_epochs=3)
    graphed = trained(lambda: build().cuda(), data, SGD, stop, **options)
    monkeypatch.setattr(engine, "recorder", lambda *_: None)
    plain = trained(lambda: build().cuda(), data, SGD, stop, **options)
    for name, value in plain[0].items():
        torch.testing.assert_close(graphed[0][name], value, rtol=1e-4, atol=1e-5)
