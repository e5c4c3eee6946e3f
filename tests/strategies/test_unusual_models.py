"""Strategies on models of every kind: wrapped, tied, with a head of their own, or with nothing to change."""

import copy
import dataclasses

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from samples import blobs
from warmstart.basics import InputError, generator_for, unwrapped, weights_of
from warmstart.strategies import (
    Cold,
    Context,
    KeepLayers,
    Noise,
    NormMatched,
    Scope,
    ShrinkPerturb,
    Warm,
    gaussian_like,
    head_of,
    keep_layers,
    layers_of,
    norm_matched,
    scale,
    scale_,
    shrink_perturb,
    shrink_perturb_,
    transplant,
)
from warmstart.training import Recipe, StopRule, evaluate, fit, predict, recalibrate_

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*", "ignore::torch.jit.TracerWarning", "ignore:The .grad attribute"
)
INPUTS = torch.linspace(-1, 1, 12).reshape(3, 4)
TABLE = blobs(32)


def wrong(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


def net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def context(fresh):
    return Context(first=lambda: fresh, generator=generator_for(0), draw=lambda: copy.deepcopy(fresh))


# Wrappers


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
    results = [
        fit(each, TABLE, recipe=Recipe(batch_size=8), stop=StopRule(None, max_epochs=2), generator=generator_for(0))
        for each in (model, plain)
    ]
    assert results[0].cost.flops == results[1].cost.flops
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


def sides(failing):
    """Every wrapper on either side; those that fail by side and wrapper."""
    return [
        pytest.param(side, wrap, marks=[wrong(failing[side, wrap])] if (side, wrap) in failing else [])
        for side in ("previous", "fresh")
        for wrap in WRAPPERS
    ]


LOST = {("fresh", name): "copied parameters of TorchScript are no nn.Parameter" for name in ("scripted", "traced")}
UNMATCHED = {
    **{(side, name): "a parameter is said to be missing" for side in ("previous", "fresh") for name in PARTS},
    ("previous", "checkpointed"): "nothing is kept, without a word",
}


@pytest.mark.parametrize(("wrapped", "wrap"), sides(LOST))
def test_wrapped_and_plain_models_are_transplanted_alike(wrapped, wrap):
    previous, fresh = net(0), net(1)
    found = transplant(
        WRAPPERS[wrap](previous) if wrapped == "previous" else previous,
        WRAPPERS[wrap](fresh) if wrapped == "fresh" else fresh,
    )
    for one, other in zip(values(found), values(net(0)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("wrapped", "wrap"), sides(UNMATCHED))
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


HEADLESS = {
    **dict.fromkeys(("scripted", "traced"), "the graph of TorchScript is not looked at"),
    "checkpointed": "its names are those with the wrapper's, and no weight has them",
}


@pytest.mark.parametrize(
    "wrap", [pytest.param(name, marks=[wrong(HEADLESS[name])] if name in HEADLESS else []) for name in WRAPPERS]
)
def test_the_head_of_a_wrapped_model_is_that_of_the_model(wrap):
    class Reversed(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = nn.Linear(5, 3), nn.Linear(4, 5)

        def forward(self, inputs):
            return self.head(torch.relu(self.body(inputs)))

    if wrap in PARTS:
        model = net()
        assert head_of(WRAPPERS[wrap](model)) == {"3.weight", "3.bias"}
        return
    assert head_of(WRAPPERS[wrap](Reversed())) == {"head.weight", "head.bias"}


def sharded(model):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    return fully_shard(model, mesh=init_device_mesh("cpu", (1,)))


def test_a_sharded_model_takes_noise_from_a_plain_one():
    model = sharded(net(0))
    shrink_perturb_(model, net(1), shrink=0.4, perturb=0.1)
    for found, old, new in zip(values(model), values(net(0)), values(net(1)), strict=True):
        torch.testing.assert_close(found.full_tensor(), 0.4 * old + 0.1 * new)


@wrong("raises RuntimeError about mixed tensors")
def test_a_plain_model_takes_noise_from_a_sharded_one():
    model = net(0)
    shrink_perturb_(model, sharded(net(1)), shrink=0.4, perturb=0.1)
    for found, old, new in zip(values(model), values(net(0)), values(net(1)), strict=True):
        torch.testing.assert_close(found, 0.4 * old + 0.1 * new)


@wrong("evaluation fails after the operations were counted")
def test_a_sharded_model_can_be_evaluated_after_training():
    model, plain = sharded(net()), net()
    for each in (model, plain):
        fit(each, TABLE, recipe=Recipe(batch_size=8), stop=StopRule(None, max_epochs=1), generator=generator_for(0))
    assert evaluate(model, TABLE).loss == pytest.approx(evaluate(plain, TABLE).loss, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("copy", lambda model: Warm()(model, model, None)),
        ("gaussian", lambda model: gaussian_like(model, generator=generator_for(0))),
    ],
)
def test_a_copy_of_a_sharded_model_is_refused_in_a_sentence(name, change):
    with pytest.raises(InputError, match=r"model must be one that copy\.deepcopy can copy"):
        change(sharded(net()))


# Nothing to change


def averaged():
    return copy.deepcopy(net()).requires_grad_(False)


def buffers_only():
    model = nn.Module()
    model.register_buffer("table", torch.ones(3))
    return model


def quantized():
    return torch.ao.quantization.quantize_dynamic(net(), {nn.Linear}, dtype=torch.qint8)


INERT = {
    "frozen copy": averaged,
    "buffers only": buffers_only,
    "normalization without gains": lambda: nn.BatchNorm1d(3, affine=False),
    "frozen, wrapped": lambda: nn.DataParallel(averaged()),
}
CHANGES = {
    "scale_": lambda model, fresh: scale_(model, 0.5),
    "scale": lambda model, fresh: scale(model, 0.5),
    "shrink_perturb_": lambda model, fresh: shrink_perturb_(model, fresh),
    "shrink_perturb": lambda model, fresh: shrink_perturb(model, fresh),
    "gaussian_like": lambda model, fresh: gaussian_like(model, generator=generator_for(0)),
    "norm_matched": lambda model, fresh: norm_matched(model, fresh, generator=generator_for(0)),
    "Cold": lambda model, fresh: Cold(scale=0.5)(None, model, None),
    **{
        f"ShrinkPerturb {noise}": lambda model, fresh, noise=noise: ShrinkPerturb(noise=noise)(
            model, fresh, context(fresh)
        )
        for noise in Noise
    },
    "NormMatched": lambda model, fresh: NormMatched()(model, model, context(model)),
    "before the first round": lambda model, fresh: ShrinkPerturb(before_first_round=True)(None, model, context(model)),
}


@pytest.mark.parametrize("kind", INERT)
@pytest.mark.parametrize("change", CHANGES)
def test_a_model_without_anything_to_change_is_refused(kind, change):
    model = INERT[kind]()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError, match=r"model must have at least one trainable parameter, got none"):
        CHANGES[change](model, INERT[kind]())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", ["scale_", "shrink_perturb_"])
def test_what_is_left_of_a_quantized_model_is_changed_or_it_is_refused(change):
    model = quantized()[:1]
    with pytest.raises(InputError, match="model must have at least one trainable parameter"):
        CHANGES[change](model, quantized()[:1])


@pytest.mark.parametrize("scope", [Scope.WEIGHTS, Scope.LAYERS])
def test_a_scope_without_anything_to_change_is_refused(scope):
    with pytest.raises(InputError, match="scope must hold at least one trainable parameter of the model"):
        scale_(nn.BatchNorm1d(3), 0.5, scope=scope)
    with pytest.raises(InputError, match="scope must hold at least one trainable parameter of the model"):
        scale_(net(), 0.5, include=lambda name, parameter: False)


@pytest.mark.parametrize("strategy", [Warm(), Cold(), KeepLayers()])
def test_what_changes_no_number_takes_frozen_models(strategy):
    found = strategy(averaged(), averaged(), context(averaged()))
    assert not any(parameter.requires_grad for parameter in found.parameters())


# The head


class Reversed(nn.Module):
    """Its head is defined first."""

    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.Linear(4, 5)

    def forward(self, inputs):
        return self.head(torch.relu(self.body(inputs)))


class Measured(Reversed):
    """Cannot be traced: it looks at a value."""

    def forward(self, inputs):
        hidden = self.body(inputs)
        return self.head(torch.relu(hidden if len(hidden) < 10**6 and hidden.sum() < 10**9 else 2 * hidden))


class WithAuxiliary(Reversed):
    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(5, 3)

    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        return self.head(hidden), self.auxiliary(hidden)


class MeasuredWithAuxiliary(WithAuxiliary):
    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        if hidden.sum() > 10**9:
            hidden = 2 * hidden
        return self.head(hidden), self.auxiliary(hidden)


class InDictionary(Reversed):
    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(5, 3)

    def forward(self, inputs):
        hidden = torch.relu(self.body(inputs))
        return {"loss": None, "logits": self.head(hidden), "other": self.auxiliary(hidden)}


class WithToken(Reversed):
    """Has a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(4))

    def forward(self, inputs):
        return super().forward(inputs + self.token)


class WithTemperature(Reversed):
    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        return super().forward(inputs) * self.temperature


class WithNorm(Reversed):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(3)

    def forward(self, inputs):
        return self.norm(super().forward(inputs))


class WithNormedHead(Reversed):
    def __init__(self):
        super().__init__()
        self.head = nn.utils.parametrizations.weight_norm(self.head)


class Signals(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.Conv1d(2, 5, 3)

    def forward(self, inputs):
        hidden = self.body(inputs).mean(2)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Pictures(nn.Module):
    def __init__(self, side=16):
        super().__init__()
        self.head, self.body = nn.Linear(2 * side * side, 3), nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, inputs):
        hidden = self.body(inputs).flatten(1)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.EmbeddingBag(9, 5)

    def forward(self, inputs):
        hidden = self.body(inputs)
        return self.head(hidden if hidden.sum() < 10**9 else 2 * hidden)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(4, 3), nn.TransformerEncoderLayer(4, 1, 8, batch_first=True)

    def forward(self, inputs):
        return self.head(self.body(inputs[:, None])[:, 0])


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.body = nn.Linear(5, 3), nn.GRU(4, 5, batch_first=True)

    def forward(self, inputs):
        return self.head(self.body(inputs[:, None])[0][:, 0])


class Language(nn.Module):
    """The output layer has the weight of the embedding."""

    def __init__(self):
        super().__init__()
        self.words, self.middle = nn.Embedding(9, 4), nn.Linear(4, 4)
        self.out = nn.Linear(4, 9, bias=False)
        self.out.weight = self.words.weight

    def forward(self, inputs):
        return self.out(self.middle(self.words(inputs).mean(1)))


class FunctionalLanguage(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.middle = nn.Embedding(9, 4), nn.Linear(4, 4)

    def forward(self, inputs):
        return F.linear(self.middle(self.words(inputs).mean(1)), self.words.weight)


class BiasedLanguage(FunctionalLanguage):
    """Its output has a bias that belongs to the model as a whole."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(9))

    def forward(self, inputs):
        return super().forward(inputs) + self.bias


class MeasuredLanguage(FunctionalLanguage):
    def forward(self, inputs):
        hidden = self.middle(self.words(inputs).mean(1))
        return F.linear(hidden if hidden.sum() < 10**9 else 2 * hidden, self.words.weight)


class Classifying(Measured):
    def get_classifier(self):
        return self.head


class Embedding(Measured):
    def get_output_embeddings(self):
        return self.head


class Abstract(Measured):
    def get_output_embeddings(self):
        raise NotImplementedError


class Block(nn.Module):
    """A block with a parameter of its own, and the last layer within."""

    def __init__(self):
        super().__init__()
        self.gain, self.first, self.last = nn.Parameter(torch.ones(5)), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, inputs):
        return self.last(self.first(inputs) * self.gain)


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks, self.body = Block(), nn.Linear(4, 5)

    def forward(self, inputs):
        return self.blocks(torch.relu(self.body(inputs)))


