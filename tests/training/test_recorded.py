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
from warmstart.training import _recordable as recordable
from warmstart.training._cuda_graph import cuda_graph


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
    # What draws random numbers in every step is not recorded: it would draw them once and for all.
    is_random = case == "dropout" or recipe.step_noise > 0
    assert tape.recorded in ((0,) if is_random else (1, 2))
    assert (tape.replayed > 0) != is_random


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


def frozen(model, _):
    model[1].requires_grad_(False)


def switched(model, _):
    model[0].eval()


def stepped(_, optimizer):
    optimizer.param_groups[0]["lr"] /= 2


@pytest.mark.parametrize("change", [frozen, switched, stepped])
def test_what_a_recording_took_from_the_host_is_recorded_anew_when_it_changes(change, tape):
    build, data, _ = CASES["table"]
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fit(model, data, recipe=SGD, stop=StopRule(None, max_epochs=4), generator=generator_for(0), optimizer=optimizer,
        on_epoch=lambda report: change(model, optimizer) if report.epoch == 2 else None)  # fmt: skip
    assert tape.recorded == 4


class Named(torch.optim.SGD):
    """Somebody's own."""


def hooked(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *_: None)
    return optimizer


@pytest.mark.parametrize(
    ("build", "is_recordable"),
    [
        (lambda model: torch.optim.SGD(model.parameters(), lr=0.1), True),
        (lambda model: Recipe().build_optimizer(model), True),
        (lambda model: torch.optim.AdamW(model.parameters(), fused=True), True),
        (lambda model: torch.optim.Adam(model.parameters(), fused=False), False),
        (lambda model: Named(model.parameters(), lr=0.1), False),
        (lambda model: torch.optim.LBFGS(model.parameters()), False),
        (hooked, False),
    ],
)
def test_which_optimizers_need_nothing_from_the_host(build, is_recordable):
    assert recordable.is_recordable(build(dropping())) == is_recordable


def test_an_optimizer_can_be_recorded_only_while_it_is():
    optimizer = Recipe().build_optimizer(dropping())
    with recordable.capturable(optimizer):
        assert optimizer.param_groups[0]["capturable"]
    assert not optimizer.param_groups[0]["capturable"]


def test_a_learning_rate_in_a_tensor_on_the_host_is_told_by_its_value():
    model = dropping()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), foreach=False, capturable=False)
    before = recordable.settings_of(optimizer)
    optimizer.param_groups[0]["lr"].fill_(0.2)
    assert recordable.settings_of(optimizer) != before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("recipe", [Recipe(batch_size=8), SGD, Recipe(batch_size=8, precision="bf16")], ids=repr)
@pytest.mark.parametrize("case", CASES)
def test_graphs_give_the_plain_loops_numbers(case, recipe, monkeypatch):
    build, data, options = CASES[case]
    stop, made = StopRule(None, max_epochs=3), []
    noting = lambda function: made.append(cuda_graph(function)) or made[-1]  # noqa: E731
    monkeypatch.setattr(recordable, "cuda_graph", noting)
    graphed = trained(lambda: build().cuda(), data.to("cuda"), recipe, stop, **options)
    assert all("replay" in repr(replay) for replay in made)
    assert bool(made) == (case != "dropout")
    monkeypatch.setattr(engine, "recorder", lambda *_: None)
    plain = trained(lambda: build().cuda(), data.to("cuda"), recipe, stop, **options)
    for name, value in plain[0].items():
        torch.testing.assert_close(graphed[0][name], value, rtol=1e-3, atol=1e-4)
