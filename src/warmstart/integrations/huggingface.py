"""A callback of Hugging Face's Trainer that starts a round: NewRound, imported from this module.

For adapters of PEFT it is the same callback: trainable are the factors, of whose product a strategy takes care.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

from warmstart.basics import InputError, require, shown
from warmstart.strategies import AnyStrategy, check_renewal, renew_

from ._checkpoints import check_same_round

# This module is imported for its callback alone: it is here that Transformers may be missing.
if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
else:
    TrainerCallback = require("transformers", extra="huggingface", purpose="A callback of Trainer").TrainerCallback

# Under this name a checkpoint's trainer_state.json says which round it is of.
_STORED = "warmstart.NewRound"


class NewRound(TrainerCallback):
    """Begins a round: ``train`` starts from the weights that a strategy makes of the model's, as :func:`renew_` does.

    theta <- strategy(model, fresh, context), for the trainable parameters

    It happens in ``on_train_begin``, once. The optimizer's state is cleared, which outlives ``train`` and would begin
    the next call with the moments of the last; learning rates and their schedule begin anew with every ``train``. It
    does not happen where ``train(resume_from_checkpoint=...)`` resumes the same round, whose weights the checkpoint
    has; a checkpoint of another round is refused. Every round needs a callback of its own.

    Args:
        strategy: A strategy such as ``ShrinkPerturb()``, or a function of the previous model, a fresh one and a
            :class:`RoundContext`.
        make_model: Returns a fresh model of the same architecture. For fine-tuning, that is the pretrained checkpoint
            with a new head, as ``from_pretrained`` makes it; for an adapter of PEFT, a new one on the same base model.
        seed: At least 0; decides all draws.
        round: Number of the round that ``train`` begins, at least 1; every round has draws of its own.

    Raises:
        InputError: If an argument is of another kind. When ``train`` begins: as :func:`renew_` does, after
            another ``train``, if ``model_init`` has replaced the model, if DeepSpeed trains weights of its own, or if a
            checkpoint is of another round.

    Example:
        >>> from transformers import BertConfig, BertForSequenceClassification
        >>> from warmstart.strategies import ShrinkPerturb
        >>> def fresh():
        ...     return BertForSequenceClassification(BertConfig(num_hidden_layers=1))
        >>> callback = NewRound(ShrinkPerturb(), fresh, seed=0, round=2)
        >>> trainer = Trainer(model, args, train_dataset=data, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(self, strategy: AnyStrategy, make_model: Callable[[], nn.Module], *, seed: int, round: int) -> None:
        check_renewal(strategy, make_model, seed=seed, round=round)
        self.strategy, self.make_model, self.seed, self.round = strategy, make_model, seed, round
        self._model: Any = None
        self._has_begun = self._has_ended = False

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Remember the model that the trainer was made with."""
        self._model = kwargs.get("model")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Renew the model, unless that has been done or a checkpoint has brought its weights."""
        model, optimizer = kwargs["model"], kwargs.get("optimizer")
        said = {"round": self.round, "seed": self.seed}
        stored: Any = state.stateful_callbacks  # annotated as a list, but a dictionary
        if state.global_step > 0:
            found = stored.get(_STORED, {}).get("attributes")
            check_same_round(found, said, must="resume_from_checkpoint must lead to", call="train")
            self._has_begun = True
            return
        stored[_STORED] = {"args": {}, "attributes": said}
        # Another batch size after memory ran out (auto_find_batch_size) begins again without an end.
        if self._has_begun and not self._has_ended:
            return
        if self._has_ended:
            raise InputError(
                f"train must get a NewRound of its own for every round, got that of round {self.round} again: "
                "remove_callback(NewRound), and add_callback that of the next one."
            )
        if getattr(args, "deepspeed_plugin", None) is not None:
            raise InputError(
                f"args must leave out DeepSpeed, which trains copies of the weights, got {shown(args.deepspeed)}: call "
                "renew_ on the model before the Trainer is made."
            )
        if self._model not in (None, model) and not args.fsdp:
            raise InputError(
                "Trainer must be made with model, got model_init, which replaces the model of the last round whenever "
                "train is called."
            )
        renew_(model, self.strategy, self.make_model, seed=self.seed, round=self.round, optimizer=optimizer)
        self._has_begun = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Remember that the round has ended."""
        self._has_ended = True
