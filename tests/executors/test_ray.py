"""Ray without a cluster: what is refused, what travels, what a node answers."""

import os
import platform
import sys
from dataclasses import replace

import pytest
from filelock import FileLock
from safetensors.torch import load
from torch.testing import assert_close

from runs import arrays_of
from warmstart.basics import InputError, StorageError
from warmstart.data import load as load_data
from warmstart.executors import Execution, Workers
from warmstart.executors import _ray_cluster as cluster
from warmstart.executors._answers import Ended, Failure, Sent
from warmstart.executors._ray_scratch import scratch_folder
from warmstart.executors._ray_task import TaskPayload, package_versions, run_remotely
from warmstart.models import UserModel
from warmstart.store import checkpoint_file
from warmstart.strategies import Warm
from warmstart.studies import EpochMessage, run_study
from warmstart.studies._runner import RoundMessage, Task, TrialRunner

NOWHERE = "ray:127.0.0.1:1"  # nothing listens at a privileged port that is nobody's


@pytest.mark.parametrize("executor", ["rays", "Ray", "processes:4", "", "ray:", "ray:head", "ray:head:6379/x"])
def test_an_unknown_executor_is_one_sentence(executor):
    with pytest.raises(InputError, match=r"^[^.]* must be [^.]*, got '.*'\.$"):
        Execution(executor=executor)


def test_a_ray_client_is_refused_with_its_reason():
    with pytest.raises(InputError, match=r"start the study on a machine of the cluster"):
        Execution(executor="ray:ray://head:10001")


def test_on_ray_the_cluster_resolves_what_is_automatic():
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
    execution = cluster.resolved(Execution(executor="ray", device=device, threads=threads))
    assert (execution.device, execution.workers) == found


def test_a_chosen_number_of_workers_stays(monkeypatch):
    on_nodes(monkeypatch, {"CPU": 4.0})
    assert cluster.resolved(Execution(executor="ray", workers=9)).workers == 9


def test_what_no_node_has_is_refused_rather_than_waited_for(monkeypatch):
    on_nodes(monkeypatch, {"CPU": 4.0}, {"CPU": 2.0})
    with pytest.raises(InputError, match=r"device must be cpu or auto where no node"):
        cluster.resolved(Execution(executor="ray", device="cuda"))
    with pytest.raises(InputError, match=r"threads must be at most .* 4, got 5"):
        cluster.resolved(Execution(executor="ray", threads=5))


KEY = "0" * 32


def payload(study, **options):
    """Return a whole trial as it travels to a node."""
    label = study.labels[0]
    task = Task(KEY, label, study.trial(label, 0), study.evaluation)
    start = TaskPayload(task, {}, "results/mine", "cpu", 1)
    return replace(start, **options)


def answers(study, sent):
    arrays = arrays_of(load_data(study.data))
    return list(run_remotely(sent, TrialRunner.of(study, arrays, device="cpu", graphs=False)))


def rounds_of(told):
    found = [sent.message for sent in told if isinstance(sent, Sent)]
    return [message for message in found if isinstance(message, RoundMessage)]


def test_a_node_reports_every_round_with_its_checkpoint_and_then_its_end(study):
    told = answers(study, payload(study))
    assert [message.record.round for message in rounds_of(told)] == [1, 2, 3]
    assert all(isinstance(sent.message, EpochMessage) or tuple(sent.files) == sent.message.files for sent in told[:-1])
    assert isinstance(told[-1], Ended)


def test_a_node_resumes_from_the_checkpoint_that_came_along(study):
    study = replace(study, arms=[Warm()])
    whole = [sent for sent in answers(study, payload(study)) if rounds_of([sent])]
    first = whole[0]
    task = replace(payload(study).task, done=1, checkpoint_digest=first.message.checkpoint_digest)
    rest = [sent for sent in answers(study, payload(study, task=task, files=first.files)) if rounds_of([sent])]
    for again, before in zip(rest, whole[1:], strict=True):  # not by bytes: files order their names at random
        assert_close(*(load(*sent.files.values()) for sent in (again, before)), rtol=0, atol=0)
    seconds = [replace(message.record, seconds=0) for message in rounds_of(rest)]
    assert seconds == [replace(message.record, seconds=0) for message in rounds_of(whole)[1:]]


def test_a_damaged_checkpoint_is_reported_with_its_path_in_the_store(study):
    name = checkpoint_file(KEY, 1)
    task = replace(payload(study).task, done=1, checkpoint_digest="0" * 64)
    (failed,) = answers(study, payload(study, task=task, files={name: b"half"}))
    assert failed.kind is InputError
    assert f"The checkpoint results/mine/{name} cannot be read" in failed.text


def test_a_node_with_another_version_is_refused(study):
    (failed,) = answers(study, payload(study, versions=package_versions() | {"torch": "1.0"}))
    assert isinstance(failed, Failure)
    assert failed.text.startswith("Every node of the Ray cluster must have torch 1.0, ")


def test_a_model_that_a_node_lacks_is_said_to_be_needed_there(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lacking = replace(study, architecture=UserModel("nowhere_to_be_found:build"))
    (failed,) = answers(study, payload(lacking))
    assert failed.kind is InputError
    assert failed.text.endswith("on Ray, the module must be importable on every node.")


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
    (failed,) = answers(study, payload(study))
    assert failed.kind is StorageError
    assert "cannot be stored in /nowhere" in failed.text
    assert failed.text.endswith(f"This was on {platform.node()}, where the task was performed.")
