"""What survives a round besides the weights."""

from dataclasses import dataclass
from enum import StrEnum

from warmstart.basics import added_later, resolve_choices


class Normalization(StrEnum):
    """How running statistics of normalization layers are carried over.

    ``RECALIBRATE``: estimated anew on training data at the end of every round, before anything is evaluated, for cold
    and warm alike. ``KEEP``: the averages of the previous model continue. ``RESET``: mean 0 and variance 1 at the start
    of every round (the paper's released code).
    """

    RECALIBRATE = "recalibrate"
    KEEP = "keep"
    RESET = "reset"


class OptimizerState(StrEnum):
    """Whether momentum and second moments are reset every round (``RESET``, as in the paper) or kept (``KEEP``)."""

    RESET = "reset"
    KEEP = "keep"


class Head(StrEnum):
    """How tensors are initialised that have grown because the model has more classes or channels than for a source.

    ``RENEW``: fresh as a whole. ``GROW``: outputs of old classes and kernels of old channels are kept, and only new
    entries are fresh.
    """

    RENEW = "renew"
    GROW = "grow"


@dataclass(frozen=True)
class CarryOver:
    """What is carried over from round to round besides the weights.

    The same for every strategy that continues from the previous model. A cold start carries nothing over: its model has
    statistics and an optimizer of its own.

    Args:
        normalization: Running statistics of normalization layers.
        optimizer_state: State of the optimizer; it is reset for layers that were frozen or had another shape.
        head: How tensors are initialized that have grown since a source with fewer classes.
    """

    # Running statistics lag behind the weights, most of all when a strategy has just changed them and the round is
    # short. KEEP and RESET then measure the lag, not the strategy, and penalize whatever trains fewer steps.
    normalization: Normalization = Normalization.RECALIBRATE
    optimizer_state: OptimizerState = OptimizerState.RESET
    head: Head = added_later(Head.RENEW)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
