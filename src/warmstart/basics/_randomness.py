"""Explicit randomness: every draw has its own generator, seeded by what the draw is for.

No generator outlives its purpose, so there is no random state to store: a round can be repeated or resumed from its
number alone, and two strategies with the same seed get the same split, arrivals and fresh models, whatever ran before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import TYPE_CHECKING

from ._arguments import check_generator

if TYPE_CHECKING:
    import torch


def derived_seed(*purpose: str | int) -> int:
    """Return a 63-bit seed that depends on every part of ``purpose`` and on nothing else.

    Example:
        >>> derived_seed(0, "split") == derived_seed(0, "split")
        True
        >>> derived_seed(0, "shuffle", 1) == derived_seed(0, "shuffle", 2)
        False
    """
    # With types, so that 1 and "1" differ, and a separator that no purpose contains, so that ("ab",) and ("a", "b") do.
    # Integers of NumPy are numbers like any other.
    parts = [int(part) if isinstance(part, Integral) and not isinstance(part, bool) else part for part in purpose]
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(*purpose: str | int) -> torch.Generator:
    """Return a CPU generator seeded by :func:`derived_seed` of ``purpose``.

    Example:
        >>> import torch
        >>> one = torch.rand(1, generator=generator_for(7, "fresh", 3))
        >>> bool(one == torch.rand(1, generator=generator_for(7, "fresh", 3)))
        True
    """
    import torch

    return torch.Generator().manual_seed(derived_seed(*purpose))


@contextmanager
def seeded_globals(generator: torch.Generator) -> Iterator[None]:
    """Seed PyTorch's global generators from ``generator`` inside the context, and restore their states on exit.

    ``torch.nn`` initializes layers and draws dropout masks from the global generators and accepts no other one. Inside
    the context these draws depend on ``generator`` alone; on exit, even after an error, the global states are what they
    were before. Python's and NumPy's generators are not affected.

    Args:
        generator: CPU generator. It is advanced by one draw, which seeds the global generators of the CPU and, if CUDA
            is in use, of every GPU; two contexts in a row therefore draw different numbers.

    Raises:
        InputError: If ``generator`` is not a CPU generator.

    Example:
        >>> import torch
        >>> def fresh_layer(seed):
        ...     with seeded_globals(torch.Generator().manual_seed(seed)):
        ...         return torch.nn.Linear(2, 2)
        >>> states = torch.get_rng_state()
        >>> torch.equal(fresh_layer(0).weight, fresh_layer(0).weight)
        True
        >>> torch.equal(torch.get_rng_state(), states)
        True
    """
    import torch

    check_generator("generator", generator)  # None would draw from a global generator, and change it
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))  # whatever the default device is
    # Not torch.manual_seed: if no GPU is in use yet, it would seed one as soon as it is, and that would outlast this.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield


def global_states() -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the states of the global generators of the CPU and, if CUDA is in use, of every GPU."""
    import torch

    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in devices]


def restore_global_states(states: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    """Set the global generators to states that :func:`global_states` returned.

    Example:
        >>> import torch
        >>> states = global_states()
        >>> first = torch.rand(1)
        >>> restore_global_states(states)
        >>> bool(torch.rand(1) == first)
        True
    """
    import torch

    cpu, gpus = states
    torch.set_rng_state(cpu)
    for device, state in enumerate(gpus):
        torch.cuda.set_rng_state(state, device)
