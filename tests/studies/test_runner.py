"""The runner of trials: what travels with a task, and what is left of it after a message."""

import pickle
import sys
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest

from runs import arrays_of
from warmstart.data import load
from warmstart.executors import Execution, Workers
from warmstart.models import UserModel
from warmstart.store import checkpoint_file
from warmstart.studies._runner import RoundMessage, Task, TrialRunner


def runner_of(study):
    return TrialRunner.of(study, arrays_of(load(study.data)), device="cpu", graphs=False)


def task_of(study, label="cold"):
    return Task("0" * 32, label, study.trial(label, 0), study.evaluation)


def rounds_of(study, runner, task, directory):
    messages = []
    with Workers(Execution(workers=1, device="cpu")) as workers:
        workers.perform([task], runner, directory=directory, handle=lambda found: messages.append(found) or [])
    return [message for message in messages if isinstance(message, RoundMessage)]


def test_a_trial_is_resumed_with_what_is_left_after_any_of_its_rounds(study, tmp_path):
    runner, task = runner_of(study), task_of(study, "warm")
    whole = rounds_of(study, runner, task, tmp_path)
    assert [message.record.round for message in whole] == [1, 2, 3]
    for done, message in enumerate(whole, start=1):
        assert (str(task), task.files) == ("warm, seed 0", (checkpoint_file(task.key, done - 1),) if done > 1 else ())
        assert message.files == (checkpoint_file(task.key, done),)
        assert (tmp_path / message.files[0]).is_file()
        task = runner.remaining(task, message)
        assert (task.done, task.files) == (done, message.files)
        rest = rounds_of(study, runner, task, tmp_path)
        assert [replace(again.record, seconds=0) for again in rest] == [
            replace(before.record, seconds=0) for before in whole[done:]
        ]


def test_words_leave_the_task_as_it_is(study):
    task = task_of(study)
    assert runner_of(study).remaining(task, "under way") is task


def test_what_is_shared_is_light_and_has_the_same_arrays(study, tmp_path):
    runner = runner_of(study)
    with runner.shared(tmp_path) as shared:
        content = cloudpickle.dumps(shared)
        found = pickle.loads(content)._arrays.train
        assert len(content) < 10_000 < runner.arrays.train.inputs.nbytes
        for field in ("inputs", "labels"):
            assert np.array_equal(getattr(found, field), getattr(runner.arrays.train, field))
    assert [path.name for path in tmp_path.iterdir()] == [".locks"]


@pytest.mark.parametrize("name", ["net_of_the_script", "known"])
def test_what_the_script_defines_travels_by_value(study, monkeypatch, name):
    def build():
        return None

    script = sys.modules["__main__"]
    monkeypatch.setattr(script, "net_of_the_script", build, raising=False)
    if name != "known":
        study = replace(study, architecture=UserModel(f"__main__:{name}"))
    assert runner_of(study).script == ({} if name == "known" else {name: build})
