"""How a study runs: on what, processes, threads, device."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from warmstart.basics import InputError, check_at_least

from ._provenance import available_cores

PROCESSES, RAY = "processes", "ray"
RAY_LOCAL = "local"
_ADDRESS = re.compile(r"[^/\s]+:\d{1,5}")


@dataclass(frozen=True)
class Execution:
    """How a study runs; none of it changes what is computed, but for rounding on another device or thread count.

    Args:
        workers: Trials that play side by side, at least 1; None: one for each core, on a GPU one in all, on Ray as many
            as the cluster has places for.
        threads: PyTorch threads of each, at least 1. One is best for many small models: two threads that share small
            tensors on a busy machine mostly wait for each other.
        device: "cpu", "cuda", "cuda:1" ..., or "auto" for a GPU where there is one. On Ray, which hands out GPUs, one
            of "cpu", "cuda" (a GPU for each trial) and "auto": a GPU if any node has one.
        executor: "processes": this process with one worker, else a pool of processes. "ray": a task of Ray for each
            trial, on the cluster that this machine is in or that the variable RAY_ADDRESS names, else on one that
            is started here; "ray:local" always starts one; "ray:HOST:PORT" names the cluster's head.
        lanes: Trials that take turns in one process, at least 1: on a GPU, which small models do not fill one by one,
            each on a stream of its own. With more than 1, there is one worker. Seconds of training are then those of
            trials that share the device; on a CPU lanes gain nothing.
        graphs: Whether steps on a GPU are recorded as CUDA graphs and replayed, after a check against plain steps; see
            :func:`warmstart.training.fit`. On a CPU there is nothing to record.

    Raises:
        InputError: If an option is out of its range.

    Example:
        >>> Execution(executor="ray:10.0.0.7:6379").ray_address
        '10.0.0.7:6379'
    """

    workers: int | None = None
    threads: int = 1
    device: str = "auto"
    executor: str = PROCESSES
    lanes: int = 1
    graphs: bool = False

    def __post_init__(self) -> None:
        """Check the options and settle what is automatic; on Ray, the cluster decides and settles it."""
        check_at_least("workers", self.workers, 1)
        check_at_least("threads", self.threads, 1)
        check_at_least("lanes", self.lanes, 1)
        _check_executor(self.executor)
        if self.on_ray:
            _check_ray_device(self.device)
            if self.lanes > 1:
                raise InputError(f"lanes must be 1 on Ray, where each trial is a task of its own, got {self.lanes}.")
            return
        object.__setattr__(self, "device", _settled_device(self.device))
        if self.workers is None:
            several = self.device == "cpu" and self.lanes == 1
            object.__setattr__(self, "workers", available_cores() if several else 1)
        if self.lanes > 1 and self.worker_count > 1:
            raise InputError(f"lanes must be 1 with {self.workers} workers, got {self.lanes}; they are of one process.")

    @property
    def on_ray(self) -> bool:
        """Whether trials are tasks of Ray."""
        return self.executor.partition(":")[0] == RAY

    @property
    def ray_address(self) -> str | None:
        """The address of the Ray cluster, where one is given."""
        return self.executor.partition(":")[2] or None

    @property
    def worker_count(self) -> int:
        """The settled number of workers."""
        assert self.workers is not None, "settled at construction, on Ray when the cluster is known"
        return self.workers


def check_ray_address(address: str, *, name: str) -> None:
    """Raise unless this is the address of a Ray cluster that trials can be played on.

    Args:
        address: HOST:PORT, or "local".
        name: What the address is called in the message.
    """
    if "://" in address:
        raise InputError(
            f"{name} must be HOST:PORT, got {address}: a client outside of the cluster does not hear of rounds as they "
            "finish, so start the study on a machine of the cluster."
        )
    if address != RAY_LOCAL and not _ADDRESS.fullmatch(address):
        raise InputError(f"{name} must be HOST:PORT of a Ray cluster's head or {RAY_LOCAL}, got '{address}'.")


def _check_executor(name: str) -> None:
    kind, colon, address = name.partition(":")
    if kind == RAY and colon:
        check_ray_address(address, name="The address in executor=ray:ADDRESS")
    elif name not in (PROCESSES, RAY):
        raise InputError(f"executor must be processes, ray, ray:local or ray:HOST:PORT, got '{name}'.")


def _check_ray_device(name: str) -> None:
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda on Ray, which hands out GPUs itself, got {name}.")


def _settled_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not name.startswith("cuda"):
        raise InputError(f"device must be auto, cpu or cuda, got {name}.")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be cpu or auto where PyTorch finds no CUDA device, got {name}.")
    return name