OWN_HEAD = {"head.weight", "head.bias"}
HEADS = {
    Reversed: OWN_HEAD,
    Measured: OWN_HEAD,
    WithAuxiliary: OWN_HEAD,
    MeasuredWithAuxiliary: OWN_HEAD,
    InDictionary: OWN_HEAD,
    WithToken: OWN_HEAD,
    WithTemperature: OWN_HEAD,
    WithNorm: OWN_HEAD,
    WithNormedHead: OWN_HEAD,
    Signals: OWN_HEAD,
    Pictures: OWN_HEAD,
    Bags: OWN_HEAD,
    Attending: OWN_HEAD,
    Recurrent: OWN_HEAD,
    Classifying: OWN_HEAD,
    Embedding: OWN_HEAD,
    Abstract: OWN_HEAD,
    Language: {"words.weight"},
    FunctionalLanguage: {"words.weight"},
    BiasedLanguage: {"words.weight"},
    MeasuredLanguage: {"words.weight"},
    Blocks: {"blocks.last.weight", "blocks.last.bias"},
}
MISTAKEN = {
    MeasuredWithAuxiliary: "the auxiliary head runs last",
    Signals: "no signals are tried, and the last layer defined is taken",
    Pictures: "no images of this size are tried, and the last layer defined is taken",
    Bags: "no words are tried, and the last layer defined is taken",
    BiasedLanguage: "a model with a parameter of its own is not traced",
    MeasuredLanguage: "a functional layer does not run as a module",
    Blocks: "a block with a parameter of its own counts as one layer",
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.__name__, marks=[wrong(MISTAKEN[kind])] if kind in MISTAKEN else []) for kind in HEADS],
)
def test_the_head_is_the_last_layer_that_leads_to_the_logits(kind):
    model = kind()
    before = copy.deepcopy(model.state_dict())
    assert head_of(model) == HEADS[kind]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_head_that_is_named_is_that_one_and_the_body_the_rest():
    model = WithAuxiliary()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scale_(model, 0.5, scope=Scope.HEAD, head="auxiliary")
    assert {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])} == {
        "auxiliary.weight",
        "auxiliary.bias",
    }
    with pytest.raises(InputError, match="Unknown head 'auxilary': did you mean 'auxiliary'"):
        scale_(model, 0.5, scope=Scope.BODY, head="auxilary")


