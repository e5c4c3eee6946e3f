"""A round in Lightning begins with the weights of `renew_`, once, and not where a checkpoint resumes it."""

import logging

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rounds import same
from warmstart.basics import InputError, generator_for, seeded_globals
from warmstart.strategies import Cold, ShrinkPerturb, Warm, renew_

lightning = pytest.importorskip("lightning", reason="Lightning is not installed: pip install lightning")
from lightning.pytorch.callbacks import Callback, EarlyStopping  # noqa: E402

from warmstart.integrations.lightning import NewRound  # noqa: E402

pytestmark = [
    # Of Lightning: it asks PyTorch for the leaves of a tree in the way of earlier releases.
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '\\w+_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(lightning.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 2))

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def test_step(self, batch, batch_idx):
        self.log("test loss", nn.functional.cross_entropy(self.layers(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.02)


class Seen(Callback):
    """What training starts from."""

    def __init__(self):
        self.weights, self.moments = [], []

    def on_train_start(self, trainer, pl_module):
        self.weights.append({name: value.detach().clone() for name, value in pl_module.named_parameters()})
        self.moments.append(len(trainer.optimizers[0].state))


def batches(count=32):
    inputs = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(inputs, (inputs[:, 0] > 0).long()), batch_size=8)


def trainer_of(folder, *callbacks, max_epochs=2, **options):
    silent = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    silent |= {"enable_checkpointing": False, "default_root_dir": folder}
    return lightning.Trainer(max_epochs=max_epochs, callbacks=list(callbacks), **(silent | options))


@pytest.fixture
def trained(tmp_path):
    """Return the module of round 1."""
    module = Module()
    trainer_of(tmp_path).fit(module, batches())
    return module


def weights(module):
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def renewed(module, strategy=None, **options):
    """Return the weights of the same round in a loop of one's own."""
    copy = Module()
    copy.load_state_dict(module.state_dict())
    return weights(renew_(copy, strategy or ShrinkPerturb(), Module, **{"seed": 3, "round": 2, **options}))


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb()], ids=repr)
def test_a_round_starts_from_what_the_strategy_makes_of_the_module(strategy, trained, tmp_path):
    expected, statistics, seen = renewed(trained, strategy), trained.layers[1].running_mean.clone(), Seen()

    class Statistics(Callback):
        def on_train_start(self, trainer, pl_module):
            assert torch.equal(pl_module.layers[1].running_mean, statistics)

    trainer_of(tmp_path, NewRound(strategy, Module, seed=3, round=2), seen, Statistics()).fit(trained, batches())
    assert same(seen.weights[0], expected)
    assert seen.moments == [0]
    assert not same(weights(trained), expected), "it was trained"


def test_a_round_is_begun_once_and_only_by_fit(trained, tmp_path):
    expected, seen = renewed(trained), Seen()
    trainer = trainer_of(tmp_path, NewRound(ShrinkPerturb(), Module, seed=3, round=2), seen)
    before = weights(trained)
    trainer.test(trained, batches(), verbose=False)
    assert same(weights(trained), before)
    trainer.fit(trained, batches())
    after = weights(trained)
    trainer.fit_loop.max_epochs = 3
    trainer.fit(trained, batches())
    assert same(seen.weights[0], expected)
    assert same(seen.weights[1], after)


def test_looking_for_a_learning_rate_is_part_of_the_round(trained, tmp_path):
    from lightning.pytorch.tuner.tuning import Tuner

    trained.lr, expected, seen = 0.01, renewed(trained), Seen()
    trainer = trainer_of(tmp_path, NewRound(ShrinkPerturb(), Module, seed=3, round=2), seen, enable_checkpointing=True)
    Tuner(trainer).lr_find(trained, batches(), num_training=4, update_attr=False)
    assert same(weights(trained), expected), "the weights of the round are put back"
    trainer.fit(trained, batches())
    assert same(seen.weights[-1], expected)


@pytest.mark.parametrize("limit", [{"max_epochs": 2}, {"max_epochs": -1, "max_steps": 3}], ids=str)
def test_a_trainer_that_would_take_no_step_is_refused(limit, trained, tmp_path):
    trainer = trainer_of(tmp_path, **limit)
    trainer.fit(trained, batches())
    before = weights(trained)
    trainer.callbacks.append(NewRound(ShrinkPerturb(), Module, seed=3, round=2))
    with pytest.raises(
        InputError, match=r"trainer must be a new one for every round, .* its max_\w+=[23], which would"
    ):
        trainer.fit(trained, batches())
    assert same(weights(trained), before)


def test_a_weight_average_begins_at_the_new_weights(trained, tmp_path):
    callbacks = pytest.importorskip("lightning.pytorch.callbacks.weight_averaging", reason="Lightning before 2.6")
    expected = renewed(trained)

    class Average(callbacks.WeightAveraging):
        def on_train_start(self, trainer, pl_module):
            begun.append(weights(self._average_model.module))

    begun = []
    new = NewRound(ShrinkPerturb(), Module, seed=3, round=2)
    before = weights(trained)
    with pytest.raises(InputError, match="callbacks must have NewRound before Average"):
        trainer_of(tmp_path, Average(), new).fit(trained, batches())
    assert same(weights(trained), before)
    trainer_of(tmp_path, new, Average()).fit(trained, batches())
    assert same(begun[0], expected)


