"""Ray without a cluster: what is refused, what travels, what a node answers."""

import os
import platform
import sys
from dataclasses import replace

import pytest
from filelock import FileLock
from safetensors.torch import load
from torch.testing import assert_close

from warmstart.basics import InputError, StorageError
from warmstart.data import load as load_data
from warmstart.executors import EpochMessage, Execution, Workers
from warmstart.executors import _ray_cluster as cluster
from warmstart.executors._ray_scratch import scratch_folder
from warmstart.executors._ray_task import (
    Ended,
    Failed,
    Sent,
    TaskPayload,
    run_remotely,
    versions,
)
from warmstart.executors._task import RoundMessage, Task, checkpoint_folder
from warmstart.models import UserModel
from warmstart.store._checkpoint import save_content
from warmstart.strategies import Warm
from warmstart.studies import run_study
from warmstart.studies._run import _arrays

NOWHERE = "ray:127.0.0.1:1"  # nothing listens at a privileged port that is nobody's


@pytest.mark.parametrize("executor", ["rays", "Ray", "processes:4", "", "ray:", "ray:head", "ray:head:6379/x"])
def test_an_unknown_executor_is_one_sentence(executor):
    with pytest.raises(InputError, match=r"^[^.]* must be [^.]*, got '.*'\.$"):
        Execution(executor=executor)


def test_a_ray_client_is_refused_with_its_reason():
    with pytest.raises(InputError, match=r"start the study on a machine of the cluster"):
        Execution(executor="ray:ray://head:10001")


def test_on_ray_the_cluster_settles_what_is_automatic():
    execution = Execution(executor="ray")
    assert (execution.device, execution.workers) == ("auto", None)
    with pytest.raises(InputError, match=r"device must be auto, cpu or cuda on Ray"):
        Execution(executor="ray", device="cuda:1")


def test_without_ray_one_sentence_names_the_extra(study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"executor=ray needs 'ray'.*warmstart\[ray\]"):
        run_study(study, tmp_path / "study", execution=Execution(executor="ray"))
    assert not (tmp_path / "study").exists()


def test_without_a_cluster_nothing_is_written(study, tmp_path):
    pytest.importorskip("ray", reason="Ray is an extra")
    with pytest.raises(InputError, match=r"must name a running Ray cluster .* none can be used at 127.0.0.1:1 \("):
        run_study(study, tmp_path / "study", execution=Execution(executor=NOWHERE))
    assert not (tmp_path / "study").exists()


def test_the_variable_for_the_address_is_checked_too(monkeypatch):
    pytest.importorskip("ray", reason="Ray is an extra")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(InputError, match=r"^RAY_ADDRESS must be HOST:PORT"):
        Workers(Execution(executor="ray"))


def on_nodes(monkeypatch, *resources):
    monkeypatch.setattr(cluster, "alive", lambda: [{"Resources": found} for found in resources])


@pytest.mark.parametrize(
    ("device", "threads", "found"),
    [("auto", 1, ("cuda", 2)), ("cuda", 4, ("cuda", 1)), ("cpu", 4, ("cpu", 4)), ("cpu", 8, ("cpu", 1))],
)
def test_the_nodes_decide_the_device_and_the_places(monkeypatch, device, threads, found):
    on_nodes(monkeypatch, {"CPU": 4.0, "GPU": 2.0}, {"CPU": 15.0}, {"memory": 1e9})
    execution = cluster.settled(Execution(executor="ray", device=device, threads=threads))
    assert (execution.device, execution.workers) == found


def test_a_chosen_number_of_workers_stays(monkeypatch):
    on_nodes(monkeypatch, {"CPU": 4.0})
    assert cluster.settled(Execution(executor="ray", workers=9)).workers == 9


def test_what_no_node_has_is_refused_rather_than_waited_for(monkeypatch):
    on_nodes(monkeypatch, {"CPU": 4.0}, {"CPU": 2.0})
    with pytest.raises(InputError, match=r"device must be cpu or auto where no node"):
        cluster.settled(Execution(executor="ray", device="cuda"))
    with pytest.raises(InputError, match=r"threads must be at most .* 4, got 5"):
        cluster.settled(Execution(executor="ray", threads=5))


