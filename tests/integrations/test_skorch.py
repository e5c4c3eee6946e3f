"""From the second fit on, a net of skorch begins a round with the weights of `renew_`."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from torch import nn

from rounds import same
from warmstart.basics import InputError, copy_model
from warmstart.strategies import Cold, ShrinkPerturb, Warm, renew_

skorch = pytest.importorskip("skorch", reason="skorch is not installed: pip install skorch")
from skorch.callbacks import Callback  # noqa: E402

from warmstart.integrations.skorch import NewRound  # noqa: E402


class Module(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, inputs):
        return self.layers(inputs)


class Seen(Callback):
    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.weights_, self.moments_ = weights(net.module_), len(net.optimizer_.state)


def weights(module):
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def net_of(strategy=None, module=Module, callback=None, **options):
    return skorch.NeuralNetClassifier(
        module,
        **{
            "criterion": nn.CrossEntropyLoss,
            "optimizer": torch.optim.Adam,
            "lr": 0.05,
            "max_epochs": 1,
            "train_split": None,
            "verbose": 0,
            "callbacks": [("new_round", callback or NewRound(strategy or ShrinkPerturb(), seed=3)), ("seen", Seen())],
            **options,
        },
    )


def seen(net):
    return dict(net.callbacks_)["seen"]


def counted(net):
    return dict(net.callbacks_)["new_round"].round_


@pytest.fixture(scope="module")
def blobs():
    inputs, labels, *_ = make_blobs(60, centers=3, random_state=0)
    return inputs.astype(np.float32), labels


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=repr)
def test_every_partial_fit_but_the_first_begins_a_round(strategy, blobs):
    net = net_of(strategy, module__width=5).initialize()
    expected = weights(net.module_)
    net.partial_fit(*blobs)
    assert same(seen(net).weights_, expected), "the first is no new round"
    for number in (2, 3):
        before = copy_model(net.module_)
        expected = weights(renew_(before, strategy, lambda: Module(5), seed=3, round=number))
        net.partial_fit(*blobs)
        assert same(seen(net).weights_, expected)
        assert seen(net).moments_ == 0
        assert counted(net) == number


def test_fit_with_warm_start_begins_a_round_and_without_it_all_anew(blobs):
    net = net_of(warm_start=True).fit(*blobs)
    expected = weights(renew_(copy_model(net.module_), ShrinkPerturb(), Module, seed=3, round=2))
    assert same(seen(net.fit(*blobs)).weights_, expected)
    net.set_params(warm_start=False)
    assert counted(net.fit(*blobs)) == 1
    assert counted(net.fit(*blobs)) == 1


def test_a_clone_begins_at_round_1_and_a_pickle_where_it_was(blobs):
    net = net_of().fit(*blobs).partial_fit(*blobs)
    assert counted(pickle.loads(pickle.dumps(net)).partial_fit(*blobs)) == 3
    other = clone(net)
    assert dict(other.callbacks)["new_round"].strategy == ShrinkPerturb()
    assert counted(other.partial_fit(*blobs)) == 1


def test_strategies_can_be_searched_by_name_of_the_parameter(blobs):
    search = GridSearchCV(net_of(), {"callbacks__new_round__strategy": [Warm(), Cold()]}, cv=2, error_score="raise")
    search.fit(*blobs)
    assert counted(search.best_estimator_.partial_fit(*blobs)) == 2


def test_weights_from_a_file_begin_at_the_round_that_is_said(blobs, tmp_path):
    net = net_of().fit(*blobs)
    net.save_params(f_params=tmp_path / "weights.pt")
    loaded = net_of(callback=NewRound(ShrinkPerturb(), seed=3, first_round=2)).initialize()
    loaded.load_params(f_params=tmp_path / "weights.pt")
    expected = weights(renew_(copy_model(net.module_), ShrinkPerturb(), Module, seed=3, round=2))
    loaded.partial_fit(*blobs)
    assert same(seen(loaded).weights_, expected)
    assert counted(loaded) == 2


def test_a_module_that_is_made_already_is_refused(blobs):
    net = net_of(module=Module()).fit(*blobs)
    before = weights(net.module_)
    with pytest.raises(InputError, match=r"module must be a class, .* got a Module: NeuralNet\(Module, module__"):
        net.partial_fit(*blobs)
    assert same(weights(net.module_), before)


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (NewRound(Cold), "strategy must be a strategy"),  # type: ignore[arg-type]
        (NewRound(Cold(), seed=-1), "seed must"),
        (NewRound(Cold(), first_round=0), "first_round must"),
    ],
    ids=["strategy", "seed", "first_round"],
)
def test_wrong_parameters_are_refused_when_training_begins(callback, message, blobs):
    with pytest.raises(InputError, match=message):
        net_of(callback=callback).fit(*blobs)