def test_the_head_comes_last_among_the_layers():
    assert layers_of(Reversed()) == [["body.weight", "body.bias"], ["head.weight", "head.bias"]]
    previous, fresh = Reversed(), Reversed()
    found = KeepLayers("first", -1)(previous, fresh, context(fresh))
    assert torch.equal(found.body.weight, previous.body.weight)
    assert torch.equal(found.head.weight, fresh.head.weight)


# Ties and expanded memory


class Tied(nn.Module):
    def __init__(self, tie):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        tie(self)

    def forward(self, inputs):
        return self.b(torch.relu(self.a(inputs)))[:, :3]


def shared(model):
    model.b.weight = model.a.weight


def transposed(model):
    model.b.weight.data = model.a.weight.data.t()


def overlapping(model):
    whole = torch.randn(6, 4)
    model.a.weight.data, model.b.weight.data = whole[:4], whole[2:]


def trained(model):
    fit(model, TABLE, recipe=Recipe(batch_size=8), stop=StopRule(None, max_epochs=1), generator=generator_for(0))
    return model


KEEPING = {
    "warm": lambda model, other: Warm()(model, other, context(other)),
    "cold": lambda model, other: Cold(scale=0.5)(None, model, context(model)),
    "shrink_perturb": lambda model, other: shrink_perturb(model, other),
    "keep_layers": lambda model, other: keep_layers(model, other),
    "transplant": lambda model, other: transplant(model, other),
    "norm_matched": lambda model, other: norm_matched(model, other, generator=generator_for(0)),
    "gaussian_like": lambda model, other: gaussian_like(model, generator=generator_for(0)),
    "fit": lambda model, other: trained(model),
    "fit compiled": lambda model, other: unwrapped(trained(compiled(model))),
}


