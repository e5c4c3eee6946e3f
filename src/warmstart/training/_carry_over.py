"""What survives a round besides the weights."""

from dataclasses import dataclass
from enum import StrEnum

from warmstart.basics import added_later, resolve_choices


class Normalization(StrEnum):
    """What becomes of the running statistics of normalization layers.

    ``RECALIBRATE``: estimated anew on training data at the end of every round, before anything is evaluated, for cold
    and warm alike. ``KEEP``: those of the previous model go on being averaged. ``RESET``: mean 0 and variance 1 at
    the start of every round (the paper's released code).
    """

    RECALIBRATE = "recalibrate"
    KEEP = "keep"
    RESET = "reset"


class OptimizerState(StrEnum):
    """Whether momentum and second moments start anew (``RESET``, the paper's) or are kept (``KEEP``)."""

    RESET = "reset"
    KEEP = "keep"


class Head(StrEnum):
    """What becomes of tensors that have grown when the model gets more classes or channels, after a source.

    ``RENEW``: they are fresh as a whole. ``GROW``: what they had before is kept, as outputs of old classes and kernels
    of old channels, and only what is new is fresh.
    """

    RENEW = "renew"
    GROW = "grow"


@dataclass(frozen=True)
class CarryOver:
    """What is carried over from round to round along with the weights.

    A switch of its own, equal for every strategy that continues from the previous model. A cold start carries nothing:
    its model has statistics and an optimizer of its own.

    Why to recalibrate by default: the running statistics lag behind the weights, most of all where a strategy has just
    changed them and the round is short. ``KEEP`` and ``RESET`` then measure the lag, not the strategy, and punish
    whatever trains fewer steps.

    Args:
        normalization: Running statistics of normalization layers.
        optimizer_state: State of the optimizer; of layers that were frozen or had another shape it starts anew.
        head: Tensors of another shape after a source with fewer classes.
    """

    normalization: Normalization = Normalization.RECALIBRATE
    optimizer_state: OptimizerState = OptimizerState.RESET
    head: Head = added_later(Head.RENEW)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
