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
# Of all workers on this machine. Beyond the system's limit, often 32,768, OpenMP ends the process. The number of cores
# is no limit: a run may repeat the thread count of one on a larger machine.
MOST_THREADS_IN_ALL = 16_384
_DEVICE = re.compile(r"cpu|cuda(:\d{1,3})?")
_ADDRESS = re.compile(r"[^/\s]+:\d{1,5}")


@dataclass(frozen=True)
class Execution:
    """How a study runs. Nothing here changes its results, except for rounding on another device or thread count.

    Args:
        workers: Number of trials that run at the same time, 1 to 1,024. None: one per core on a CPU, 1 on a GPU, on Ray
            as many as fit into the cluster.
        threads: PyTorch threads per worker, 1 to 1,024, and at most 16,384 for all workers together. One is best for
            many small models: two threads that share small tensors on a busy machine mostly wait for each other.
        device: "cpu", "cuda", "cuda:1" etc., or "auto": a GPU if there is one. On Ray, which assigns GPUs itself, one
            of "cpu", "cuda" (one GPU per trial) and "auto" (a GPU if any node has one).
        executor: "processes": one worker runs in this process, more run in processes of their own. "ray": each trial is
            a Ray task, on the cluster that the environment variable RAY_ADDRESS names or that this machine belongs to,
            else on one that is started here; "ray:local" always starts one; "ray:HOST:PORT" connects to the head node
            at this address.
        lanes: Number of trials that take turns in one process, 1 to 1,024. It is meant for GPUs, which a small model
            does not fill: each lane has a CUDA stream of its own. More than 1 requires one worker, the times measured
            are those of trials that share the device, and nothing is gained on a CPU.
        graphs: Record training steps on a GPU as CUDA graphs and replay them, after a check against plain steps; see
            :func:`warmstart.training.fit`. No effect on a CPU.

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
        """Check the options and resolve what is automatic; on Ray, the cluster decides."""
        resolve_choices(self)
        check_at_least("workers", self.workers, 1, most=MOST_WORKERS)
        check_at_least("threads", self.threads, 1, most=MOST_THREADS)
        check_at_least("lanes", self.lanes, 1, most=MOST_LANES)
        kind, colon, address = str(self.executor).partition(":")
        if kind == RAY and colon:
            check_ray_address(address, name="The address in executor=ray:ADDRESS")
        elif self.executor not in (PROCESSES, RAY):
            raise InputError(
                f"executor must be processes, ray, ray:local or ray:HOST:PORT, got '{shown(self.executor)}'."
            )
        device = self.device
        if self.on_ray:
            # The GPUs of this machine say nothing about those of the cluster.
            if device not in ("auto", "cpu", "cuda"):
                raise InputError(
                    f"device must be auto, cpu or cuda on Ray, which assigns GPUs itself, got {shown(device)}."
                )
            if self.lanes > 1:
                raise InputError(f"lanes must be 1 on Ray, where each trial is a task of its own, got {self.lanes}.")
            return
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        elif not _DEVICE.fullmatch(str(device)):
            raise InputError(f"device must be auto, cpu or cuda, got {shown(device)}.")
        elif device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"device must be cpu or auto where PyTorch finds no CUDA device, got {device}.")
        object.__setattr__(self, "device", device)
        if self.workers is None:
            # Several processes on one GPU would each take its memory for a context and for cached blocks.
            several = device == "cpu" and self.lanes == 1
            object.__setattr__(self, "workers", available_cores() if several else 1)
        if self.worker_count * self.threads > MOST_THREADS_IN_ALL:
            raise InputError(
                f"threads must be at most {MOST_THREADS_IN_ALL // self.worker_count} with {self.workers} workers, "
                f"got {self.threads}."
            )
        if self.lanes > 1 and self.worker_count > 1:
            raise InputError(f"lanes must be 1 with {self.workers} workers, got {self.lanes}; lanes share a process.")

    @property
    def on_ray(self) -> bool:
        """Whether trials are tasks of Ray."""
        return self.executor.partition(":")[0] == RAY

    @property
    def ray_address(self) -> str | None:
        """The address of the Ray cluster, if one is given."""
        return self.executor.partition(":")[2] or None

    @property
    def worker_count(self) -> int:
        """The resolved number of workers."""
        assert self.workers is not None, "resolved at construction, on Ray when the cluster is known"
        return self.workers


def check_ray_address(address: str, *, name: str) -> None:
    """Raise unless this is the address of a Ray cluster that trials can run on.

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
