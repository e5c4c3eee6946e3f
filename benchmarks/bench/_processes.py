"""Fresh processes, and how much memory one and all that it starts have at their peak; memory on Linux alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_POLL_SECONDS = 0.005


def run_python(arguments: Sequence[str], *, threads: int = 1) -> str:
    """Run Python in a fresh process, and return what it printed.

    Args:
        arguments: After ``python``.
        threads: Of PyTorch and the libraries below it.

    Raises:
        RuntimeError: If it failed; with what it said.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments[:2])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


def peak_memory(arguments: Sequence[str], *, threads: int = 1) -> int:
    """Run Python in a fresh process, and return the most memory that it and its children had at one time, in bytes.

    A page that several processes share counts once: each has its proportional share of it (PSS). The kernel keeps
    no high-water mark of that, so the sum is looked at every few milliseconds; where there is only one process, its
    own high-water mark (VmHWM) corrects what was missed in between. Not the rusage of the child: that begins with the
    memory of the parent that it was forked from.

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
            peak = max(peak, sum(_field(pid, "smaps_rollup", "Pss:") for pid in tree))
            peak = max(peak, _field(process.pid, "status", "VmHWM:") if was_alone else 0)
            time.sleep(_POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with exit code {process.returncode}.")
    return peak


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            yield from _tree(int(child))


def _field(pid: int, file: str, name: str) -> int:
    lines = _read(Path(f"/proc/{pid}/{file}")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended since it was found
        return ""
