"""Every penalty, under the rules that all of them keep."""

import copy
import inspect
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from warmstart import penalties
from warmstart.basics import InputError, generator_for
from warmstart.penalties import EWC, L2, Adversarial, BoundEWC, BoundL2Init, Confidence, L2Init, Penalty


def build_ewc(model, strength):
    generator = generator_for("ewc")
    names = dict(model.named_parameters())
    fisher = {name: torch.rand(p.shape, generator=generator).to(p) for name, p in names.items()}
    return BoundEWC(strength, fisher, {name: torch.zeros_like(p) for name, p in names.items()})


def build_l2_init(model, strength):
    return BoundL2Init(strength, {name: torch.ones_like(p) for name, p in model.named_parameters()})


# How each penalty is built for a model, with a term other than 0. Every exported penalty must be here.
TABLE = {
    L2: lambda model, strength: L2(strength),
    BoundL2Init: build_l2_init,
    Confidence: lambda model, strength: Confidence(strength),
    Adversarial: lambda model, strength: Adversarial(strength, epsilon=0.1),
    BoundEWC: build_ewc,
}


def test_every_exported_penalty_is_in_the_table():
    exported = {value for value in vars(penalties).values() if inspect.isclass(value) and issubclass(value, Penalty)}
    assert exported - {Penalty} == set(TABLE) | {EWC, L2Init}, "these two are bound in test_for_round.py"


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def gradients(term, model):
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.autograd.grad(term, parameters, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("build", TABLE.values(), ids=[kind.__name__ for kind in TABLE])
class TestEveryPenalty:
    def test_is_a_finite_scalar_that_is_not_zero(self, build, model, inputs, labels):
        term = build(model, 0.5)(model, inputs, labels, model(inputs))
        assert term.shape == ()
        assert term.isfinite()
        assert term.item() != 0

    def test_moves_trainable_parameters_and_no_frozen_ones(self, build, model, inputs, labels):
        build(model, 0.5)(model, inputs, labels, model(inputs)).backward()
        assert model.frozen.weight.grad is None
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
        assert model.head.weight.grad.abs().sum() > 0
        assert model.conv.weight.grad.abs().sum() > 0

    def test_has_the_gradient_of_its_value(self, build, model, inputs, labels):
        model, inputs = model.double().eval(), inputs.double()
        penalty = build(model, 0.5)
        # The largest entry, so that the difference below stands out of rounding.
        slopes = gradients(penalty(model, inputs, labels, model(inputs)), model)[-2]
        index = int(slopes.abs().argmax())
        values = []
        for step in (1e-5, -1e-5):
            moved = copy.deepcopy(model)
            moved.head.weight.data.view(-1)[index] += step
            values.append(penalty(moved, inputs, labels, moved(inputs)).item())
        assert slopes.flatten()[index].item() == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5)

    def test_of_strength_zero_is_zero(self, build, model, inputs, labels):
        term = build(model, 0.0)(model, inputs, labels, model(inputs))
        assert term.item() == 0
        assert not any(gradient.any() for gradient in gradients(term, model))

    def test_is_linear_in_its_strength(self, build, model, inputs, labels):
        logits = model(inputs)
        one, three = (build(model, strength)(model, inputs, labels, logits).item() for strength in (0.1, 0.3))
        assert three == pytest.approx(3 * one, rel=1e-5)

    def test_leaves_parameters_gradients_buffers_and_modes_as_they_are(self, build, model, inputs, labels):
        logits = model(inputs)
        before, modes = state(model), [module.training for module in model.modules()]
        build(model, 0.5)(model, inputs, labels, logits)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert [module.training for module in model.modules()] == modes
        assert all(parameter.grad is None for parameter in model.parameters())

    def test_leaves_the_batch_as_it_is(self, build, model, inputs, labels):
        logits = model(inputs)
        before = [tensor.detach().clone() for tensor in (inputs, labels, logits)]
        build(model, 0.5)(model, inputs, labels, logits)
        assert all(torch.equal(*pair) for pair in zip(before, (inputs, labels, logits), strict=True))
        assert not inputs.requires_grad

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
    def test_has_at_least_single_precision_and_keeps_the_models(self, build, model, inputs, labels, dtype):
        model, inputs = model.to(dtype), inputs.to(dtype)
        term = build(model, 0.5)(model, inputs, labels, model(inputs))
        term.backward()
        assert term.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        assert model.head.weight.dtype is model.head.weight.grad.dtype is dtype

    @pytest.mark.gpu
    def test_agrees_on_the_gpu(self, build, model, inputs, labels):
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        penalty = build(model, 0.5)
        expected = penalty(model, inputs, labels, model(inputs)).item()
        model, inputs, labels = model.cuda(), inputs.cuda(), labels.cuda()
        term = penalty(model, inputs, labels, model(inputs))
        assert term.device.type == "cuda"
        assert term.item() == pytest.approx(expected, rel=1e-2)

    def test_leaves_what_is_global(self, build, model, inputs, labels, untouched_globals):
        build(model, 0.5)(model, inputs, labels, model(inputs))

    def test_works_without_gradients_too(self, build, model, inputs, labels):
        penalty = build(model, 0.5)
        expected = penalty(model, inputs, labels, model(inputs)).item()
        with torch.no_grad():
            term = penalty(model, inputs, labels, model(inputs))
        assert not term.requires_grad
        assert term.item() == pytest.approx(expected, rel=1e-5)

    def test_trains_with_the_loss(self, build, model, inputs, labels):
        penalty, optimizer = build(model, 1e-3), torch.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for _ in range(20):
            logits = model(inputs)
            loss = F.cross_entropy(logits, labels) + penalty(model, inputs, labels, logits)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert losses[-1] < losses[0]

    def test_travels_to_other_processes(self, build, model, inputs, labels):
        penalty, logits = build(model.eval(), 0.5), model(inputs)
        there = pickle.loads(pickle.dumps(penalty))
        assert there(model, inputs, labels, logits).item() == penalty(model, inputs, labels, logits).item()

    def test_cannot_be_changed(self, build, model):
        with pytest.raises(AttributeError, match="cannot assign"):
            build(model, 0.5).strength = 1.0

    @pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
    def test_refuses_a_strength_out_of_range(self, build, model, strength):
        with pytest.raises(InputError, match=r"strength must lie in \[0, inf\), got "):
            build(model, strength)


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind is not Confidence])
def test_a_model_with_nothing_to_train_is_refused(kind, inputs, labels):
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).requires_grad_(False)
    with pytest.raises(InputError, match="model must have at least one trainable parameter for a penalty, got none"):
        TABLE[kind](model, 0.5)(model, inputs, labels, model(inputs))
