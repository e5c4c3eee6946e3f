"""Explicit randomness: every draw has its own generator, made from what the draw is for.

Because no generator outlives its purpose, there is no random state to store: a round can be
repeated, or resumed, from its number alone, and two strategies under one seed meet the same split, the
same arrivals and the same fresh draws whatever else they did before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in purpose)
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
    """Let code that reads the global generators draw from ``generator``, then put the globals back.

    ``torch.nn`` initialises layers and draws dropout masks from the global generator and takes no other. Within this
    context those draws are decided by ``generator``; outside it the global state is what it was.

    Args:
        generator: Advanced by one draw, which seeds the global generators of the CPU and, if in use, of CUDA.

    Example:
        >>> import torch
        >>> before = torch.get_rng_state()
        >>> with seeded_globals(generator_for(0, "fresh")):
        ...     layer = torch.nn.Linear(2, 2)
        >>> bool((torch.get_rng_state() == before).all())
        True
    """
    import torch

    seed = int(torch.randint(2**62, (), generator=generator))
    # Where no GPU is in use yet, torch.manual_seed would seed it for the time when it is: a change that stays.
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield


def global_states() -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the states of the global generators, of the CPU and of every GPU that is in use."""
    import torch

    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    return torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in devices]


def restore_global_states(states: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
    """Put the global generators into states that :func:`global_states` returned.

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
