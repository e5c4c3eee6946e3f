"""Strategies treat wrapped, compiled, traced and sharded models as the plain models within."""

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from small_models import INPUTS, TABLE, HeadFirst, net, trained
from warmstart.basics import InputError, generator_for, weights_of
from warmstart.strategies import Warm, gaussian_like, head_of, keep_layers, shrink_perturb_, transplant
from warmstart.training import evaluate, predict, recalibrate_

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*", "ignore::torch.jit.TracerWarning", "ignore:The .grad attribute"
)


class Forwarding(nn.Module):
    """Wraps as Lightning Fabric does, under its name."""

    def __init__(self, model):
        super().__init__()
        self._forward_module = model

    def forward(self, *inputs):
        return self._forward_module(*inputs)


_FabricModule = type("_FabricModule", (Forwarding,), {"__module__": "lightning.fabric.wrappers"})


def compiled(model):
    return torch.compile(model, backend="eager")


def part_wrapped(wrap):
    def wrapped(model):
        model[0] = wrap(model[0])
        return model

    return wrapped


WRAPPERS = {
    "compiled": compiled,
    "distributed": DistributedDataParallel,
    "compiled, distributed": lambda model: compiled(DistributedDataParallel(model)),
    "distributed, compiled": lambda model: DistributedDataParallel(compiled(model)),
    "data parallel": nn.DataParallel,
    "averaged": AveragedModel,
    "averaged, compiled": lambda model: AveragedModel(compiled(model)),
    "compiled, averaged": lambda model: compiled(AveragedModel(model)),
    "fabric": _FabricModule,
    "compiled, fabric": lambda model: compiled(_FabricModule(model)),
    "fabric, distributed": lambda model: _FabricModule(DistributedDataParallel(model)),
    "scripted": torch.jit.script,
    "traced": lambda model: torch.jit.trace(model, INPUTS),
    "traced by fx": torch.fx.symbolic_trace,
    "a part compiled": part_wrapped(compiled),
    "a part checkpointed": part_wrapped(checkpoint_wrapper),
    "checkpointed": checkpoint_wrapper,
}
PARTS = [name for name in WRAPPERS if "part" in name]


@pytest.fixture(scope="module", autouse=True)
def _group(tmp_path_factory):
    meeting = tmp_path_factory.mktemp("group") / "meeting"
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def values(model):
    """The weights by value, in order: names differ among wrappers."""
    return [weight.value().clone() for weight in weights_of(model).values()]


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("wrapped", ["model", "fresh", "both"])
def test_wrapped_and_plain_models_are_shrunk_and_perturbed_alike(wrap, wrapped):
    model, fresh = (
        WRAPPERS[wrap](net(seed)) if wrapped in (which, "both") else net(seed)
        for seed, which in enumerate(("model", "fresh"))
    )
    shrink_perturb_(model, fresh, shrink=0.4, perturb=0.1)
    for found, old, new in zip(values(model), values(net(0)), values(net(1)), strict=True):
        torch.testing.assert_close(found, 0.4 * old + 0.1 * new)


@pytest.mark.filterwarnings("ignore")  # what the compiler has to say
@pytest.mark.parametrize("wrap", [name for name in WRAPPERS if name not in ("traced", "checkpointed")])
def test_wrapped_models_train_and_predict_as_plain_ones(wrap):
    model, plain = WRAPPERS[wrap](net()), net()
    assert trained(model).cost.flops == trained(plain).cost.flops
    assert evaluate(model, TABLE).loss == pytest.approx(evaluate(plain, TABLE).loss, rel=1e-3)
    torch.testing.assert_close(predict(model, TABLE), predict(plain, TABLE), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("wrap", [name for name in WRAPPERS if name not in ("traced", "scripted", "checkpointed")])
def test_statistics_of_wrapped_models_are_recalibrated(wrap):
    model, plain = WRAPPERS[wrap](net()).train(), net().train()
    for each in (model, plain):
        recalibrate_(each, TABLE, generator=generator_for(0))
    found = [value for name, value in model.named_buffers() if name.endswith("running_mean")]
    torch.testing.assert_close(found[0], plain[1].running_mean)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("wrapped", ["previous", "fresh"])
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrapped_and_plain_models_are_transplanted_alike(wrapped, wrap):
    previous, fresh = net(0), net(1)
    found = transplant(
        WRAPPERS[wrap](previous) if wrapped == "previous" else previous,
        WRAPPERS[wrap](fresh) if wrapped == "fresh" else fresh,
    )
    for one, other in zip(values(found), values(net(0)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("wrapped", ["previous", "fresh"])
@pytest.mark.parametrize("wrap", WRAPPERS)
def test_layers_of_wrapped_and_plain_models_are_kept_alike(wrapped, wrap):
    previous, fresh = net(0), net(1)
    found = keep_layers(
        WRAPPERS[wrap](previous) if wrapped == "previous" else previous,
        WRAPPERS[wrap](fresh) if wrapped == "fresh" else fresh,
        layers=1,
    )
    wanted = values(net(0))[:4] + values(net(1))[4:]
    for one, other in zip(values(found), wanted, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_the_head_of_a_wrapped_model_is_that_of_the_model(wrap):
    if wrap in PARTS:
        assert head_of(WRAPPERS[wrap](net())) == {"3.weight", "3.bias"}
    else:
        assert head_of(WRAPPERS[wrap](HeadFirst())) == {"head.weight", "head.bias"}


def sharded(model):
    return fully_shard(model, mesh=init_device_mesh("cpu", (1,)))


def test_a_sharded_model_takes_noise_from_a_plain_one():
    model = sharded(net(0))
    shrink_perturb_(model, net(1), shrink=0.4, perturb=0.1)
    for found, old, new in zip(values(model), values(net(0)), values(net(1)), strict=True):
        torch.testing.assert_close(found.full_tensor(), 0.4 * old + 0.1 * new)


def test_a_plain_model_takes_noise_from_a_sharded_one():
    model = net(0)
    shrink_perturb_(model, sharded(net(1)), shrink=0.4, perturb=0.1)
    for found, old, new in zip(values(model), values(net(0)), values(net(1)), strict=True):
        torch.testing.assert_close(found, 0.4 * old + 0.1 * new)


def test_a_sharded_model_can_be_evaluated_after_training():
    model, plain = sharded(net()), net()
    for each in (model, plain):
        trained(each)
    assert evaluate(model, TABLE).loss == pytest.approx(evaluate(plain, TABLE).loss, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("copy", lambda model: Warm()(model, model, None)),
        ("gaussian", lambda model: gaussian_like(model, generator=generator_for(0))),
    ],
)
def test_a_copy_of_a_sharded_model_is_refused_in_one_sentence(name, change):
    with pytest.raises(InputError, match=r"model must support copy\.deepcopy, but FSDP"):
        change(sharded(net()))
