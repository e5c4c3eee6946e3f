"""How tests run studies and compare what comes out."""

import os
import time
from dataclasses import replace

import pytest

from warmstart.executors import Execution
from warmstart.store import RoundRecord
from warmstart.studies import read_study, run_study
from warmstart.trial import Arrays

ONE = Execution(workers=1, device="cpu")
TWO = Execution(workers=2, device="cpu")
LANES = Execution(device="cpu", lanes=3)


def results(records):
    """Return what a study's settings decide: everything but seconds."""
    return [replace(record, seconds=0) for record in records.rounds]


def arrays_of(dataset):
    """The arrays of a data set, as a study's trials get them."""
    return Arrays(dataset.train, dataset.test, len(dataset.classes))


class StopError(Exception):
    """What a listener of a test ends a study with."""


def interrupt(study, directory, rounds, **options):
    """Run a study until so many rounds are stored."""
    heard = []

    def stop(event):
        heard.extend([event] if isinstance(event, RoundRecord) else [])
        if len(heard) == rounds:
            raise StopError

    with pytest.raises(StopError):
        run_study(study, directory, listener=stop, **{"execution": ONE, **options})
    assert len(read_study(directory).rounds) == rounds


def group_ends(group):
    """Whether every process of a group ends within ten seconds."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
