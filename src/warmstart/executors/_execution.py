"""How a study runs: on what, processes, threads, device."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from warmstart.basics import InputError, check_at_least, resolve_choices, shown
from warmstart.store import available_cores

PROCESSES, RAY = "processes", "ray"
RAY_LOCAL = "local"
MOST_WORKERS, MOST_THREADS, MOST_LANES = 1_024, 1_024, 1_024
MOST_THREADS_IN_ALL = 16_384
"""Of all workers on this machine. Beyond what a system allows, often 32,768, OpenMP ends the process. The number of
cores is no limit, for a run may repeat the thread count of one on a larger machine."""
_DEVICE = re.compile(r"cpu|cuda(:\d{1,3})?")
_ADDRESS = re.compile(r"[^/\s]+:\d{1,5}")


@dataclass(frozen=True)
class Execution:
    """How a study runs; none of it changes what is computed, but for rounding on another device or thread count.

    Args:
        workers: Trials that run side by side, from 1 to 1,024; None: one for each core, on a GPU one in all, on Ray
            as many as the cluster has places for.
        threads: PyTorch threads of each, from 1 to 1,024, and at most 16,384 for all workers together. One is best for
            many small models: two threads that share small tensors on a busy machine mostly wait for each other.
        device: "cpu", "cuda", "cuda:1" ..., or "auto" for a GPU where there is one. On Ray, which hands out GPUs, one
            of "cpu", "cuda" (a GPU for each trial) and "auto": a GPU if any node has one.
        executor: "processes": this process with one worker, else a pool of processes. "ray": a task of Ray for each
            trial, on the cluster that this machine is in or that the variable RAY_ADDRESS names, else on one that
            is started here; "ray:local" always starts one; "ray:HOST:PORT" names the cluster's head.
        lanes: Trials that take turns in one process, from 1 to 1,024: on a GPU, which small models do not fill one by
            one, each on a stream of its own. With more than 1, there is one worker. Seconds of training are then those
            of trials that share the device; on a CPU lanes gain nothing.
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
        resolve_choices(self)
        check_at_least("workers", self.workers, 1, most=MOST_WORKERS)
        check_at_least("threads", self.threads, 1, most=MOST_THREADS)
        check_at_least("lanes", self.lanes, 1, most=MOST_LANES)
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
        if self.worker_count * self.threads > MOST_THREADS_IN_ALL:
            raise InputError(
                f"threads must be at most {MOST_THREADS_IN_ALL // self.worker_count} with {self.workers} workers, "
                f"got {self.threads}."
            )
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
    """Raise unless this is the address of a Ray cluster that trials can be finished on.

    Args:
        address: HOST:PORT, or "local".
        name: What the address is called in the message.
    """
    if "://" in address:
        raise InputError(
            f"{name} must be HOST:PORT, got {shown(address)}: a client outside of the cluster does not hear of rounds "
            "as they finish, so start the study on a machine of the cluster."
        )
    if address != RAY_LOCAL and not _ADDRESS.fullmatch(address):
        raise InputError(f"{name} must be HOST:PORT of a Ray cluster's head or {RAY_LOCAL}, got '{shown(address)}'.")


def _check_executor(name: str) -> None:
    kind, colon, address = str(name).partition(":")
    if kind == RAY and colon:
        check_ray_address(address, name="The address in executor=ray:ADDRESS")
    elif name not in (PROCESSES, RAY):
        raise InputError(f"executor must be processes, ray, ray:local or ray:HOST:PORT, got '{shown(name)}'.")


def _check_ray_device(name: str) -> None:
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda on Ray, which hands out GPUs itself, got {shown(name)}.")


def _settled_device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not _DEVICE.fullmatch(str(name)):
        raise InputError(f"device must be auto, cpu or cuda, got {shown(name)}.")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device must be cpu or auto where PyTorch finds no CUDA device, got {name}.")
    return name
