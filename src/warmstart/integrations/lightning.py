"""A callback of Lightning that starts a round: NewRound, imported from this module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from warmstart.basics import InputError, require
from warmstart.strategies import AnyStrategy, check_renewal, renew_

from ._checkpoints import check_same_round

# This module is imported for its callback alone: it is here that Lightning may be missing.
if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
else:
    # Lightning under either of its names; the one that is in use, as importing takes seconds.
    _name = "pytorch_lightning" if "pytorch_lightning" in sys.modules else "lightning.pytorch"
    Callback = require(_name, extra="lightning", purpose="A callback of Lightning").Callback


class NewRound(Callback):
    """Begins a round: ``fit`` starts from the weights that a strategy makes of the module's, as :func:`renew_` does.

    theta <- strategy(module, fresh, context), for the trainable parameters

    It happens in ``setup("fit")``, before there are an optimizer, copies of other processes and compiled graphs, and
    after ``LightningModule.__init__``. So a weight average begins at the new weights, and an optimizer with nothing.
    Normalization statistics stay, as with :func:`renew_`.

    It happens once: a second ``fit``, as after looking for a learning rate, goes on. It does not happen where
    ``fit(ckpt_path=...)`` resumes the same round, whose weights the checkpoint has; a checkpoint of another round is
    refused. Every round needs a callback of its own, and a ``Trainer`` of its own: one that has reached its
    ``max_epochs`` takes no further step.

    Args:
        strategy: A strategy such as ``ShrinkPerturb()``, or a function of the previous model, a fresh one and a
            :class:`RoundContext`.
        make_model: Returns a freshly initialised module of the same architecture, such as ``lambda: Module(width=64)``.
        seed: At least 0; decides all draws.
        round: Number of the round that ``fit`` begins, at least 1; every round has draws of its own.

    Raises:
        InputError: If an argument is of another kind. When ``fit`` begins: as :func:`renew_` does, if the trainer
            cannot take a step any more, if a weight average comes before it among the callbacks, or if a checkpoint is
            of another round.

    Example:
        >>> import lightning
        >>> from warmstart.strategies import ShrinkPerturb
        >>> class Line(lightning.LightningModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(2, 1)
        >>> callback = NewRound(ShrinkPerturb(), Line, seed=0, round=2)
        >>> trainer = lightning.Trainer(callbacks=callback, max_epochs=10)  # doctest: +SKIP
        >>> trainer.fit(model, data)  # doctest: +SKIP
    """

    def __init__(self, strategy: AnyStrategy, make_model: Callable[[], nn.Module], *, seed: int, round: int) -> None:
        check_renewal(strategy, make_model, seed=seed, round=round)
        self.strategy, self.make_model, self.seed, self.round = strategy, make_model, seed, round
        self._has_begun = False

    def setup(self, trainer: Any, pl_module: LightningModule, stage: str) -> None:
        """Renew the module, unless that has been done or a checkpoint brings its weights."""
        if stage != "fit" or self._has_begun or trainer.ckpt_path is not None:
            return
        # -1 and None: without a limit.
        epochs, steps = (trainer.max_epochs, trainer.current_epoch), (trainer.max_steps, trainer.global_step)
        for name, (limit, done) in {"max_epochs": epochs, "max_steps": steps}.items():
            if limit is not None and 0 < limit <= done:
                raise InputError(
                    f"trainer must be a new one for every round, got one that has reached its {name}={limit}, which "
                    "would take no step."
                )
        for callback in trainer.callbacks[: trainer.callbacks.index(self)]:
            # By name, as releases before 2.6 lack the class.
            if "WeightAveraging" in {kind.__name__ for kind in type(callback).__mro__}:
                raise InputError(
                    f"callbacks must have NewRound before {type(callback).__name__}, which copies the weights as they "
                    "are then."
                )
        renew_(pl_module, self.strategy, self.make_model, seed=self.seed, round=self.round)
        self._has_begun = True

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint says of the round that it belongs to."""
        return {"seed": self.seed, "round": self.round}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
        """Raise if the checkpoint does not resume this round; of one that is evaluated nothing is asked."""
        if trainer.state.fn != "fit":
            return
        found = checkpoint.get("callbacks", {}).get(self.state_key)
        check_same_round(found, self.state_dict(), must="ckpt_path must be", call="fit")
        self._has_begun = True
