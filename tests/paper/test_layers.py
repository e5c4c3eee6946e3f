import torch

from warmstart.models import MLP, LogisticRegression, ResNet18
from warmstart.paper.experiments import layers
from warmstart.paper.kit.setting import Setting
from warmstart.strategies import LayerEnd, layers_of


def test_every_count_leaves_a_layer_of_resnet18_fresh():
    model = ResNet18(width=1).build((3, 8, 8), 2, generator=torch.Generator().manual_seed(0))
    assert len(layers_of(model)) == layers.RESNET_LAYERS
    kept = [layers.number_kept(Setting(), count) for _, count in layers.kept_layers(Setting())]
    assert set(kept) < set(range(1, layers.RESNET_LAYERS))


def test_all_but_the_head_are_twenty_layers_of_resnet18_and_unknown_for_another_model():
    assert layers.number_kept(Setting(), -1) == 20
    assert layers.number_kept(Setting(model=MLP()), -1) is None


def test_kept_layers_exist_in_a_model_that_replaces_resnet18():
    assert layers.kept_layers(Setting(model=MLP())) == [(LayerEnd.FIRST, -1), (LayerEnd.LAST, 1)]
    assert layers.kept_layers(Setting(model=LogisticRegression())) == [(LayerEnd.LAST, 1)]


def test_a_thin_grid_still_has_the_head_alone_and_all_but_the_head():
    kept = layers.kept_layers(Setting(scale=0.02))
    assert kept == [
        (LayerEnd.FIRST, 1),
        (LayerEnd.FIRST, 17),
        (LayerEnd.FIRST, -1),
        (LayerEnd.LAST, 1),
        (LayerEnd.LAST, 17),
    ]