def parcel(study, **options):
    """Return a whole trial as it travels to a node."""
    label = study.labels[0]
    task = Task(label, study.trial(label, 0), study.evaluation, checkpoint_folder(label, 0))
    start = TaskPayload(task, None, "results/mine", "cpu", 1, versions(), None)
    return replace(start, **options)


def answers(study, sent):
    return list(run_remotely(sent, _arrays(load_data(study.data), None)))


def rounds_of(told):
    found = [sent.message for sent in told if isinstance(sent, Sent)]
    return [message for message in found if isinstance(message, RoundMessage)]


def test_a_node_tells_every_round_with_its_checkpoint_and_then_its_end(study):
    told = answers(study, parcel(study))
    assert [message.record.round for message in rounds_of(told)] == [1, 2, 3]
    assert all(isinstance(sent.message, EpochMessage) or sent.checkpoint for sent in told[:-1])
    assert isinstance(told[-1], Ended)


def test_a_node_goes_on_from_the_checkpoint_that_came_along(study):
    study = replace(study, arms=[Warm()])
    whole = [sent for sent in answers(study, parcel(study)) if rounds_of([sent])]
    first = whole[0]
    task = replace(parcel(study).task, done=1, checkpoint=first.message.checkpoint)
    rest = [sent for sent in answers(study, parcel(study, task=task, checkpoint=first.checkpoint)) if rounds_of([sent])]
    for again, before in zip(rest, whole[1:], strict=True):  # not by bytes: files order their names at random
        assert_close(load(again.checkpoint), load(before.checkpoint), rtol=0, atol=0)
    seconds = [replace(message.record, seconds=0) for message in rounds_of(rest)]
    assert seconds == [replace(message.record, seconds=0) for message in rounds_of(whole)[1:]]


def test_a_damaged_checkpoint_is_told_by_its_place_at_home(study):
    task = replace(parcel(study).task, done=1, checkpoint="checkpoints/round-0001.safetensors")
    (failed,) = answers(study, parcel(study, task=task, checkpoint=b"half"))
    assert isinstance(failed.error, InputError)
    assert "The checkpoint results/mine/checkpoints/round-0001.safetensors cannot be read" in str(failed.error)


def test_a_node_with_another_version_is_refused(study):
    (failed,) = answers(study, parcel(study, versions=versions() | {"torch": "1.0"}))
    assert isinstance(failed, Failed)
    assert str(failed.error).startswith("Every node of the Ray cluster must have torch 1.0, ")


def test_a_model_that_a_node_lacks_is_said_to_be_needed_there(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lacking = replace(study, architecture=UserModel("nowhere_to_be_found:build"))
    (failed,) = answers(study, parcel(lacking))
    assert isinstance(failed.error, InputError)
    assert str(failed.error).endswith("on Ray, the module must be importable on every node.")


def test_a_checkpoint_is_written_whole(tmp_path):
    path = tmp_path / "deep" / "round.safetensors"
    save_content(b"one", path)
    save_content(b"two", path)
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def left_folder(place, name, *, locked=True):
    folder = place / f"warmstart-ray-{name}"
    folder.mkdir()
    (folder / "round.safetensors").write_bytes(b"left")
    if locked:
        (folder / ".lock").touch()
    os.utime(folder, (0, 0))
    return folder


def test_what_killed_processes_left_on_a_node_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, used = left_folder(tmp_path, "left_0_x"), left_folder(tmp_path, "used_0_x")
    foreign = {
        left_folder(tmp_path, "results"),
        left_folder(tmp_path, "my_files", locked=False),
        tmp_path / "warmstart",
    }
    (tmp_path / "warmstart").mkdir()
    with FileLock(used / ".lock"):
        os.utime(used, (0, 0))
        with scratch_folder() as own, scratch_folder() as neighbour:
            assert set(tmp_path.iterdir()) == {used, own, neighbour} | foreign
    assert not left.exists()
    assert set(tmp_path.iterdir()) == {used} | foreign


def test_a_node_without_room_says_which_it_is(study, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    (failed,) = answers(study, parcel(study))
    assert isinstance(failed.error, StorageError)
    assert "cannot be stored in /nowhere" in str(failed.error)
    assert str(failed.error).endswith(f"This was on {platform.node()}, where the trial was finished.")
