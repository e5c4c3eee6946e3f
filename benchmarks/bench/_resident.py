"""How much memory a process and all that it starts have at their peak; on Linux."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_KIB = 1024
_POLL_SECONDS = 0.005


def peak_memory(arguments: Sequence[str], *, threads: int = 1) -> int:
    """Run Python in a fresh process, and return the most memory that it and its children had at one time, in bytes.

    A page that several processes share counts once: each has its proportional share of it (PSS). The kernel keeps
    no high-water mark of that, so the sum is looked at every few milliseconds; where there is only one process, its
    own high-water mark (VmHWM) corrects what was missed in between.

    Args:
        arguments: After ``python``.
        threads: Of PyTorch and the libraries below it.

    Raises:
        RuntimeError: If the program failed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    peak, was_alone = 0, True
    with subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            tree = list(_tree(process.pid))
            was_alone = was_alone and len(tree) == 1
            peak = max(peak, sum(_proportional(pid) for pid in tree), _high_water(process.pid) if was_alone else 0)
            time.sleep(_POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with exit code {process.returncode}.")
    return peak


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in _listed(Path(f"/proc/{pid}/task")):
        for child in _read(task / "children").split():
            yield from _tree(int(child))


def _proportional(pid: int) -> int:
    return _field(_read(Path(f"/proc/{pid}/smaps_rollup")), "Pss:")


def _high_water(pid: int) -> int:
    # Not the rusage of the child: that begins with the memory of the parent that it was forked from.
    return _field(_read(Path(f"/proc/{pid}/status")), "VmHWM:")


def _field(text: str, name: str) -> int:
    line = next((line for line in text.splitlines() if line.startswith(name)), f"{name} 0 kB")
    return int(line.split()[1]) * _KIB


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended since it was found
        return ""