class Interrupt(Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            trainer.save_checkpoint(f"{trainer.default_root_dir}/interrupted.ckpt")
            raise RuntimeError("the machine went down")


def test_a_round_that_was_interrupted_is_resumed_as_it_was(trained, tmp_path):
    def begin():
        module = Module()
        module.load_state_dict(trained.state_dict())
        return module, NewRound(ShrinkPerturb(), Module, seed=3, round=2)

    whole, new = begin()
    trainer_of(tmp_path, new, max_epochs=4).fit(whole, batches())
    module, new = begin()
    with pytest.raises(RuntimeError, match="went down"):
        trainer_of(tmp_path, new, Interrupt(), max_epochs=4).fit(module, batches())
    module, new = begin()
    seen = Seen()
    trainer_of(tmp_path, new, seen, max_epochs=4).fit(module, batches(), ckpt_path=str(tmp_path / "interrupted.ckpt"))
    assert not same(seen.weights[0], renewed(trained)), "it does not begin anew"
    assert seen.moments[0] > 0
    assert same(weights(module), weights(whole))


@pytest.mark.parametrize(("of", "words"), [(1, "with round=1 and seed=3"), (None, "without a NewRound")])
def test_a_checkpoint_of_another_round_is_refused(of, words, trained, tmp_path):
    callbacks = [] if of is None else [NewRound(Warm(), Module, seed=3, round=of)]
    trainer = trainer_of(tmp_path, *callbacks)
    trainer.fit(trained, batches())
    trainer.save_checkpoint(tmp_path / "before.ckpt")
    again = trainer_of(tmp_path, NewRound(ShrinkPerturb(), Module, seed=3, round=2), max_epochs=4)
    with pytest.raises(InputError, match=f"ckpt_path must be a checkpoint of round 2 with seed 3, got one {words}"):
        again.fit(trained, batches(), ckpt_path=str(tmp_path / "before.ckpt"))


def test_a_checkpoint_of_another_round_can_be_evaluated(trained, tmp_path):
    trainer = trainer_of(tmp_path)
    trainer.fit(trained, batches())
    trainer.save_checkpoint(tmp_path / "before.ckpt")
    before = weights(trained)
    again = trainer_of(tmp_path, NewRound(Cold(), Module, seed=3, round=2))
    again.test(trained, batches(), ckpt_path=str(tmp_path / "before.ckpt"), verbose=False)
    assert same(weights(trained), before)


def test_early_stopping_of_an_earlier_round_does_not_end_this_one(trained, tmp_path):
    seen = Seen()
    for number in (2, 3):
        stopping = EarlyStopping("loss", patience=1, min_delta=10.0)
        trainer = trainer_of(tmp_path, NewRound(Warm(), Module, seed=3, round=number), stopping, seen, max_epochs=9)
        trainer.fit(trained, batches())
        assert trainer.current_epoch == 2
    assert len(seen.weights) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": Cold}, "strategy must be a strategy such as ShrinkPerturb"),
        ({"make_model": nn.Linear(1, 1)}, "make_model must be a function"),
        ({"seed": -1}, "seed must be"),
        ({"round": 0}, "round must be"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_when_the_callback_is_made(change, message):
    with pytest.raises(InputError, match=message):
        NewRound(**{"strategy": Warm(), "make_model": Module, "seed": 0, "round": 2, **change})


def test_a_module_of_another_architecture_is_refused_before_anything_changes(trained, tmp_path):
    before = weights(trained)
    with pytest.raises(InputError, match="make_model must return a model with"):
        trainer_of(tmp_path, NewRound(Cold(), lambda: Module(5), seed=0, round=2)).fit(trained, batches())
    assert same(weights(trained), before)


def test_fabric_takes_one_line_before_setup(trained):
    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    expected = renewed(trained)
    renew_(trained, ShrinkPerturb(), Module, seed=3, round=2)
    model, optimizer = fabric.setup(trained, torch.optim.Adam(trained.parameters()))
    assert same(weights(trained), expected)
    # And between the rounds of one that is set up already, with its optimizer.
    optimizer.zero_grad()
    fabric.backward(nn.functional.cross_entropy(trained.layers(torch.ones(4, 2)), torch.zeros(4, dtype=torch.long)))
    optimizer.step()
    assert len(optimizer.optimizer.state) > 0
    expected = renewed(trained, round=3)
    renew_(model, ShrinkPerturb(), Module, seed=3, round=3, optimizer=optimizer)
    assert same(weights(trained), expected)
    assert len(optimizer.optimizer.state) == 0


def test_the_fresh_module_of_a_round_is_drawn_without_a_trace(trained, tmp_path):
    with seeded_globals(generator_for(3, "fresh", 2)):
        fresh = Module()
    seen = Seen()
    state = torch.get_rng_state()
    trainer = trainer_of(tmp_path, NewRound(Cold(), Module, seed=3, round=2), seen)
    trainer.callbacks[0].setup(trainer, trained, "fit")
    assert torch.equal(torch.get_rng_state(), state)
    assert same(weights(trained), weights(fresh))
