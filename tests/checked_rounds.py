"""Run a script that begins rounds with ``renew_``, and check each: python tests/checked_rounds.py SCRIPT ROUNDS.

A round must begin with 0.4 of the last weights and 0.1 of those that its own seed draws, and training must start there.
"""

import runpy
import sys
from typing import Any

import torch
from torch import nn

import warmstart as ws
from warmstart import strategies
from warmstart.basics import generator_for, seeded_globals

renew_ = strategies.renew_
drawn: list[dict[str, torch.Tensor]] = []
started: list[int] = []


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def checked(model: nn.Module, strategy: Any, make_model: Any, *, seed: int, round: int, **others: Any) -> nn.Module:
    with seeded_globals(generator_for(seed, "fresh", round)):
        fresh = dict(make_model().named_parameters())
    old = values(model)
    drawn.append({name: fresh[name].detach().clone() for name in old})
    renew_(model, strategy, make_model, seed=seed, round=round, **others)
    new = values(model)
    for name, value in old.items():
        torch.testing.assert_close(new[name], (0.4 * value + 0.1 * fresh[name]).to(value.dtype), msg=name)
    if others.get("averaged") is not None:
        averaged = dict(others["averaged"].named_parameters())
        assert all(torch.equal(averaged[name], value) for name, value in new.items()), "the average has other weights"
    if others.get("optimizer") is not None:
        assert not others["optimizer"].state, "the optimizer still has moments"

    # In the first backward pass, before the optimizer's first step. A library that trains another model, or a copy of
    # this one, never gets there.
    def at_first_gradient(_: torch.Tensor) -> None:
        handle.remove()
        assert all(torch.equal(value, new[name]) for name, value in values(model).items()), "training started elsewhere"
        started.append(round)

    handle = next(value for value in model.parameters() if value.requires_grad).register_hook(at_first_gradient)
    return model


if __name__ == "__main__":
    strategies.renew_ = ws.renew_ = checked
    runpy.run_path(sys.argv[1], run_name="__main__")
    assert started == [int(number) for number in sys.argv[2].split(",")], f"training started in rounds {started}"
    # Not of every weight: gains begin at 1, and embeddings may be given.
    assert any(not torch.equal(value, drawn[1][name]) for name, value in drawn[0].items()), "two rounds drew the same"
