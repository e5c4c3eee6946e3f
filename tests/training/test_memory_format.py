"""Training leaves the memory format of a model, and of an optimizer's state, as it was."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from small_models import trained
from warmstart.training import TensorData, predict

IMAGES = TensorData(
    torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 3, scale=1.0, offset=0.0
)


class Pictures(nn.Module):
    """Two convolutions and whatever else a case adds."""

    def __init__(self, add=lambda model: None):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(256, 3)
        add(self)

    def forward(self, inputs):
        return self.head(torch.relu(self.second(torch.relu(self.first(inputs)))).flatten(1))


class Viewed(Pictures):
    def forward(self, inputs):
        hidden = torch.relu(self.first(inputs))
        return self.head(hidden.view(len(inputs), -1))


class Volumes(Pictures):
    def forward(self, inputs):
        return super().forward(self.third(inputs[:, None])[:, 0])


ADDED = {
    "nothing": lambda model: None,
    "buffer of four dimensions": lambda model: model.register_buffer("grid", torch.randn(2, 3, 4, 5)),
    "buffer of five dimensions": lambda model: model.register_buffer("grid", torch.zeros(1, 3, 4, 4, 2)),
    "parameter of five dimensions": lambda model: setattr(model, "grid", nn.Parameter(torch.zeros(1, 3, 4, 4, 2))),
    "convolution of volumes": lambda model: setattr(model, "third", nn.Conv3d(1, 1, 1)),
    "channels last": lambda model: model.to(memory_format=torch.channels_last),
    "one layer transposed": lambda model: setattr(
        model.second.weight, "data", model.second.weight.data.transpose(2, 3)
    ),
}


# Nobody can run a model in channels-last layout that calls view.
@pytest.mark.parametrize(
    ("kind", "added"),
    [(kind, added) for kind in (Pictures, Viewed) for added in ADDED if (kind, added) != (Viewed, "channels last")],
)
def test_a_models_layout_is_as_it_was_after_training(kind, added):
    model = kind(ADDED[added])
    before = {name: value.stride() for name, value in model.state_dict().items()}
    try:
        result = trained(model, IMAGES)
    finally:
        assert {name: value.stride() for name, value in model.state_dict().items()} == before
    assert result.cost.flops is not None
    assert predict(model, IMAGES).shape == (32, 3)


def test_a_model_that_mixes_images_and_volumes_trains():
    result = trained(Volumes(lambda model: setattr(model, "third", nn.Conv3d(1, 1, 1))), IMAGES)
    assert result.cost.steps == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 3)),
        lambda: nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(256, 3)),
        lambda: nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(64, 3)),
    ],
    ids=["one channel", "pointwise", "pointwise only"],
)
def test_narrow_models_keep_their_layout(make):
    model = make()
    before = [value.stride() for value in model.parameters()]
    trained(model, TensorData(IMAGES.inputs[:, :1], IMAGES.labels))
    assert [value.stride() for value in model.parameters()] == before


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("fused", [False, True])
def test_an_optimizer_can_step_after_an_interruption(kind, fused, error):
    def interrupt(report):
        raise error

    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    model = Pictures()
    optimizer = kind(model.parameters(), lr=0.01, fused=fused, **options)
    with pytest.raises(error):
        trained(model, IMAGES, optimizer=optimizer, on_epoch=interrupt)
    other = copy.deepcopy(model)
    plain = kind(other.parameters(), lr=0.01, fused=False, **options)
    for one, parameter in zip(model.parameters(), other.parameters(), strict=True):
        plain.state[parameter] = {
            key: torch.empty_like(parameter).copy_(value) if value.ndim else value.clone()
            for key, value in optimizer.state[one].items()
        }
    for each, its_optimizer in ((model, optimizer), (other, plain)):
        its_optimizer.zero_grad()
        F.cross_entropy(each(IMAGES.inputs), IMAGES.labels).backward()
        its_optimizer.step()
    for one, parameter in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, parameter, rtol=1e-4, atol=1e-6)


def test_weights_that_are_parts_of_one_buffer_stay_parts_of_it():
    model = Pictures()
    sizes = [model.first.weight.numel(), model.second.weight.numel()]
    flat = torch.randn(sum(sizes)) * 0.1
    for layer, part in zip((model.first, model.second), flat.split(sizes), strict=True):
        layer.weight.data = part.view_as(layer.weight)
    trained(model, IMAGES)
    torch.testing.assert_close(flat[: sizes[0]], model.first.weight.detach().flatten())
