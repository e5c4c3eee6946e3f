"""Which round a checkpoint of a training library is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warmstart.basics import InputError


def check_same_round(found: Mapping[str, Any] | None, expected: Mapping[str, Any], *, must: str, call: str) -> None:
    """Raise unless the checkpoint that is resumed is of the round that a callback begins.

    Args:
        found: Round and seed that the checkpoint has; None: it was written without a callback.
        expected: Those of the callback.
        must: How the sentence begins, with the parameter as the user typed it.
        call: The method that trains.

    Raises:
        InputError: If they differ.
    """
    if found == expected:
        return
    other = "without a NewRound" if found is None else f"with round={found['round']} and seed={found['seed']}"
    raise InputError(
        f"{must} a checkpoint of round {expected['round']} with seed {expected['seed']}, got one {other}: to start "
        f"from its weights, load them, and call {call} without it."
    )
