"""What builds a model: options that know how to make a freshly initialised module."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from warmstart.basics import InputError, float_type, logits_of, undisturbed


class Architecture(ABC):
    """The options of a model family; calling :meth:`build` draws a fresh model.

    Subclasses are frozen dataclasses, so that they can be compared, printed and stored.
    """

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return a freshly initialised model.

        Args:
            input_shape: Shape of one input: (channels, height, width) for images, (features,) for tables.
            classes: Number of outputs.
            generator: Decides the initial weights; the global generators are left alone.

        Returns:
            A module that maps float inputs (n, *input_shape) to logits (n, classes).
        """


MOST_PARAMETERS = 1_000_000_000
"""Of the built-in architectures: 4 GB, of which training holds several copies. A user's own model has no limit."""
LARGER = "a model of your own (module:function) may be larger"


def check_size(architecture: Architecture, parameters: int) -> None:
    """Raise before a model is made that has more parameters than memory is likely to hold.

    Args:
        architecture: Of the model.
        parameters: How many it has, or has at least.

    Raises:
        InputError: If they are more than :data:`MOST_PARAMETERS`.
    """
    if parameters > MOST_PARAMETERS:
        raise InputError(
            f"The model {architecture!r} must have at most {MOST_PARAMETERS:,} parameters, "
            f"got {parameters:,}; {LARGER}."
        )


def build_checked(
    architecture: Architecture, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator
) -> nn.Module:
    """Build a model and try it on two inputs of zeros, which leaves no trace in it.

    Returns:
        The model as :meth:`Architecture.build` returned it.

    Raises:
        InputError: If the model does not take inputs of this shape, or does not give (n, classes) logits.
    """
    model = architecture.build(input_shape, classes, generator=generator)
    output = _output_on_zeros(model, input_shape, architecture)
    try:
        shape = tuple(logits_of(output).shape)
    except InputError as error:
        raise InputError(f"The model {architecture!r} cannot be used: {error}") from error
    if shape != (2, classes):
        kind = "" if isinstance(output, torch.Tensor) else f"{type(output).__name__} with logits of shape "
        raise InputError(
            f"The model {architecture!r} must return logits of shape (n, {classes}), "
            f"one output for each class; for n = 2 it returned {kind}{shape}."
        )
    return model


def _output_on_zeros(model: nn.Module, input_shape: tuple[int, ...], architecture: Architecture) -> object:
    try:
        with undisturbed(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()
            return model(torch.zeros(2, *input_shape, dtype=float_type(model)))
    except Exception as error:  # whatever a user's model does
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"The model {architecture!r} does not take inputs of shape (n, *{input_shape}): {reason}"
        ) from error
