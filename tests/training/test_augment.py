"""Augmentation: what it does to pixels, which numbers decide, and that evaluation never sees it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from samples import pictures
from warmstart.basics import generator_for
from warmstart.training import Augmentation, Recipe, StoppingRule, evaluate, fit
from warmstart.training._augment import DRAWS, augmented
from warmstart.training._memory_format import has_channels_last, with_channels_last

FLIP, CROP, CUTOUT = Augmentation
IMAGES = torch.randn(6, 3, 16, 8, generator=generator_for(0))
DRAWN = torch.rand(6, DRAWS, generator=generator_for(1))
STOP = StoppingRule(None, patience=None, max_epochs=3)


def by_hand(image, kinds, draws):
    """One image, pixel by pixel as the docstrings have it."""
    _, height, width = image.shape
    result = image
    if FLIP in kinds and draws[0] < 0.5:
        result = torch.stack([row.flip(-1) for row in result])
    if CROP in kinds:
        down, right = (max(side // 8, 1) for side in (height, width))
        padded = F.pad(result, (right, right, down, down), mode="reflect")
        top, left = int(draws[1] * (2 * down + 1)), int(draws[2] * (2 * right + 1))
        result = padded[:, top : top + height, left : left + width]
    if CUTOUT in kinds:
        result, side = result.clone(), min(height, width) // 2
        top, left = int(draws[3] * height) - side // 2, int(draws[4] * width) - side // 2
        for y in range(max(top, 0), min(top + side, height)):
            for x in range(max(left, 0), min(left + side, width)):
                result[:, y, x] = image.mean((1, 2))
    return result


KINDS = [(FLIP,), (CROP,), (CUTOUT,), (FLIP, CROP), (CUTOUT, CROP, FLIP)]


@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: ",".join(kinds))
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_what_each_image_is_by_hand(kinds, last, seed):
    draws = torch.rand(6, DRAWS, generator=generator_for(seed))
    images = with_channels_last(IMAGES) if last else IMAGES
    found = augmented(images, kinds, draws)
    expected = torch.stack([by_hand(image, kinds, row) for image, row in zip(IMAGES, draws.tolist(), strict=True)])
    # A flip before a move with reflected edges is not the mirror image of the move: the order is the same in both.
    torch.testing.assert_close(found, expected)
    assert has_channels_last(found) is last
    assert torch.equal(images, IMAGES)


@pytest.mark.parametrize("edge", [0.0, 0.4999, 0.5, 1 - 2**-24])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 2, 5), (1, 1, 4, 3)])
def test_every_draw_gives_pixels_of_the_image(edge, shape):
    images = torch.randn(shape, generator=generator_for(2))
    found = augmented(images, (FLIP, CROP), torch.full((shape[0], DRAWS), edge))
    assert found.shape == images.shape
    for one, image in zip(found.flatten(2), images.flatten(2), strict=True):
        assert all(torch.isin(pixels, of_image).all() for pixels, of_image in zip(one, image, strict=True))


def test_half_of_the_images_are_flipped_and_moves_are_uniform():
    images = torch.arange(16.0).expand(4000, 1, 16, 16).clone()
    draws = torch.rand(4000, DRAWS, generator=generator_for(3))
    flipped = augmented(images, (FLIP,), draws)[:, 0, 0, 0] == 15
    assert flipped.float().mean().item() == pytest.approx(0.5, abs=0.03)
    middle = augmented(images, (CROP,), draws)[:, 0, 8, 8]
    counts = [(middle == place).float().mean().item() for place in (6, 7, 8, 9, 10)]
    assert counts == pytest.approx([0.2] * 5, abs=0.03)


def test_a_square_of_a_quarter_of_the_area_is_cut_out():
    images = torch.ones(200, 1, 8, 8)
    images[:, :, :4] = 3
    draws = torch.rand(200, DRAWS, generator=generator_for(4))
    cut = augmented(images, (CUTOUT,), draws) == 2
    assert cut.flatten(1).sum(1).max() == 16
    assert cut.flatten(1).sum(1).min() >= 4  # in a corner
    assert cut.any(0).all(), "every pixel may be"


def convolutional(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))


def fitted(recipe, data, **options):
    model = convolutional()
    return model, fit(model, data, recipe=recipe, stop=STOP, generator=generator_for(5), **options)


def test_training_is_the_plain_loop_on_augmented_batches():
    data, kinds = pictures(40), (FLIP, CROP, CUTOUT)
    recipe = Recipe(optimizer="sgd", learning_rate=0.05, batch_size=16, augmentation=kinds)
    fast, _ = fitted(recipe, data)
    plain, generator = convolutional(), generator_for(5)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.05)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        for _ in range(3):
            for part in torch.randperm(40, generator=generator).tensor_split(3):
                scaled = (data.inputs[part].float() / 255 - 0.5) / 0.5
                rows = torch.rand(len(part), DRAWS).tolist()
                inputs = torch.stack([by_hand(image, kinds, row) for image, row in zip(scaled, rows, strict=True)])
                optimizer.zero_grad()
                F.cross_entropy(plain(inputs), data.labels[part]).backward()
                optimizer.step()
    for one, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("untouched_globals")
def test_the_same_generator_gives_the_same_bits():
    recipe = Recipe(batch_size=16, augmentation=("flip", "crop", "cutout"))
    one, other = (fitted(recipe, pictures(40)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True))
    assert one[1].history == other[1].history


def test_evaluation_and_validation_see_the_images_as_they_are():
    data, held_out = pictures(40), pictures(30, seed=1)
    recipe = Recipe(batch_size=16, augmentation=("flip", "crop", "cutout"))
    model, result = fitted(recipe, data, validation=held_out)
    found = evaluate(model, held_out)
    assert result.history[-1].validation_score == found.accuracy
    assert result.history[-1].validation_loss == pytest.approx(found.loss)


def test_a_loader_is_augmented_too():
    data = pictures(32)
    batch = [((data.inputs.float() / 255 - 0.5) / 0.5, data.labels)]
    recipe = Recipe(optimizer="sgd", learning_rate=0.05, augmentation=("cutout",))
    changed, plain = (
        fitted(recipe, batch)[0],
        fitted(Recipe(optimizer="sgd", learning_rate=0.05), batch)[0],
    )
    assert not torch.equal(changed[0].weight, plain[0].weight)
