"""How a study runs: processes, threads, device."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from warmstart.basics import InputError, check_at_least

from ._provenance import available_cores


@dataclass(frozen=True)
class Execution:
    """How a study runs; none of it changes what is computed, but for rounding on another device or thread count.

    Args:
        workers: Processes that play trials, at least 1; None: one for each core, on a GPU one in all.
        threads: PyTorch threads of each, at least 1. One is best for many small models: two threads that share small
            tensors on a busy machine mostly wait for each other.
        device: "cpu", "cuda", "cuda:1" ..., or "auto" for a GPU where there is one.
        lanes: Trials that take turns in one process, at least 1: on a GPU, which small models do not fill one by one,
            each on a stream of its own. With more than 1, there is one worker. Seconds of training are then those of
            trials that share the device; on a CPU lanes gain nothing.
    """

    workers: int | None = None
    threads: int = 1
    device: str = "auto"
    lanes: int = 1

    def __post_init__(self) -> None:
        """Check the options and settle what is automatic."""
        check_at_least("workers", self.workers, 1)
        check_at_least("threads", self.threads, 1)
        object.__setattr__(self, "device", _settled_device(self.device))
        check_at_least("lanes", self.lanes, 1)
        if self.workers is None:
            several = self.device == "cpu" and self.lanes == 1
            object.__setattr__(self, "workers", available_cores() if several else 1)
        if self.lanes > 1 and self.worker_count > 1:
            raise InputError(f"lanes must be 1 with {self.workers} workers, got {self.lanes}; they are of one process.")

    @property
    def worker_count(self) -> int:
        """The settled number of workers."""
        assert self.workers is not None, "settled at construction"
        return self.workers


def _settled_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not name.startswith("cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got {name}.")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be cpu or auto where PyTorch finds no CUDA device, got {name}.")
    return name
