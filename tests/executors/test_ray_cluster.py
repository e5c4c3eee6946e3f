"""Studies on a real Ray cluster, whose nodes are processes of this machine."""

import builtins
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from runs import ONE, results
from warmstart.executors import Execution, Workers
from warmstart.models import UserModel
from warmstart.store import RoundRecord, TrialStore
from warmstart.strategies import Warm
from warmstart.studies import has_study, read_study, run_study
from warmstart.training import StoppingRule

ray = pytest.importorskip("ray", reason="Ray is an extra")
from ray.cluster_utils import Cluster  # noqa: E402 - only where Ray is there

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]

MODULE = "models_on_ray"
# The driver and a node differ by their process: what blocks or dies, does so on nodes only.
SOURCE = '''
import os, signal, threading, time
from pathlib import Path
from torch import nn

HERE = Path(__file__).parent
trial = threading.local()  # every trial has a thread of its own

class Wide(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(64, 600), nn.ReLU(), nn.Linear(600, 10))

class Broken(Wide):
    def forward(self, inputs):
        if on_node():
            raise OSError("broken on a node")
        return super().forward(inputs)

def on_node():
    return os.getpid() != int((HERE / "driver").read_text())

def gated():
    """A model that waits at the beginning of a trial's second round until the gate is open."""
    trial.built = getattr(trial, "built", 0) + on_node()
    # The first one built tells the layout of the data in memory, the second one runs the first round.
    while trial.built > 2 and not (HERE / "gate").exists():
        time.sleep(0.02)
    return Wide()

def deadly():
    if on_node():
        os.kill(os.getpid(), signal.SIGKILL)
    return Wide()

def broken():
    return Broken()
'''


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with models, which this process and the nodes find."""
    folder = tmp_path_factory.mktemp("models")
    (folder / f"{MODULE}.py").write_text(SOURCE)
    (folder / "driver").write_text(str(os.getpid()))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [before])])
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop(MODULE, None)
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@pytest.fixture(scope="module")
def cluster(models):
    """A cluster of one node with one core, to which tests add others."""
    plain = builtins.print
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield found
    ray.shutdown()
    found.shutdown()
    builtins.print = plain  # Ray leaves its own, which cannot be pickled.


@pytest.fixture(scope="module")
def workers(cluster):
    """Workers on the cluster, connected once: each connection starts new processes on the nodes."""
    with Workers(Execution(executor=f"ray:{cluster.address}", device="cpu")) as found:
        yield found


def test_a_cluster_gives_the_bits_of_this_process(study, workers, tmp_path):
    local = run_study(study, tmp_path / "local", execution=ONE)
    remote = run_study(study, tmp_path / "remote", workers=workers)
    assert results(remote) == results(local)
    assert (remote.provenance["executor"], remote.provenance["nodes"]) == ("ray", 1)
    for file in files_in(tmp_path / "local") | files_in(tmp_path / "remote"):
        assert_close(load_file(tmp_path / "local" / file), load_file(tmp_path / "remote" / file), rtol=0, atol=0)


def files_in(directory):
    return {file.relative_to(directory) for file in directory.rglob("*.safetensors")}


def test_a_node_that_dies_costs_no_finished_round(study, cluster, models, tmp_path):
    study = replace(study, architecture=UserModel(f"{MODULE}:gated"), arms=[Warm()])
    local = results(run_study(study, tmp_path / "local", execution=ONE))
    node = cluster.add_node(num_cpus=1)
    heard, lost = [], []

    def listen(event):
        if isinstance(event, RoundRecord):
            heard.append(event)
            if len(heard) == 2:  # each node has finished a first round, and waits at the gate
                cluster.remove_node(node, allow_graceful=False)
        elif isinstance(event, str) and "its node was lost" in event:
            lost.append(event)
            (models / "gate").touch()

    execution = Execution(executor=f"ray:{cluster.address}", device="cpu")
    try:
        found = run_study(study, tmp_path / "remote", execution=execution, listener=listen)
    finally:
        (models / "gate").unlink(missing_ok=True)
    assert results(found) == local
    assert [record.round for record in heard[:2]] == [1, 1]
    assert lost
    assert all(note.endswith("it is resumed on another") for note in lost)
    # Whatever is finished is heard: a finished round that was finished again would be heard twice.
    assert sorted(heard, key=lambda record: (record.seed, record.round)) == list(found.rounds)


def test_a_cluster_without_places_is_waited_for_and_that_is_said(study, workers, tmp_path, monkeypatch):
    monkeypatch.setattr("warmstart.executors._ray.alive", list)  # as when nodes have gone; the next task finds one
    heard = []
    assert len(run_study(study, tmp_path, workers=workers, listener=heard.append).rounds) == 18
    notes = [event for event in heard if isinstance(event, str)]
    assert notes.count("No node of the Ray cluster is left that could take a trial: waiting for one") == 1


DRIVER = """
import sys
from warmstart.executors import Execution
from warmstart.studies import read_study_file, run_study, study_from_dict
study = study_from_dict(read_study_file("study.toml"))
run_study(study, "results", execution=Execution(executor=sys.argv[1], device="cpu"))
"""


def test_a_killed_driver_loses_no_round_and_leaves_no_task(study, cluster, workers, tmp_path):
    study = replace(study, stop=StoppingRule(None, max_epochs=40))  # long enough to be killed in between
    local = results(run_study(study, tmp_path / "local", execution=ONE))
    (tmp_path / "run.py").write_text(DRIVER)
    (tmp_path / "study.toml").write_text((tmp_path / "local" / "study.toml").read_text())
    directory = tmp_path / "results"
    with subprocess.Popen([sys.executable, "run.py", f"ray:{cluster.address}"], cwd=tmp_path) as process:
        deadline = time.monotonic() + 100
        while (
            not (has_study(directory) and read_study(directory).rounds)
            and process.poll() is None
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        process.kill()
    stored = len(read_study(directory).rounds)
    assert 0 < stored < len(local)
    # It is resumed in another process, for which the only core must have become free.
    found = run_study(study, tmp_path / "results", workers=workers)
    assert results(found) == local
    store = TrialStore(directory)
    runs = [run for key in store.stored_keys() for run in store.read(key).runs]
    assert len({run["created"] for run in runs}) == 2


def test_a_trial_that_is_lost_again_and_again_ends_the_study(study, workers, tmp_path, monkeypatch):
    monkeypatch.setattr("warmstart.executors._ray._LOSSES", 2)
    deadly = replace(study, architecture=UserModel(f"{MODULE}:deadly"))
    with pytest.raises(
        RuntimeError, match=r"^cold, seed 0 was lost 2 times in a row without progress .* if memory ran out"
    ):
        run_study(deadly, tmp_path, workers=workers)


def test_an_error_on_a_node_comes_back_with_its_text(study, workers, tmp_path):
    broken = replace(study, architecture=UserModel(f"{MODULE}:broken"))
    with pytest.raises(RuntimeError, match=r"^OSError: broken on a node$"):
        run_study(broken, tmp_path, workers=workers)
    assert read_study(tmp_path).rounds == ()


def test_an_interrupt_frees_the_cluster(study, workers, tmp_path):
    """The only core is held by a trial that waits for ever, until the interrupt ends it."""
    gated = replace(study, architecture=UserModel(f"{MODULE}:gated"), arms=[Warm()], seeds=1)

    def interrupt(event):
        if isinstance(event, RoundRecord):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(gated, tmp_path / "interrupted", workers=workers, listener=interrupt)
    assert [record.round for record in read_study(tmp_path / "interrupted").rounds] == [1]
    assert run_study(study, tmp_path / "next", workers=workers).rounds
    assert ray.is_initialized()


SCRIPT = """
from dataclasses import replace
from torch import nn
import ray
import warmstart as ws
from warmstart.executors import Execution

def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

study = ws.Study([ws.Cold()], architecture=ws.UserModel("__main__:net"), stream=ws.TwoPhase(),
                 stop=ws.StoppingRule(max_epochs=1), seeds=1)
here = ws.run_study(study, "here", execution=Execution(workers=1, device="cpu"))
there = ws.run_study(study, "there", execution=Execution(executor="ray:local", device="cpu"))
same = [replace(record, seconds=0) for record in here.rounds] == [replace(record, seconds=0) for record in there.rounds]
print(len(there.rounds), same, ray.is_initialized())
"""


def test_a_model_of_the_script_travels_and_a_cluster_of_ones_own_ends(tmp_path):
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "error", "run.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2 True False\n", "")
