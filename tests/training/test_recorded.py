"""Steps that know their position by themselves give the plain loop's bits, whatever replays them."""

import pytest
import torch
from torch import nn

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.models import MLP, ResNet18
from warmstart.penalties import L2
from warmstart.training import OptimizerKind, Recipe, StoppingRule, fit
from warmstart.training import _engine as engine
from warmstart.training.gpu import _recordable as recordable
from warmstart.training.gpu import _recorded as recorded
from warmstart.training.gpu._cuda_graph import cuda_graph


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
    result = fit(model, data, recipe=recipe, stop=stop, generator=generator_for(3), graphs=True, **options)
    reports = [(report.steps, report.train_score, report.train_loss, report.is_whole) for report in result.history]
    return model.state_dict(), reports, result.cost.flops, result.notes


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
@pytest.mark.parametrize(
    "stop", [StoppingRule(None, max_epochs=3), StoppingRule(None, max_steps=13)], ids=["epochs", "steps"]
)
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


def test_nothing_is_recorded_unless_asked_for(tape):
    build, data, _ = CASES["table"]
    fit(build(), data, recipe=SGD, stop=StoppingRule(None, max_epochs=6), generator=generator_for(0))
    assert tape.recorded == 0


class WrongTape(Tape):
    """Replays something else than what it recorded."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def __call__(self, function):
        replay = super().__call__(function)
        return lambda: self.fault(replay, function.func.__self__, self)


def after(change):
    """Return a fault: the step is right, and something is changed after it."""

    def fault(replay, own, _):
        replay()
        with torch.no_grad():
            change(own)

    return fault


def nothing(*_):
    pass


def earlier_samples(replay, own, _):
    """What a recording does that has the first batch's position for good."""
    place = own._position.clone()
    own._position.zero_()
    replay()
    own._position.sub_(own._position - place - own._sizes[0])


def right_at_first(replay, own, tape):
    replay()
    if tape.replayed > 1:
        own._changed()["parameters"][0].data.add_(0.1)


FAULTS = {
    "parameters": after(lambda own: own._changed()["parameters"][2].add_(0.1)),
    "buffers": after(lambda own: own._changed()["buffers"][0].add_(0.1)),
    "momentum": after(lambda own: own._changed()["the optimizer's momentum_buffer"][0].mul_(1.5)),
    "loss": after(lambda own: own._losses.mul_(1.1)),
    "score": after(lambda own: own._scores.add_(1)),
    "position": after(lambda own: own._number.add_(1)),
    "NaN": after(lambda own: own._changed()["parameters"][0].fill_(float("nan"))),
    "nothing is done": nothing,
    "samples of an earlier step": earlier_samples,
    "right at first": right_at_first,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_where_a_replayed_step_differs_all_steps_are_plain_and_a_note_says_so(fault, monkeypatch):
    build, data, stop = without_dropout, blobs(61), StoppingRule(None, max_epochs=4)
    plain = trained(build, data, SGD, stop)
    wrong, model = WrongTape(FAULTS[fault]), build()
    monkeypatch.setattr(engine, "recorder", lambda *_: wrong)
    result = fit(model, data, recipe=SGD, stop=stop, generator=generator_for(3), graphs=True)
    for name, value in model.state_dict().items():
        assert torch.equal(value, plain[0][name])
    assert [(r.steps, r.train_score, r.train_loss, r.is_whole) for r in result.history] == plain[1]
    assert wrong.recorded == 1
    assert wrong.replayed <= 2
    (note,) = result.notes
    assert note.startswith("Steps are not recorded any more: replayed, a step gave other ")


def without_dropout():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def test_a_replayed_step_may_differ_by_rounding(monkeypatch):
    rounding = after(lambda own: own._changed()["parameters"][0].mul_(1 + 1e-6))
    wrong = WrongTape(rounding)
    monkeypatch.setattr(engine, "recorder", lambda *_: wrong)
    stop = StoppingRule(None, max_epochs=4)
    result = fit(without_dropout(), blobs(61), recipe=SGD, stop=stop, generator=generator_for(3), graphs=True)
    assert result.notes == ()
    assert wrong.replayed == 4 * 8 - 2 * 3


class Growing(nn.Module):
    """Remembers the mean of every batch, so that each step changes another number of values."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.register_buffer("means", torch.zeros(0))

    def forward(self, inputs):
        self.means = torch.cat([self.means, inputs.detach().mean()[None]])
        return self.inner(inputs)


def test_a_step_that_changes_what_there_is_to_change_is_taken_plainly(tape):
    result = fit(Growing(), blobs(61), recipe=SGD, stop=StoppingRule(None, max_epochs=3), generator=generator_for(3),
                 graphs=True)  # fmt: skip
    assert result.notes == ("Steps are not recorded any more: a step changes what there is to change.",)
    assert tape.replayed == 0


def test_every_recording_is_checked(tape, monkeypatch):
    checked = []
    taken = recorded.RecordedPass._take_checked
    monkeypatch.setattr(recorded.RecordedPass, "_take_checked", lambda *given: checked.append(1) or taken(*given))
    trained(without_dropout, blobs(61), SGD, StoppingRule(None, max_epochs=6))
    assert len(checked) == 2 * tape.recorded == 4


def test_each_size_is_recorded_once(tape):
    build, data, _ = CASES["table"]
    trained(build, data, Recipe(batch_size=8), StoppingRule(None, max_epochs=6))
    assert tape.recorded == 2  # 61 samples in 8 batches: of 8 and of 7
    assert tape.replayed == 6 * 8 - 2 * 3


def test_new_settings_of_the_optimizer_are_recorded_anew(tape):
    build, data, _ = CASES["table"]
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def halve(report):
        if report.epoch == 2:
            optimizer.param_groups[0]["lr"] /= 2

    fit(model, data, recipe=SGD, stop=StoppingRule(None, max_epochs=4), generator=generator_for(0), optimizer=optimizer,
        on_epoch=halve, graphs=True)  # fmt: skip
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
    fit(model, data, recipe=SGD, stop=StoppingRule(None, max_epochs=4), generator=generator_for(0), optimizer=optimizer,
        on_epoch=lambda report: change(model, optimizer) if report.epoch == 2 else None, graphs=True)  # fmt: skip
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


def test_a_learning_rate_in_a_tensor_on_the_host_counts_by_its_value():
    model = dropping()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), foreach=False, capturable=False)
    before = recordable.host_state(model, optimizer)
    optimizer.param_groups[0]["lr"].fill_(0.2)
    assert recordable.host_state(model, optimizer) != before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("recipe", [Recipe(batch_size=8), SGD, Recipe(batch_size=8, precision="bf16")], ids=repr)
@pytest.mark.parametrize("case", CASES)
def test_graphs_give_the_plain_loops_numbers(case, recipe, monkeypatch):
    build, data, options = CASES[case]
    stop, made = StoppingRule(None, max_epochs=3), []
    noting = lambda function: made.append(cuda_graph(function)) or made[-1]  # noqa: E731
    monkeypatch.setattr(recordable, "cuda_graph", noting)
    graphed = trained(lambda: build().cuda(), data.to("cuda"), recipe, stop, **options)
    assert all("replay" in repr(replay) for replay in made)
    assert bool(made) == (case != "dropout")
    assert graphed[3] == ()
    monkeypatch.setattr(engine, "recorder", lambda *_: None)
    plain = trained(lambda: build().cuda(), data.to("cuda"), recipe, stop, **options)
    for name, value in plain[0].items():
        torch.testing.assert_close(graphed[0][name], value, rtol=1e-3, atol=1e-4)