@pytest.mark.parametrize("tie", [shared, transposed, overlapping], ids=lambda tie: tie.__name__)
@pytest.mark.parametrize("keeping", KEEPING)
def test_weights_that_share_memory_share_it_afterwards(keeping, tie):
    found = KEEPING[keeping](Tied(tie), Tied(tie))
    before = found.b.weight.detach().clone()
    with torch.no_grad():
        found.a.weight.fill_(7.0)
    assert (found.b.weight == 7.0).sum() >= 8
    assert not torch.equal(found.b.weight, before)


def expanded(model):
    model.b.weight.data = torch.randn(4).expand(4, 4)


@pytest.mark.parametrize("change", ["scale_", "shrink_perturb_"])
def test_a_weight_without_a_place_for_each_number_is_refused_in_a_sentence(change):
    with pytest.raises(InputError, match=r"'b\.weight', which is expanded"):
        CHANGES[change](Tied(expanded), Tied(expanded))


@pytest.mark.parametrize("change", ["gaussian_like", "norm_matched", "transplant", "keep_layers"])
def test_a_copy_has_a_place_for_each_number_of_an_expanded_weight(change):
    calls = {**CHANGES, **KEEPING, "keep_layers": lambda model, other: keep_layers(model, other, layers=2)}
    found = calls[change](Tied(expanded), Tied(expanded))
    assert found.b.weight.isfinite().all()
    assert 0 not in found.b.weight.stride()


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.bfloat16, torch.float64, torch.cfloat])
def test_weights_of_each_type_are_shrunk_and_keep_their_type(dtype):
    model = nn.ParameterDict({"weight": nn.Parameter(torch.tensor([2.0, -4.0]).to(dtype))})
    scale_(model, 0.5)
    assert model["weight"].dtype is dtype
    torch.testing.assert_close(model["weight"].to(torch.cfloat), torch.tensor([1.0, -2.0]).to(torch.cfloat))


