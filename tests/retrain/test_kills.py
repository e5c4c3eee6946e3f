"""SIGKILL at random moments: a project that is killed and started again ends as one that never was.

A child is forked from this process, where PyTorch is loaded, so that a start takes milliseconds instead of seconds.
"""

import contextlib
import importlib
import os
import random
import signal
import sys
import time

import pytest
import torch

import nights
from warmstart.retrain import Retrainer
from warmstart.retrain._objects import _listeners

KILLS = 100 if os.environ.get("WARMSTART_LONG") == "1" else 25
ARRIVALS = 6
PHASE = ".phase"
# What add and update import, in the parent: in every child it would take most of its time.
LOADED = ("pyarrow.parquet", "pandas", "torch._dynamo", "warmstart.retrain._add", "warmstart.retrain._update")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")


def add_and_update(directory):
    """Add what has not arrived yet and update, until all has."""
    project = Retrainer(directory)
    for number in range(1, ARRIVALS + 1):
        project.add(nights.arrival(number))  # again: nothing happens
        if project.status().arrivals == number:
            project.update()


def forked(directory):
    """Start :func:`add_and_update` in a child that notes the crash point it has passed last; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    with contextlib.suppress(BaseException):
        note = os.open(directory / PHASE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        _listeners.append(lambda name: os.pwrite(note, name.ljust(40).encode(), 0))
        add_and_update(directory)
        code = 0
    os._exit(code)


def test_kills_at_random_moments_change_nothing(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a forked process must not wait for threads that it does not have
    for name in LOADED:
        importlib.import_module(name)
    start = nights.project(tmp_path / "start")
    calm, killed = (nights.copy(start.directory, tmp_path / name) for name in ("calm", "killed"))
    child, since = forked(calm.directory), time.monotonic()
    assert os.waitpid(child, 0)[1] == 0
    seconds = time.monotonic() - since
    draw, phases, kills = random.Random(0), {}, 0
    while True:
        child = forked(killed.directory)
        # Most are killed within a step: about ten of them are needed to get from one end to the other.
        lifetime = draw.uniform(0, seconds / ARRIVALS)
        end = time.monotonic() + (lifetime if kills < KILLS else 10 * seconds + 60)
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
            time.sleep(0.001)
        if ended[0]:
            assert ended[1] == 0, "a start after a kill must not fail"
            if kills >= KILLS:
                break
            # All has arrived and been trained on: from the beginning again.
            (killed.directory / PHASE).unlink()
            nights.copy(start.directory, killed.directory)
            continue
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
        phase = (killed.directory / PHASE).read_text().strip() if (killed.directory / PHASE).exists() else ""
        phases[phase] = phases.get(phase, 0) + 1
        assert kills <= KILLS, "the last start has time enough"
    torch.set_num_threads(threads)
    print(f"{kills} kills, by the last crash point passed: {phases}")
    assert kills == KILLS
    assert len(phases) >= 6, phases
    for project in (calm, killed):
        (project.directory / PHASE).unlink()
        project.gc()  # what a kill has left in work
    assert killed.status().champion.id == calm.status().champion.id
    nights.assert_same(killed.directory, calm.directory)
