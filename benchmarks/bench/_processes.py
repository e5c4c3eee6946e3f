"""Fresh processes of the benchmark's own scripts."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_SCRIPTS = Path(__file__).parent


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


def script(name: str) -> str:
    """Return the path of one of the scripts beside this module."""
    return str(_SCRIPTS / name)
