"""Recorded steps in studies: off unless asked for, asked for everywhere, and a note where they were given up."""

import pickle

import cloudpickle
import pytest
import torch
from click.testing import CliRunner

from runs import ONE, arrays_of, results
from warmstart.cli._compare import compare
from warmstart.cli._flags import build_execution
from warmstart.data import load
from warmstart.executors import Execution
from warmstart.executors._ray_task import TaskPayload, run_remotely
from warmstart.studies import read_histories, run_study
from warmstart.studies._runner import Task, TrialRunner
from warmstart.training import _engine as engine
from warmstart.training import run_lanes

KEY = "0" * 32
GRAPHS = Execution(workers=1, device="cpu", graphs=True)


@pytest.fixture
def recorded(monkeypatch):
    """What was recorded: steps are, on the CPU, by a list in a GPU's place."""
    recorded = []
    monkeypatch.setattr(engine, "recorder", lambda *_: lambda step: recorded.append(step) or step)
    return recorded


def task_of(study):
    label = study.labels[0]
    return Task(KEY, label, study.trial(label, 0), study.evaluation)


def test_recorded_steps_give_the_same_bits_and_only_where_asked_for(study, recorded, tmp_path):
    plain = run_study(study, tmp_path / "plain", execution=ONE)
    assert not recorded
    graphs = run_study(study, tmp_path / "graphs", execution=GRAPHS)
    assert recorded
    assert results(graphs) == results(plain)
    assert (plain.provenance["graphs"], graphs.provenance["graphs"]) == (False, True)


def runner_of(study):
    return TrialRunner.of(study, arrays_of(load(study.data)), device="cpu", graphs=True)


def test_worker_processes_record(study, recorded, tmp_path):
    messages = []
    with runner_of(study).shared(tmp_path) as shared:
        sent = pickle.loads(cloudpickle.dumps(shared))
        run_lanes([sent.steps(task_of(study), tmp_path, "cpu", messages.append)])
    assert messages
    assert recorded


def test_nodes_of_a_cluster_record(study, recorded):
    payload = TaskPayload(task_of(study), {}, "results/mine", "cpu", 1)
    assert list(run_remotely(payload, runner_of(study)))
    assert recorded


def test_a_note_of_training_is_heard_and_stored(study, monkeypatch, tmp_path):
    def lying(step):
        def replay():
            step()
            with torch.no_grad():
                step.func.__self__._changed()["parameters"][0].add_(0.1)

        return replay

    heard = []
    monkeypatch.setattr(engine, "recorder", lambda *_: lying)
    run_study(study, tmp_path / "study", execution=GRAPHS, listener=heard.append)
    notes = [event for event in heard if isinstance(event, str) and "Steps are not recorded any more" in event]
    assert notes[0].startswith("cold, seed 0, round 1: ")
    history = read_histories(tmp_path / "study")["cold", 0, 1]
    assert history["notes"] == [notes[0].removeprefix("cold, seed 0, round 1: ")]


def test_the_flag_is_a_switch():
    given = dict.fromkeys(("executor", "workers", "threads", "lanes"))
    assert not build_execution({**given, "device": "cpu", "graphs": None}, kind="compare").graphs
    assert build_execution({**given, "device": "cpu", "graphs": True}, kind="compare").graphs
    (option,) = [option for option in compare.params if option.name == "graphs"]
    assert option.is_flag
    assert "--graphs" in CliRunner().invoke(compare, ["--help"]).output