@pytest.mark.parametrize("wrong_value", [float("nan"), float("inf")])
def test_a_factor_of_zero_leaves_nothing_of_a_model_that_diverged(wrong_value):
    model, fresh = net(0), net(1)
    nn.init.constant_(model[0].weight, wrong_value)
    shrink_perturb_(model, fresh, shrink=0.0, perturb=1.0)
    assert torch.equal(model[0].weight, fresh[0].weight)


# Arguments

BAD = [None, "false", -1, float("nan"), [1], {}, torch.zeros(2), nn.Linear]
MODELS = {
    "scale_": lambda value: scale_(value, 0.5),
    "scale": lambda value: scale(value, 0.5),
    "shrink_perturb_": lambda value: shrink_perturb_(value, net()),
    "fresh of shrink_perturb_": lambda value: shrink_perturb_(net(), value),
    "shrink_perturb": lambda value: shrink_perturb(value, net()),
    "gaussian_like": lambda value: gaussian_like(value, generator=generator_for(0)),
    "norm_matched": lambda value: norm_matched(value, net(), generator=generator_for(0)),
    "like of norm_matched": lambda value: norm_matched(net(), value, generator=generator_for(0)),
    "transplant": lambda value: transplant(value, net()),
    "fresh of transplant": lambda value: transplant(net(), value),
    "keep_layers": lambda value: keep_layers(value, net()),
    "fresh of keep_layers": lambda value: keep_layers(net(), value),
    "layers_of": layers_of,
    "head_of": head_of,
}
OTHERS = {
    "generator of gaussian_like": (lambda value: gaussian_like(net(), generator=value), BAD),
    "generator of norm_matched": (lambda value: norm_matched(net(), net(), generator=value), BAD),
    "partial": (lambda value: transplant(net(), net(), partial=value), [None, "false", 1, [1]]),
    "include": (lambda value: scale_(net(), 0.5, include=value), ["x", 1, [1], {}]),
    "head": (lambda value: scale_(net(), 0.5, scope=Scope.HEAD, head=value), ["x", -1, 1.5, ["3"], {}]),
    "scope": (lambda value: scale_(net(), 0.5, scope=value), BAD),
    "before_first_round": (lambda value: ShrinkPerturb(before_first_round=value), [None, "false", 1, [1]]),
    "noise": (lambda value: ShrinkPerturb(noise=value), [None, "x", 1, [1]]),
    "which": (lambda value: KeepLayers(which=value), [None, "x", 1, [1]]),
    "layers": (lambda value: KeepLayers(layers=value), [None, "x", 0, 1.5, [1], True]),
}
NUMBERS = {
    "shrink": (lambda value: shrink_perturb_(net(), net(), shrink=value), [None, "0.4", -1, 2, float("nan"), [1]]),
    "perturb": (lambda value: shrink_perturb_(net(), net(), perturb=value), [None, "0.1", -1, float("inf"), [1]]),
    "scale": (lambda value: scale_(net(), value), [None, "0.1", -1, float("inf"), float("nan"), {}]),
    "scale of Cold": (lambda value: Cold(scale=value), [None, "0.1", -1, float("inf"), [1]]),
    "shrink of ShrinkPerturb": (lambda value: ShrinkPerturb(shrink=value), [None, "0.4", -1, 2, [1]]),
    "shrink of NormMatched": (lambda value: NormMatched(shrink=value), [None, "0.4", -1, 2, [1]]),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=wrong("raises AttributeError")) for name in MODELS])
def test_what_is_no_model_is_one_sentence(name):
    for value in BAD:
        with pytest.raises(InputError, match=r"must be a torch\.nn\.Module"):
            MODELS[name](value)


SAID = ("scope", "layers")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in SAID else [wrong("raises another error, or is taken")]) for name in OTHERS],
)
def test_an_option_of_another_kind_is_one_sentence(name):
    call, given = OTHERS[name]
    for value in given:
        with pytest.raises(InputError):
            call(value)


@pytest.mark.parametrize("name", [pytest.param(name, marks=wrong("raises TypeError")) for name in NUMBERS])
def test_a_factor_of_another_kind_is_one_sentence_that_names_it(name):
    call, given = NUMBERS[name]
    for value in given:
        with pytest.raises(InputError, match=name.split()[0]):
            call(value)


@dataclasses.dataclass
class Late:
    """Fails after so many weights."""

    count: int

    def __call__(self, name, parameter):
        self.count -= 1
        if self.count < 0:
            raise ZeroDivisionError
        return True


@pytest.mark.parametrize("count", range(6))
def test_a_change_that_fails_changes_nothing(count):
    model = net()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ZeroDivisionError):
        shrink_perturb_(model, net(1), include=Late(count))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
