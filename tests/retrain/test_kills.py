"""SIGKILL at random moments: a project that is killed and started again ends as one that never was.

A child is forked from this process, where PyTorch is loaded, so that a start takes milliseconds instead of seconds.
"""

import contextlib
import importlib
import itertools
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
MOST_POINTS = 25
"""About as many crash points as an arrival passes, from being added to the end of its round."""
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
    """Start :func:`add_and_update` in a child that notes the crash points it passes; return its id."""
    child = os.fork()
    if child:
        return child
    code = 1
    with contextlib.suppress(BaseException):
        note = os.open(directory / PHASE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        passed = itertools.count(1)
        _listeners.append(lambda name: os.pwrite(note, f"{name:40}{next(passed):6}".encode(), 0))
        add_and_update(directory)
        code = 0
    os._exit(code)


def noted(directory):
    """Return the crash point that a child passed last, and how many it has passed."""
    path = directory / PHASE
    text = path.read_text() if path.exists() else ""
    return text[:40].strip(), int(text[40:] or 0)


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
        # Soon after a random crash point, the start included: on a busy machine, where everything takes longer, a time
        # from the start alone would hit the beginning again and again.
        points, delay = draw.randrange(MOST_POINTS), draw.uniform(0, seconds / ARRIVALS / 10)
        deadline, end = time.monotonic() + 10 * seconds + 60, None
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < (end or deadline):
            if end is None and kills < KILLS and noted(killed.directory)[1] >= points:
                end = time.monotonic() + delay
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
        phase, _ = noted(killed.directory)
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
