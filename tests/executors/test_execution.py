"""How a study runs: what no machine could do is refused before anything is started."""

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.executors import Execution
from warmstart.specs import build_options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 100_000}, "threads must be a whole number from 1 to 1024, got 100000"),
        ({"threads": 10**9}, "threads must be a whole number from 1 to 1024, got 1000000000"),
        ({"workers": 100_000}, "workers must be a whole number from 1 to 1024, got 100000"),
        ({"lanes": 10**6}, "lanes must be a whole number from 1 to 1024, got 1000000"),
        ({"workers": 100, "threads": 1000}, "threads must be at most 163 with 100 workers, got 1000"),
        ({"threads": None}, "threads must be given, got None"),
        ({"threads": "2"}, "threads must be a whole number of at least 1, got '2'"),
        ({"threads": True}, "threads must be a whole number of at least 1, got True"),
        ({"device": "cudalonglonglong"}, "device must be auto, cpu or cuda, got cudalonglonglong"),
        ({"device": "cpu:" + 3000 * "0"}, "device must be auto, cpu or cuda, got cpu:0"),
        ({"executor": "ray:"}, "must be HOST:PORT of a Ray cluster's head or local, got ''"),
        ({"executor": 3}, "executor must be processes, ray, .* got '3'"),
    ],
)
def test_what_no_machine_can_do_is_one_sentence(options, message):
    with pytest.raises(InputError, match=rf"^[^\n]*{message}[^\n]*\.$") as caught:
        Execution(**options)
    assert len(str(caught.value)) < 300


def test_many_threads_of_one_worker_and_many_workers_of_one_are_fine():
    assert Execution(workers=1, threads=1024, device="cpu").threads == 1024
    assert Execution(workers=np.int64(1024), device="cpu").worker_count == 1024


def test_the_command_lines_texts_are_checked_alike():
    with pytest.raises(InputError, match=r"^threads must be a whole number from 1 to 1024, got 1000000000\.$"):
        build_options(Execution, {"threads": "1e9"}, kind="compare")
