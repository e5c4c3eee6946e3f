"""A round of a `Trainer` begins with the weights of `renew_`, without old moments, and not where it is resumed."""

import copy
import warnings

import pytest
import torch
from torch import nn

from rounds import same
from warmstart.basics import InputError, generator_for, seeded_globals
from warmstart.strategies import Cold, Scope, ShrinkPerturb, Warm, renew_

transformers = pytest.importorskip("transformers", reason="Transformers is not installed: pip install transformers")
accelerate = pytest.importorskip("accelerate", reason="Accelerate is not installed: pip install accelerate")
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments  # noqa: E402

from warmstart.integrations.huggingface import NewRound  # noqa: E402

pytestmark = [
    # Of Transformers: it pins memory on machines without a GPU, and PyTorch says that this does nothing.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but no accelerator is found"),
    # Of PEFT, which asks Transformers in the way of earlier releases.
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]
SIZES = {"vocab_size": 11, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


def make_model():
    # The eager attention: what else there is draws dropout masks in ways of its own.
    return BertForSequenceClassification(BertConfig(**SIZES, attn_implementation="eager"))


DATA = [{"input_ids": [n % 11, (3 * n) % 11, 5], "labels": n % 2} for n in range(16)]


class Seen(TrainerCallback):
    """What training starts from."""

    def __init__(self):
        self.weights, self.moments, self.rates = [], [], []

    def on_epoch_begin(self, args, state, control, model=None, optimizer=None, **_):
        self.weights.append(weights(model))
        inner = getattr(optimizer, "optimizer", optimizer)
        self.moments.append(len(inner.state))
        self.rates.append(inner.param_groups[0]["lr"])


def trainer_of(folder, model=None, *callbacks, epochs=1, **options):
    quiet = {"report_to": [], "logging_strategy": "no", "disable_tqdm": True, "use_cpu": True, "save_strategy": "no"}
    of_trainer = {name: options.pop(name) for name in ("model_init",) if name in options}
    args = TrainingArguments(
        str(folder), num_train_epochs=epochs, learning_rate=0.01, per_device_train_batch_size=4, **(quiet | options)
    )
    trainer = Trainer(model, args, train_dataset=DATA, callbacks=list(callbacks), **of_trainer)
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def weights(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.fixture
def trained(tmp_path):
    model = make_model()
    trainer_of(tmp_path, model).train()
    return model


def renewed(model, strategy=None, make=make_model, **options):
    return weights(
        renew_(copy.deepcopy(model), strategy or ShrinkPerturb(), make, **{"seed": 3, "round": 2, **options})
    )


def new_round(strategy=None, make=make_model, **options):
    return NewRound(strategy or ShrinkPerturb(), make, **{"seed": 3, "round": 2, **options})


@pytest.mark.parametrize("strategy", [Cold(), Warm(), ShrinkPerturb(), ShrinkPerturb(scope=Scope.HEAD)], ids=repr)
def test_a_round_starts_from_what_the_strategy_makes_of_the_model(strategy, trained, tmp_path):
    expected, seen = renewed(trained, strategy), Seen()
    trainer_of(tmp_path, trained, new_round(strategy), seen).train()
    assert same(seen.weights[0], expected)
    assert not same(weights(trained), expected), "it was trained"


def test_the_optimizer_of_a_trainer_that_stays_begins_without_moments(trained, tmp_path):
    seen = Seen()
    trainer = trainer_of(tmp_path, trained, seen)
    trainer.train()
    trainer.train()
    assert seen.moments[1] > 0, "what the callback is needed for: the optimizer outlives train"
    for number in (2, 3):
        expected = renewed(trained, round=number)
        trainer.remove_callback(NewRound)
        trainer.callback_handler.callbacks.insert(0, new_round(round=number))
        trainer.train()
        assert same(seen.weights[-1], expected)
        assert seen.moments[-1] == 0
        assert seen.rates[-1] == seen.rates[0] > 0


def test_one_callback_is_of_one_round(trained, tmp_path):
    trainer = trainer_of(tmp_path, trained, new_round())
    trainer.train()
    before = weights(trained)
    with pytest.raises(InputError, match="train must get a NewRound of its own for every round, got that of round 2"):
        trainer.train()
    assert same(weights(trained), before)


class OutOfMemory(TrainerCallback):
    def __init__(self):
        self.sizes = []

    def on_step_begin(self, args, state, control, **_):
        self.sizes.append(state.train_batch_size)
        if len(self.sizes) == 1:
            raise RuntimeError("CUDA out of memory.")


def test_a_smaller_batch_after_memory_ran_out_is_the_same_round(trained, tmp_path):
    expected, seen, memory = renewed(trained), Seen(), OutOfMemory()
    trainer_of(tmp_path, trained, new_round(), seen, memory, auto_find_batch_size=True).train()
    assert len(seen.weights) == 2
    assert memory.sizes[1] < memory.sizes[0]
    assert same(seen.weights[1], expected)


class Interrupt(TrainerCallback):
    def on_save(self, args, state, control, **_):
        raise RuntimeError("the machine went down")


def test_a_round_that_was_interrupted_is_resumed_as_it_was(trained, tmp_path):
    options = {"epochs": 3, "save_strategy": "epoch"}
    whole = copy.deepcopy(trained)
    trainer_of(tmp_path / "whole", whole, new_round(), **options).train()
    with pytest.raises(RuntimeError, match="went down"):
        trainer_of(tmp_path / "cut", copy.deepcopy(trained), new_round(), Interrupt(), **options).train()
    resumed, seen = copy.deepcopy(trained), Seen()
    trainer = trainer_of(tmp_path / "cut", resumed, new_round(), seen, **options)
    trainer.train(resume_from_checkpoint=True)
    assert not same(seen.weights[0], renewed(trained)), "it does not begin anew"
    assert seen.moments[0] > 0
    assert same(weights(resumed), weights(whole))


@pytest.mark.parametrize(("of", "words"), [(1, "with round=1 and seed=3"), (None, "without a NewRound")])
def test_a_checkpoint_of_another_round_is_refused(of, words, trained, tmp_path):
    callbacks = [] if of is None else [new_round(Warm(), round=of)]
    trainer_of(tmp_path, trained, *callbacks, save_strategy="epoch").train()
    trainer = trainer_of(tmp_path, trained, new_round(), epochs=2)
    with pytest.raises(InputError, match=f"must lead to a checkpoint of round 2 with seed 3, got one {words}"):
        trainer.train(resume_from_checkpoint=True)


def test_model_init_which_forgets_the_last_round_is_refused(tmp_path):
    trainer = trainer_of(tmp_path, None, new_round(), model_init=make_model)
    with pytest.raises(InputError, match="Trainer must be made with model, got model_init"):
        trainer.train()


def test_deepspeed_which_trains_copies_of_the_weights_is_refused(trained):
    args, state = TrainingArguments("unused", use_cpu=True), transformers.TrainerState()
    args.deepspeed_plugin, args.deepspeed = object(), "zero3.json"
    before = weights(trained)
    with pytest.raises(InputError, match=r"args must leave out DeepSpeed, .* got \S*zero3\.json"):
        new_round().on_train_begin(args, state, None, model=trained)
    assert same(weights(trained), before)


def test_fresh_is_the_pretrained_checkpoint_with_a_new_head(trained, tmp_path):
    backbone = {name: value for name, value in weights(trained).items() if name.startswith("bert.")}
    trained.bert.save_pretrained(tmp_path / "pretrained")

    def from_pretrained():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return BertForSequenceClassification.from_pretrained(tmp_path / "pretrained", attn_implementation="eager")

    model, seen = from_pretrained(), Seen()
    trainer_of(tmp_path, model).train()
    assert not same({name: value for name, value in weights(model).items() if name in backbone}, backbone)
    trainer_of(tmp_path, model, new_round(Cold(), from_pretrained), seen).train()
    assert same({name: seen.weights[0][name] for name in backbone}, backbone), "what was pretrained is the same again"
    with seeded_globals(generator_for(3, "fresh", 2)):
        head = from_pretrained().classifier.weight
    assert torch.equal(seen.weights[0]["classifier.weight"], head)
    # Halfway back to the checkpoint: shrink and perturb that add up to 1.
    before = weights(model)
    trainer_of(tmp_path, model, new_round(ShrinkPerturb(0.5, 0.5), from_pretrained), seen).train()
    name = "bert.encoder.layer.0.output.dense.weight"
    torch.testing.assert_close(seen.weights[-1][name], 0.5 * before[name] + 0.5 * backbone[name])


def adapted(peft, base):
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["query", "value"], task_type="SEQ_CLS")
    return peft.get_peft_model(copy.deepcopy(base), config)


def updates(model):
    """Return the update of each adapted layer: the product of its factors, times its scaling."""
    return {
        name: layer.get_delta_weight("default").detach().clone()
        for name, layer in model.named_modules()
        if hasattr(layer, "get_delta_weight")
    }


class SeenUpdates(TrainerCallback):
    def on_epoch_begin(self, args, state, control, model=None, **_):
        self.updates = updates(model)


def test_of_lora_the_update_shrinks_and_the_base_stays(trained, tmp_path):
    peft = pytest.importorskip("peft", reason="PEFT is not installed: pip install peft")
    model, seen, begun = adapted(peft, trained), Seen(), SeenUpdates()
    trainer_of(tmp_path, model).train()
    before, frozen = updates(model), {n: p.clone() for n, p in model.named_parameters() if not p.requires_grad}
    assert max(float(update.abs().max()) for update in before.values()) > 0
    shrink = ShrinkPerturb(shrink=0.25, perturb=0.0)
    trainer_of(tmp_path, model, new_round(shrink, lambda: adapted(peft, trained)), seen, begun).train()
    for name, update in before.items():
        torch.testing.assert_close(begun.updates[name], 0.25 * update, rtol=1e-4, atol=1e-7)
    assert all(torch.equal(dict(model.named_parameters())[name], value) for name, value in frozen.items())
    # A cold start of the adapter is no update at all.
    trainer_of(tmp_path, model, new_round(Cold(), lambda: adapted(peft, trained), round=3), begun).train()
    assert all(not update.any() for update in begun.updates.values())


def test_lora_may_be_merged_and_begun_anew_instead(trained, tmp_path):
    peft = pytest.importorskip("peft", reason="PEFT is not installed: pip install peft")
    model = adapted(peft, trained)
    trainer_of(tmp_path, model).train()
    inputs = torch.tensor([row["input_ids"] for row in DATA])
    with torch.no_grad():
        expected = model.eval()(inputs).logits
        again = adapted(peft, model.merge_and_unload()).eval()
        torch.testing.assert_close(again(inputs).logits, expected, rtol=1e-4, atol=1e-5)
    assert all(not update.any() for update in updates(again).values())


def test_accelerate_takes_the_same_line_before_and_after_prepare(trained):
    accelerator = accelerate.Accelerator(cpu=True)
    model, optimizer = accelerator.prepare(trained, torch.optim.AdamW(trained.parameters(), lr=0.01))
    loss = model(torch.tensor([[1, 2, 3]]), labels=torch.tensor([0])).loss
    accelerator.backward(loss)
    optimizer.step()
    assert len(optimizer.optimizer.state) > 0
    expected = renewed(trained)
    renew_(model, ShrinkPerturb(), make_model, seed=3, round=2, optimizer=optimizer)
    assert same(weights(trained), expected)
    assert len(optimizer.optimizer.state) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": Cold}, "strategy must"),
        ({"make_model": nn.Linear(1, 1)}, "make_model must"),
        ({"round": 0}, "round"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_when_the_callback_is_made(change, message):
    with pytest.raises(InputError, match=message):
        NewRound(**{"strategy": Warm(), "make_model": make_model, "seed": 0, "round": 2, **change})
