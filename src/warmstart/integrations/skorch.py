"""A callback of skorch that starts a round with every further fit: NewRound, imported from this module."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from torch import nn

from warmstart.basics import InputError, check_integer, require
from warmstart.strategies import AnyStrategy, check_renewal, renew_

# This module is imported for its callback alone: it is here that skorch may be missing.
if TYPE_CHECKING:
    from skorch.callbacks import Callback
else:
    Callback = require("skorch.callbacks", extra="skorch", purpose="A callback of skorch").Callback


class NewRound(Callback):
    """Begins a round with every ``partial_fit`` after the first, and every further ``fit`` with ``warm_start``.

    theta <- strategy(module, fresh, context), for the trainable parameters, as :func:`renew_` does

    A fresh module is what the net itself would initialize: its ``module`` with its ``module__`` parameters. The
    optimizer's state is cleared. A ``fit`` without ``warm_start`` initializes the net, and counts from round 1. Other
    callbacks, such as schedules, begin anew with every fit by themselves.

    Parameters are attributes, so that it can be cloned, and set as ``callbacks__new_round__strategy``; they are checked
    when training begins.

    Args:
        strategy: A strategy such as ``ShrinkPerturb()``, or a function of the previous model, a fresh one and a
            :class:`RoundContext`.
        seed: At least 0; decides all draws.
        first_round: Number of the round that the first fit is, at least 1; above 1, as for a net whose weights were
            loaded by ``load_params``, that fit begins with a renewal, too.

    Attributes:
        round_: Number of the round that was begun last.

    Raises:
        InputError: When training begins: as :func:`renew_` does, if a parameter is of another kind, or if ``module`` is
            a module and no class, of which there is no fresh one.

    Example:
        >>> from skorch import NeuralNetClassifier
        >>> from warmstart.strategies import ShrinkPerturb
        >>> class Line(nn.Linear):
        ...     def __init__(self, inputs=2):
        ...         super().__init__(inputs, 2)
        >>> net = NeuralNetClassifier(
        ...     Line, criterion=nn.CrossEntropyLoss, verbose=0, callbacks=[("new_round", NewRound(ShrinkPerturb()))]
        ... )
        >>> net.set_params(callbacks__new_round__seed=3).get_params()["callbacks__new_round"].seed
        3
    """

    def __init__(self, strategy: AnyStrategy, seed: int = 0, first_round: int = 1) -> None:
        self.strategy = strategy
        self.seed = seed
        self.first_round = first_round

    def initialize(self) -> Self:
        """Count from the first round."""
        self.round_ = None
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Count the round, and renew the module unless it is the first one."""
        check_integer("first_round", self.first_round, 1)
        number = self.first_round if self.round_ is None else self.round_ + 1
        options: dict[str, Any] = net.get_params_for("module")
        make_model = partial(net.initialized_instance, net.module, options)
        check_renewal(self.strategy, make_model, seed=self.seed, round=number)
        if number > 1:
            if isinstance(net.module, nn.Module) and not options:
                raise InputError(
                    f"module must be a class, of which a fresh one can be made, got a {type(net.module).__name__}: "
                    f"NeuralNet({type(net.module).__name__}, module__...=...)."
                )
            optimizer = getattr(net, "optimizer_", None)
            renew_(net.module_, self.strategy, make_model, seed=self.seed, round=number, optimizer=optimizer)
        self.round_ = number
