"""Where and with what results were made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def provenance(*, device: str, workers: int, threads: int, lanes: int = 1) -> dict[str, str | int]:
    """Return what a result needs to be judged: versions, commit, hardware, settings of the machine.

    Args:
        device: Where trials run.
        workers: Worker processes.
        threads: Threads of each.
        lanes: Trials that take turns in each.
    """
    import torch  # here: asking for the version must not import it

    # A study may train on other machines' GPUs, from one that has none.
    has_gpu = device.startswith("cuda") and torch.cuda.is_available()
    return {
        "version": version(),
        "commit": commit(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": importlib.metadata.version("numpy"),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cores": available_cores(),
        "device": torch.cuda.get_device_name() if has_gpu else device,
        "workers": workers,
        "threads": threads,
        "lanes": lanes,
    }


def version() -> str:
    """Return the installed version of warmstart."""
    return importlib.metadata.version("warmstart")


def commit() -> str:
    """Return the commit of the source tree that this code runs from, "+" added where it was changed; else "unknown"."""
    here = Path(__file__).parent
    try:
        root = _git(here, "rev-parse", "--show-toplevel")
        if not (Path(root) / "src" / "warmstart").samefile(here.parent):
            # Installed into a folder of somebody else's repository, whose commit says nothing about this code.
            return "unknown"
        changed = _git(here, "status", "--porcelain", "--untracked-files=no")
        return _git(here, "rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def cpu_name() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def available_cores() -> int:
    """Return how many cores this process may use."""
    # Not the machine's cores: containers and batch systems give a process a part of them.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
