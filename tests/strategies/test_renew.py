"""Strategies in place: the numbers of a study, and what else of a model changes and what does not."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import renewed_parts as parts
from renewed_parts import Net
from rounds import same, state
from warmstart.basics import InputError, copy_model, generator_for, seeded_globals
from warmstart.models import UserModel
from warmstart.strategies import (
    Cold,
    KeepLayers,
    Noise,
    NormMatched,
    RoundContext,
    Scope,
    ShrinkPerturb,
    Warm,
    keep_layers,
    renew_,
    shrink_perturb,
    shrink_perturb_,
    transplant,
)

TESTS = Path(__file__).parents[1]
STRATEGIES = [
    *parts.STRATEGIES,
    Cold(0.5),
    Cold(init="first"),
    ShrinkPerturb(noise=Noise.FIRST),
    ShrinkPerturb(scope=Scope.HEAD),
]


class _FabricModule(nn.Module):
    """Holds a model the way Lightning Fabric does, which need not be installed."""

    def __init__(self, forward_module, original_module):
        super().__init__()
        self._forward_module, self._original_module = forward_module, original_module


_FabricModule.__module__ = "lightning.fabric.wrappers"


WRAPPERS = {
    "nothing": lambda model: model,
    "compile": lambda model: torch.compile(model, backend="eager"),
    "DataParallel": nn.DataParallel,
    "AveragedModel": AveragedModel,
    "Fabric": lambda model: _FabricModule(model, model),
    "Fabric around compile": lambda model: _FabricModule(torch.compile(model, backend="eager"), model),
}


def drawn(*purpose):
    with seeded_globals(generator_for(*purpose)):
        return Net()


def expected(strategy, previous, *, seed, number):
    """What a study gives a strategy, written out."""
    context = RoundContext(
        number,
        generator_for(seed, "strategy", number),
        first=lambda: drawn(seed, "fresh", 1),
        another=lambda: drawn(seed, "another fresh", number),
        previous=previous,
    )
    return strategy(previous, drawn(seed, "fresh", number), context)


def parameters(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def trainable(model):
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_the_weights_are_those_that_the_strategy_returns(strategy, number):
    model = parts.trained()
    start = expected(strategy, parts.trained(), seed=7, number=number)
    assert renew_(model, strategy, Net, seed=7, round=number) is model
    assert same(trainable(model), trainable(start))


@pytest.mark.parametrize("number", [1, 2])
def test_the_fresh_model_is_that_of_a_study(number):
    of_study = UserModel("renewed_parts:Net").build((3,), 3, generator=generator_for(7, "fresh", number))
    model = renew_(parts.trained(), Cold(), Net, seed=7, round=number)
    assert same(trainable(model), trainable(of_study))


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("strategy", [Cold(), ShrinkPerturb(), NormMatched()], ids=repr)
def test_wrappers_are_looked_through(wrap, strategy):
    plain = renew_(parts.trained(), strategy, Net, seed=1, round=2)
    model = parts.trained()
    wrapped = wrap(model)
    inner = wrapped.module if isinstance(wrapped, AveragedModel) else model
    assert renew_(wrapped, strategy, Net, seed=1, round=2) is wrapped
    assert same(state(inner), state(plain))
    assert same(state(renew_(parts.trained(), strategy, lambda: wrap(Net()), seed=1, round=2)), state(plain))


def test_everything_but_trainable_weights_stays():
    model = parts.trained()
    model(torch.ones(4, 3) + torch.arange(3))  # moves the statistics
    model.norm.eval()
    seen = []
    handle = model.head.register_forward_hook(lambda *_: seen.append(1))
    before, identities = state(model), [id(parameter) for parameter in model.parameters()]
    modes, random_state = [module.training for module in model.modules()], torch.get_rng_state()
    renew_(model, KeepLayers(layers=1), Net, seed=1, round=2)
    now = state(model)
    kept = [name for name in now if torch.equal(now[name], before[name])]
    assert {"frozen.weight", "frozen.bias", "norm.running_mean", "norm.num_batches_tracked", "first.weight"} <= set(
        kept
    )
    assert "head.weight" not in kept
    assert [id(parameter) for parameter in model.parameters()] == identities
    assert model.second.weight is model.third.weight
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random_state)
    model(torch.ones(4, 3))
    assert seen == [1]
    handle.remove()


def test_parts_frozen_by_hand_stay_and_others_do_not():
    model = parts.trained()
    model.first.requires_grad_(False)
    before = state(model)
    renew_(model, ShrinkPerturb(), Net, seed=1, round=2)
    now = state(model)
    assert torch.equal(now["first.weight"], before["first.weight"])
    fresh = drawn(1, "fresh", 2)
    torch.testing.assert_close(now["head.weight"], 0.4 * before["head.weight"] + 0.1 * fresh.head.weight.detach())


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb(), NormMatched(), KeepLayers()], ids=repr)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dtypes_stay(strategy, dtype):
    model = parts.trained().to(dtype)
    renew_(model, strategy, Net, seed=1, round=2)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}


@pytest.mark.gpu
def test_devices_stay():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = renew_(parts.trained().cuda(), ShrinkPerturb(), Net, seed=1, round=2)
    plain = renew_(parts.trained(), ShrinkPerturb(), Net, seed=1, round=2)
    assert all(parameter.is_cuda for parameter in model.parameters())
    for name, value in state(plain).items():
        torch.testing.assert_close(state(model)[name].cpu(), value)


def test_weight_norm_computes_with_the_new_weights():
    def make_model():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 2)))

    model, inputs = make_model(), torch.ones(1, 3)
    with torch.no_grad():
        previous, bias = model(inputs), model[0].bias.clone()
    renew_(
        model, lambda previous, fresh, context: shrink_perturb(previous, fresh, perturb=0), make_model, seed=0, round=2
    )
    torch.testing.assert_close(model[0].weight @ inputs[0], 0.4 * (previous[0] - bias))
    torch.testing.assert_close(model(inputs), 0.4 * previous)


def test_gradients_and_the_optimizers_state_are_cleared_and_its_settings_stay():
    model, other = parts.trained(), nn.Linear(3, 3)
    optimizer = torch.optim.Adam([{"params": model.first.parameters(), "lr": 0.1}, {"params": other.parameters()}])
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    (model(torch.randn(4, 3)).sum() + other(torch.ones(1, 3)).sum()).backward()
    optimizer.step()
    scheduler.step()
    rates = [group["lr"] for group in optimizer.param_groups]
    renew_(model, ShrinkPerturb(), Net, seed=0, round=2, optimizer=optimizer)
    assert set(optimizer.state) == set(other.parameters()), "what belongs to another model stays"
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [group["lr"] for group in optimizer.param_groups] == rates == scheduler.get_last_lr() == [0.05, 0.0005]


def test_an_optimizer_steps_afterwards_as_a_new_one_does():
    inputs, steps = torch.randn(4, 3, generator=generator_for(0)), []
    for is_new in (False, True):
        model = parts.trained().eval()
        optimizer = parts.step(model, inputs)
        renew_(model, ShrinkPerturb(), Net, seed=0, round=2, optimizer=optimizer)
        if is_new:
            parts.step(model, inputs)
        else:
            model(inputs).square().mean().backward()
            optimizer.step()
        steps.append(state(model))
    assert same(*steps)


def test_wrapped_optimizers_are_looked_through():
    class Wrapped:
        def __init__(self, optimizer):
            self.optimizer = optimizer

    model = parts.trained().eval()
    optimizer = parts.step(model, torch.ones(4, 3))
    renew_(model, Warm(), Net, seed=0, round=2, optimizer=Wrapped(optimizer))
    assert not optimizer.state


def test_an_averaged_copy_restarts():
    model = parts.trained().eval()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for _ in range(2):
        parts.step(model, torch.ones(4, 3))
        averaged.update_parameters(model)
    assert not same(parameters(averaged.module), parameters(model))
    renew_(model, ShrinkPerturb(), Net, seed=0, round=2, averaged=averaged)
    assert int(averaged.n_averaged) == 0
    assert same(parameters(averaged.module), parameters(model))
    renew_(model, Cold(), Net, seed=0, round=3)
    averaged.update_parameters(model)
    assert same(parameters(averaged.module), parameters(model)), "the first update copies"


@pytest.mark.parametrize("hold", [lambda model: model, lambda model: nn.ModuleDict({"module": model})])
def test_a_plain_copy_that_follows_the_model_restarts(hold):
    model, follower = parts.trained(), parts.trained().half()
    follower.norm.running_mean += 1
    renew_(model, Cold(), Net, seed=0, round=2, averaged=hold(follower))
    assert all(torch.equal(value, state(model)[name].half()) for name, value in parameters(follower).items())
    assert follower.norm.running_mean.eq(1).all()


def test_a_strategy_can_be_a_function_of_a_round():
    seen = []

    def older(previous, fresh, context):
        seen.append((context.round, context.previous is previous))
        return copy_model(context.first())

    model = renew_(parts.trained(), older, Net, seed=3, round=5)
    assert same(trainable(model), trainable(drawn(3, "fresh", 1)))
    assert seen == [(5, True)]
    with pytest.raises(InputError, match="new must be given to a RoundContext"):
        renew_(model, lambda previous, fresh, context: list(context.new(3)), Net, seed=3, round=5)


def _sharing(model):
    fresh = Net()
    fresh.first.weight.data = model.first.weight.data
    return fresh


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "resnet"}, "model must be a torch.nn.Module"),
        ({"strategy": "cold"}, r"strategy must be a strategy such as ShrinkPerturb\(\), got 'cold'"),
        ({"strategy": Cold}, "strategy must be a strategy such as ShrinkPerturb"),
        ({"make_model": Net()}, "make_model must be a function that returns a fresh model"),
        ({"make_model": Cold()}, r"make_model must be a function .*, got Cold\(.*\); the strategy comes before it"),
        ({"make_model": lambda: None}, "make_model must return a torch.nn.Module, got None"),
        (
            {"make_model": lambda: nn.Linear(3, 5)},
            "make_model must .* with the parameters of model, but 'first.weight'",
        ),
        ({"make_model": lambda: nn.LazyLinear(3)}, "make_model returns must have parameters of known shape"),
        ({"strategy": lambda *_: nn.Linear(3, 5)}, "strategy must return a model with the parameters of model"),
        ({"strategy": lambda *_: None}, "strategy must return a torch.nn.Module, got None"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"round": 0}, "round must be a whole number of at least 1, got 0"),
        ({"optimizer": torch.optim.SGD(Net().parameters())}, "optimizer must hold parameters of model, but has none"),
        ({"optimizer": "adam"}, "optimizer must be a torch.optim.Optimizer, got 'adam'"),
        ({"averaged": nn.Linear(2, 2)}, "averaged must be a copy of model, but 'first.weight' is missing in it"),
        ({"averaged": 0.9}, "averaged must be a torch.nn.Module"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_changes_nothing(changed, message):
    model = parts.trained()
    before = state(model)
    given = {"model": model, "strategy": ShrinkPerturb(), "make_model": Net, "seed": 0, "round": 2, **changed}
    with pytest.raises(InputError, match=message):
        renew_(**given)
    assert same(state(model), before)


def test_models_that_share_parameters_are_refused():
    model = parts.trained()
    before = state(model)
    with pytest.raises(InputError, match="make_model must return a new model whenever it is called"):
        renew_(model, Cold(), lambda: model, seed=0, round=2)
    with pytest.raises(InputError, match=r"fresh must be initialized anew, but its parameter 'first.weight' shares"):
        renew_(model, Cold(), lambda: _sharing(model), seed=0, round=2)
    with pytest.raises(InputError, match="averaged must be a copy of model with parameters of its own"):
        renew_(model, Cold(), Net, seed=0, round=2, averaged=nn.DataParallel(model))
    assert same(state(model), before)


def test_a_model_in_another_shape_is_named():
    model = nn.Linear(2, 3)
    with pytest.raises(
        InputError, match=r"make_model must .* 'weight' in the shape of model \(3, 2\), got \(4, 2\)\. transplant"
    ):
        renew_(model, Cold(), lambda: nn.Linear(2, 4), seed=0, round=2)


def meta():
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(4, 3))


def ready():
    return nn.Sequential(nn.Linear(4, 3))


def lazy():
    return nn.Sequential(nn.LazyLinear(3))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda empty: renew_(ready(), Cold(), empty, seed=0, round=2), "the model that make_model returns"),
        (lambda empty: renew_(empty(), Cold(), ready, seed=0, round=2), "model"),
        (lambda empty: renew_(ready(), Cold(), ready, seed=0, round=2, averaged=empty()), "averaged"),
        (lambda empty: shrink_perturb_(ready(), empty()), "fresh"),
        (lambda empty: transplant(ready(), empty()), "fresh"),
        (lambda empty: transplant(empty(), ready()), "previous"),
        (lambda empty: keep_layers(empty(), ready()), "previous"),
        (lambda empty: keep_layers(ready(), empty()), "fresh"),
    ],
)
@pytest.mark.parametrize(("empty", "reason"), [(lazy, "a lazy layer"), (meta, "the meta device")])
def test_a_model_without_values_is_refused(call, name, empty, reason):
    with pytest.raises(InputError, match=rf"^{name} must have parameters .* {reason}"):
        call(empty)


PARTS = {
    "orthogonal": lambda: nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
    "spectral norm, older form": lambda: nn.utils.spectral_norm(nn.Linear(4, 4)),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_a_weight_is_computed_from_besides_parameters_comes_with_it(name):
    def make_model():
        return nn.Sequential(PARTS[name](), nn.Linear(4, 2))

    model, inputs = make_model(), torch.randn(8, 4)
    averaged = AveragedModel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        model(inputs).square().mean().backward()
        optimizer.step()
    renew_(model, Cold(), make_model, seed=0, round=2, optimizer=optimizer, averaged=averaged)
    with seeded_globals(generator_for(0, "fresh", 2)):
        fresh = make_model()
    assert torch.equal(model.eval()(inputs), fresh.eval()(inputs))
    assert torch.equal(averaged.eval()(inputs), fresh(inputs))


def test_buffers_of_a_frozen_weight_stay_with_it():
    model = nn.Sequential(PARTS["orthogonal"](), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    renew_(model, Cold(), lambda: nn.Sequential(PARTS["orthogonal"](), nn.Linear(4, 2)), seed=0, round=2)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_numbers_of_numpy_give_the_same_draws(kind):
    ours, theirs = nn.Linear(2, 2), nn.Linear(2, 2)
    renew_(ours, Cold(), lambda: nn.Linear(2, 2), seed=3, round=2)
    renew_(theirs, Cold(), lambda: nn.Linear(2, 2), seed=kind(3), round=kind(2))
    assert same(state(ours), state(theirs))


def test_draws_do_not_depend_on_the_default_device():
    ours, theirs = nn.Linear(2, 2), nn.Linear(2, 2)
    theirs.load_state_dict(ours.state_dict())
    strategy = ShrinkPerturb(noise=Noise.GAUSSIAN)
    renew_(ours, strategy, lambda: nn.Linear(2, 2), seed=0, round=2)
    torch.set_default_device("meta")
    try:
        renew_(theirs, strategy, lambda: nn.Linear(2, 2, device="cpu"), seed=0, round=2)
    finally:
        torch.set_default_device(None)
    assert same(state(ours), state(theirs))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # in PyTorch's own optimizers
def test_the_state_of_an_optimizer_inside_another_is_cleared(tmp_path):
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("this build of PyTorch has no gloo")
    from torch.distributed.optim import ZeroRedundancyOptimizer

    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        model = nn.Linear(2, 2)
        optimizer = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=torch.optim.Adam, lr=0.1)
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        assert optimizer.optim.state
        renew_(model, Cold(), lambda: nn.Linear(2, 2), seed=0, round=2, optimizer=optimizer)
        assert not optimizer.optim.state
    finally:
        torch.distributed.destroy_process_group()


def test_a_history_of_all_parameters_is_cleared():
    model, other = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = torch.optim.LBFGS([*other.parameters(), *model.parameters()])

    def closure():
        optimizer.zero_grad()
        loss = other(model(torch.ones(1, 2))).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert optimizer.state
    renew_(model, Cold(), lambda: nn.Linear(2, 2), seed=0, round=2, optimizer=optimizer)
    assert not optimizer.state


def test_a_strategy_may_run_the_fresh_model():
    def make_model():
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    def run(previous, fresh, context):
        fresh(torch.ones(2, 3, dtype=torch.float64))
        return fresh

    renew_(make_model().double(), run, make_model, seed=0, round=2)


def test_gaussian_noise_leaves_padding_at_zero():
    model = nn.Sequential(nn.Embedding(5, 3, padding_idx=1))
    renew_(model, ShrinkPerturb(noise=Noise.GAUSSIAN), lambda: copy_model(model), seed=0, round=2)
    assert model[0].weight[1].eq(0).all()
    assert model[0].weight[0].ne(0).all()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes have, each of its own."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("PyTorch has been built without gloo")
    folder = tmp_path_factory.mktemp("parts")
    paths = os.pathsep.join([str(TESTS), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, str(Path(parts.__file__))]
    places = [str(folder / "meeting"), str(folder / "result")]
    processes = [subprocess.Popen([*command, str(rank), "2", *places], env=environment) for rank in range(2)]
    try:
        assert [process.wait(timeout=200) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"result-{rank}") for rank in range(2)]


@pytest.mark.parametrize("index", range(len(parts.STRATEGIES)))
def test_a_sharded_model_gets_the_bits_of_a_whole_one(found, index):
    plain = renew_(parts.trained(), parts.STRATEGIES[index], Net, seed=7, round=3)
    for process in found:
        sharded, _ = process[index]
        assert same(parameters(plain), sharded["state"])
        assert (sharded["same_kinds"], sharded["tied"], sharded["runs"]) == (True, True, True)
        assert (sharded["cleared"], sharded["gradients"]) == ((True, 0), [])


@pytest.mark.parametrize("index", range(len(parts.STRATEGIES)))
def test_a_distributed_model_gets_the_bits_of_a_plain_one(found, index):
    plain = renew_(parts.trained(), parts.STRATEGIES[index], Net, seed=7, round=3)
    for process in found:
        _, distributed = process[index]
        assert same(parameters(plain), distributed["state"])
        assert (distributed["cleared"], distributed["count"]) == (0, 0)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize("change", [transplant, keep_layers])
def test_what_a_layer_caches_of_its_weight_is_that_of_the_parameters_it_got(change):
    previous, fresh = (nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 2)) for _ in range(2))
    assert torch.equal(change(previous, fresh)[0].weight, previous[0].weight)
