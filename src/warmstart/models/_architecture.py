"""Architectures: options that build a freshly initialised model."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from warmstart.basics import InputError, float_type, logits_of, undisturbed


class Architecture(ABC):
    """The options of a model family; calling :meth:`build` draws a fresh model.

    Subclasses are frozen dataclasses, so they can be compared, printed and stored.
    """

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return a freshly initialised model.

        Args:
            input_shape: Shape of one input: (channels, height, width) for images, (features,) for tables,
                (length, channels) for windows.
            classes: Number of outputs.
            generator: Source of the initial weights; the global generators are left alone.

        Returns:
            A module that maps float inputs (n, *input_shape) to logits (n, classes); int64 ones where the data are
            whole numbers that reach a model as they are, such as tokens.
        """


# Of the built-in architectures: 4 GB, of which training holds several copies. A user's own model has no limit.
MOST_PARAMETERS = 1_000_000_000
LARGER = "a model of your own (module:function) may be larger"


# Three halvings leave a pixel of it.
SMALLEST_SIDE = 8


def check_images(name: str, input_shape: tuple[int, ...]) -> None:
    """Raise unless inputs are images, (channels, height, width), that a convolutional network can halve three times.

    Args:
        name: Of the model, as people type it.
        input_shape: Shape of one input.

    Raises:
        InputError: If they are not.
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < SMALLEST_SIDE:
        raise InputError(
            f"{name} needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"got inputs of shape {input_shape}; mlp and logistic take any shape."
        )


def check_size(architecture: Architecture, parameters: int) -> None:
    """Raise if a model that is about to be built has too many parameters.

    Args:
        architecture: Named in the message.
        parameters: Their number, or a lower bound of it.

    Raises:
        InputError: If there are more than :data:`MOST_PARAMETERS`.
    """
    if parameters > MOST_PARAMETERS:
        raise InputError(
            f"The model {architecture!r} must have at most {MOST_PARAMETERS:,} parameters, "
            f"got {parameters:,}; {LARGER}."
        )


class FlattenNumbers(nn.Flatten):
    """Flattens inputs, whole numbers as floating-point ones: a linear layer takes no others."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return (n, features)."""
        return super().forward(input if input.is_floating_point() else input.float())


def build_checked(
    architecture: Architecture,
    input_shape: tuple[int, ...],
    classes: int,
    *,
    generator: torch.Generator,
    of_whole_numbers: bool = False,
) -> nn.Module:
    """Return :meth:`Architecture.build`'s model after a trial pass of two zero inputs, which leaves no trace in it.

    Args:
        architecture: Builds the model.
        input_shape: Shape of one input.
        classes: Number of outputs.
        generator: Source of the initial weights.
        of_whole_numbers: Whether inputs are int64, such as tokens, and not floating-point numbers.

    Raises:
        InputError: If the model does not accept inputs of this shape, or does not return (n, classes) logits.
    """
    model = architecture.build(input_shape, classes, generator=generator)
    try:
        # The fork is for models that draw random numbers even in evaluation mode.
        with undisturbed(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
            model.eval()
            dtype = torch.int64 if of_whole_numbers else float_type(model)
            output = model(torch.zeros(2, *input_shape, dtype=dtype))
    except Exception as error:  # a user's model may raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"The model {architecture!r} does not accept {'whole numbers' if of_whole_numbers else 'inputs'} of shape "
            f"(n, *{input_shape}): {reason}"
        ) from error
    try:
        shape = tuple(logits_of(output).shape)
    except InputError as error:
        raise InputError(f"The model {architecture!r} cannot be used: {error}") from error
    if shape != (2, classes):
        kind = "" if isinstance(output, torch.Tensor) else f"{type(output).__name__} with logits of shape "
        raise InputError(
            f"The model {architecture!r} must return logits of shape (n, {classes}), "
            f"one output per class; for n = 2 it returned {kind}{shape}."
        )
    return model
