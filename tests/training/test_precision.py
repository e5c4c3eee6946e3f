"""Arithmetic is an option; switches are put back."""

import pytest
import torch
from torch import nn

from samples import blobs, pictures
from warmstart.basics import generator_for
from warmstart.models import MLP, ResNet18
from warmstart.training import Precision, Recipe, StoppingRule, evaluate, fit
from warmstart.training._precision import arithmetic


class Spy(nn.Linear):
    """Notes in which type its products come out."""

    def __init__(self):
        super().__init__(4, 3)
        self.seen = set()

    def forward(self, input):
        outputs = super().forward(input)
        self.seen.add(outputs.dtype)
        return outputs


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [(Precision.FP32, torch.float32), (Precision.TF32, torch.float32), (Precision.BF16, torch.bfloat16)],
)
def test_steps_are_computed_in_the_precision_asked_for(precision, dtype):
    model = Spy()
    fit(model, blobs(60), recipe=Recipe(precision=precision), stop=StoppingRule(None, max_epochs=1),
        generator=generator_for(0))  # fmt: skip
    assert model.seen == {dtype}
    assert model.weight.dtype is torch.float32


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx512_bf16": True, "amx_bf16": True}, Precision.BF16),
        ({"avx512_bf16": True, "amx_bf16": False}, Precision.BF16),
        ({"amx_bf16": True}, Precision.BF16),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True, "amx_int8": True}, Precision.FP32),
        ({"architecture": "aarch64", "bf16": True}, Precision.FP32),  # nobody has measured it there
        ({}, Precision.FP32),
        (None, Precision.FP32),  # a PyTorch that cannot say
    ],
)
def test_auto_is_bfloat16_on_processors_with_instructions_for_it(capabilities, precision, monkeypatch):
    has(monkeypatch, capabilities)
    assert Precision.AUTO.on("cpu") is precision
    model = Spy()
    fit(model, blobs(60), recipe=Recipe(precision="auto"), stop=StoppingRule(None, max_epochs=1),
        generator=generator_for(0))  # fmt: skip
    assert model.seen == {torch.bfloat16 if precision is Precision.BF16 else torch.float32}


def has(monkeypatch, capabilities):
    """Let the processor have these capabilities; None: PyTorch has no means to say."""
    if capabilities is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


@pytest.mark.parametrize(
    ("is_available", "capability", "precision"),
    [
        (True, (9, 0), Precision.BF16),
        (True, (8, 0), Precision.BF16),
        (True, (7, 5), Precision.FP32),
        (False, (9, 0), Precision.FP32),
    ],
)
def test_auto_is_bfloat16_on_gpus_with_instructions_for_it(is_available, capability, precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_available)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert Precision.AUTO.on("cuda:1") is precision


@pytest.mark.parametrize("precision", [precision for precision in Precision if precision is not Precision.AUTO])
@pytest.mark.parametrize("device", ["cpu", "cuda", "meta"])
def test_only_auto_depends_on_the_device(precision, device):
    assert precision.on(device) is precision


def test_auto_is_float32_on_other_kinds_of_devices():
    assert Precision.AUTO.on("meta") is Precision.FP32


def test_float32_is_the_default():
    assert Recipe().precision is Precision.FP32


def test_evaluation_is_in_float32():
    model = Spy()
    with torch.autocast("cpu", torch.bfloat16):
        evaluate(model, blobs(60))
    assert model.seen == {torch.float32}


def test_a_network_learns_in_bfloat16():
    model = ResNet18(width=4).build((1, 8, 8), 2, generator=generator_for(0))
    recipe = Recipe(learning_rate=0.01, batch_size=16, precision=Precision.BF16)
    assert (
        fit(model, pictures(64), recipe=recipe, stop=StoppingRule(), generator=generator_for(0)).stop_reason
        == "converged"
    )


def switches():
    """What PyTorch's switches for a GPU say."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    if hasattr(cudnn, "conv"):
        return [switch.fp32_precision for switch in (matmul, cudnn.conv, cudnn.rnn)]
    return [matmul.allow_tf32, cudnn.allow_tf32]


@pytest.mark.parametrize("precision", Precision)
def test_the_switches_of_a_gpu_are_set_and_put_back(precision):
    before = switches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "autocast", lambda *_, **__: pytest.MonkeyPatch.context())  # no CUDA device is needed here
        with arithmetic(precision, torch.device("cuda")):
            within = set(switches())
    assert within in ({"tf32" if precision is Precision.TF32 else "ieee"}, {precision is Precision.TF32})
    assert switches() == before


@pytest.fixture
def loose():
    """PyTorch as many scripts set it: products of float32 may be rounded, on processors that gain by it."""
    onednn = torch.backends.mkldnn
    switches = [onednn.matmul, onednn.conv, onednn.rnn, torch.backends.cuda.matmul]
    before = [switch.fp32_precision for switch in switches]
    torch.set_float32_matmul_precision("medium")
    onednn.conv.fp32_precision = "bf16"
    yield switches
    torch.set_float32_matmul_precision("highest")
    for switch, value in zip(switches, before, strict=True):
        switch.fp32_precision = value


class Reader(nn.Linear):
    """Notes what the switches say while it computes."""

    def forward(self, input):
        onednn = torch.backends.mkldnn
        self.read = {onednn.matmul.fp32_precision, onednn.conv.fp32_precision}
        return super().forward(input)


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "matmul"), reason="needs PyTorch 2.9")
@pytest.mark.parametrize("precision", Precision)
def test_float32_is_strict_on_a_processor_whatever_the_user_has_set(precision, loose):
    set_before = [switch.fp32_precision for switch in loose]
    assert "bf16" in set_before
    model, data = Reader(4, 3), blobs(60)
    fit(
        model,
        data,
        recipe=Recipe(precision=precision),
        stop=StoppingRule(None, max_epochs=1),
        generator=generator_for(0),
    )
    assert model.read <= {"ieee", "none"}
    model.read = None
    evaluate(model, data)
    assert model.read <= {"ieee", "none"}
    assert [switch.fp32_precision for switch in loose] == set_before


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "matmul"), reason="needs PyTorch 2.9")
def test_training_gives_the_same_bits_whatever_the_user_has_set(request):
    def trained():
        model = MLP(width=256).build((4,), 3, generator=generator_for(0))
        stop = StoppingRule(None, max_epochs=2)
        fit(model, blobs(60), recipe=Recipe(), stop=stop, generator=generator_for(0))
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    strict = trained()
    request.getfixturevalue("loose")
    assert torch.equal(trained(), strict)


def test_bfloat16_is_the_plain_loop_in_which_every_step_sees_the_last_ones_weights():
    data, recipe = blobs(60), Recipe(learning_rate=0.05, batch_size=20, precision=Precision.BF16)
    fast, plain = (MLP(width=8).build((4,), 3, generator=generator_for(0)) for _ in range(2))
    fit(fast, data, recipe=recipe, stop=StoppingRule(None, max_epochs=3), generator=generator_for(5))
    optimizer, generator = torch.optim.Adam(plain.parameters(), lr=0.05, foreach=False), generator_for(5)
    torch.randint(2**62, (), generator=generator)  # the draw that seeds dropout
    for _ in range(3):
        for part in torch.randperm(60, generator=generator).split(20):
            with torch.autocast("cpu", torch.bfloat16):
                loss = nn.functional.cross_entropy(plain(data.inputs[part]), data.labels[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)
