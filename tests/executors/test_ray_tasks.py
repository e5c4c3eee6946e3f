"""Tasks on Ray, with an object in place of the cluster: what is sent along, what a loss costs."""

import platform
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from warmstart.basics import InputError, StorageError
from warmstart.executors import Execution, Workers, _ray, _ray_cluster
from warmstart.executors._answers import Ended, Failure, Sent
from warmstart.executors._ray_task import TaskPayload, run_remotely

pytestmark = pytest.mark.timeout(60)


@dataclass(frozen=True)
class Count:
    """A task that counts up to a number, and keeps in a file how far it has come."""

    name: str
    limit: int
    done: int = 0

    def __str__(self):
        return f"count {self.name}"

    @property
    def files(self) -> tuple[str, ...]:
        return (f"counts/{self.name}-{self.done}",) if self.done else ()


class Counting:
    def __init__(self, fail=None):
        self.fail = fail

    def steps(self, task, directory, device, emit):
        yield None
        if self.fail is not None:
            self.fail(directory)
        found = int((directory / task.files[0]).read_text()) if task.done else 0
        assert found == task.done
        for number in range(task.done + 1, task.limit + 1):
            finished = replace(task, done=number)
            emit(f"{task} begins {number}")
            (directory / finished.files[0]).parent.mkdir(exist_ok=True)
            (directory / finished.files[0]).write_text(str(number))
            emit(finished)

    def remaining(self, task, message):
        return message if isinstance(message, Count) else task

    @contextmanager
    def shared(self, directory):
        pytest.fail("Ray shares the runner itself")


class LostError(Exception):
    pass


class Cluster:
    """Stands in for the module ``ray``: tasks are performed here, and lost after as many answers as ``losses`` says."""

    def __init__(self, losses=()):
        self.losses, self.started, self.cancelled = list(losses), [], []
        self.exceptions = SimpleNamespace(RayError=LostError, RayTaskError=KeyError, WorkerCrashedError=LostError)

    def remote(self, **_):
        return lambda function: SimpleNamespace(remote=lambda payload, runner: self._start(function(payload, runner)))

    def _start(self, answers):
        lasts = self.losses.pop(0) if self.losses else None

        def stream():
            for number, answer in enumerate(answers):
                yield LostError() if number == lasts else answer

        self.started.append(stream())
        return self.started[-1]

    def get(self, found):
        if isinstance(found, Exception):
            raise found
        return found

    def put(self, value):
        return value

    def wait(self, streams, *, timeout):
        return streams[:1], streams[1:]

    def cancel(self, stream, *, force):
        self.cancelled.append(stream)


@pytest.fixture
def nodes():
    return [{"Resources": {"CPU": 2.0}}]


@pytest.fixture
def on_cluster(monkeypatch, nodes):
    """A function that returns a simulated cluster, given its losses, and workers on it."""
    for module in (_ray, _ray_cluster):
        monkeypatch.setattr(module, "alive", lambda: nodes)
    monkeypatch.setattr(_ray, "connect", lambda _: False)

    def made(*losses):
        cluster = Cluster(losses)
        monkeypatch.setattr(_ray, "ray_module", lambda: cluster)
        return cluster, Workers(Execution(executor="ray", device="cpu"))

    return made


def counted(workers, tasks, directory, runner=None, more=None):
    messages = []

    def handle(message):
        if isinstance(message, Count):  # whose file is there by now
            assert (directory / message.files[0]).read_text() == str(message.done)
        messages.append(message)
        return [] if more is None else more(message)

    workers.perform(tasks, runner or Counting(), directory=directory, handle=handle)
    return messages


def test_files_come_with_their_messages(on_cluster, tmp_path):
    _, workers = on_cluster()
    messages = counted(workers, [Count("a", 2), Count("b", 1)], tmp_path)
    assert [m for m in messages if isinstance(m, Count)] == [Count("a", 2, 1), Count("b", 1, 1), Count("a", 2, 2)]
    assert sorted(path.name for path in (tmp_path / "counts").iterdir()) == ["a-1", "a-2", "b-1"]
    assert workers.described == {"executor": "ray", "nodes": 1}


def test_tasks_that_become_possible_come_next(on_cluster, tmp_path):
    _, workers = on_cluster()
    workers._others._limit = 1

    def more(message):
        return [Count("c", 1)] if message == Count("a", 1, 1) else []

    messages = counted(workers, [Count("a", 1), Count("b", 1)], tmp_path, more=more)
    assert [message.name for message in messages if isinstance(message, Count)] == ["a", "c", "b"]


@pytest.mark.parametrize(("losses", "repeated"), [([1], 1), ([2], 0), ([3], 1), ([0, 0, 3], 1)])
def test_a_lost_task_is_resumed_after_its_last_message_that_counts(on_cluster, tmp_path, losses, repeated):
    cluster, workers = on_cluster(*losses)
    messages = counted(workers, [Count("a", 3)], tmp_path)
    assert [message.done for message in messages if isinstance(message, Count)] == [1, 2, 3]
    assert sum("begins" in str(message) for message in messages) == 3 + repeated
    lost = [message for message in messages if "lost" in str(message)]
    assert lost == len(losses) * ["count a: its node was lost (LostError), it is resumed on another"]
    assert len(cluster.started) == len(losses) + 1


def test_a_task_that_is_lost_without_progress_again_and_again_ends_the_run(on_cluster, tmp_path):
    _, workers = on_cluster(*(4 * [0]), 2, *(5 * [1]))  # after four losses it makes progress, and is counted anew
    with pytest.raises(RuntimeError, match=r"^count a was lost 5 times in a row .*\(at last: LostError\)\. What is"):
        counted(workers, [Count("a", 9)], tmp_path)


def test_a_stream_that_ends_without_a_word_is_a_loss(on_cluster, tmp_path):
    cluster, workers = on_cluster()
    cluster.remote = lambda **_: lambda _: SimpleNamespace(remote=lambda *_: iter(()))
    with pytest.raises(RuntimeError, match="was lost 5 times"):
        counted(workers, [Count("a", 1)], tmp_path)


def test_a_failure_cancels_the_other_tasks(on_cluster, tmp_path):
    def fail(_):
        raise InputError("width must be even, got 3.")

    cluster, workers = on_cluster()
    with pytest.raises(InputError, match=r"^width must be even, got 3\.$"):
        counted(workers, [Count("a", 1), Count("b", 1)], tmp_path, Counting(fail))
    assert cluster.cancelled == cluster.started[1:]


def test_a_node_that_cannot_begin_is_reported(on_cluster, tmp_path):
    cluster, workers = on_cluster()
    cause = ModuleNotFoundError("No module named 'warmstart'\nand more")
    error = type("RayTaskError", (LostError,), {"cause": cause})
    cluster.exceptions.RayTaskError = error
    cluster.remote = lambda **_: lambda _: SimpleNamespace(remote=lambda *_: iter([error()]))
    with pytest.raises(RuntimeError, match=r"\(ModuleNotFoundError: No module named 'warmstart'\); warmstart must be"):
        counted(workers, [Count("a", 1)], tmp_path)


def test_without_a_place_one_task_waits_and_that_is_said_once(on_cluster, nodes, tmp_path):
    _, workers = on_cluster()
    nodes.clear()
    messages = counted(workers, [Count("a", 1), Count("b", 1)], tmp_path)
    assert sum("waiting for one" in str(message) for message in messages) == 1
    assert sum(isinstance(message, Count) for message in messages) == 2


def test_a_directory_that_cannot_be_written_is_a_storage_error(on_cluster, tmp_path):
    _, workers = on_cluster()
    (tmp_path / "counts").write_text("in the way")
    with pytest.raises(StorageError, match=r"Results cannot be stored in .*counts"):
        workers.perform([Count("a", 1)], Counting(), directory=tmp_path, handle=lambda _: [])


def answers(runner, **options):
    start = TaskPayload(Count("a", 1), {}, "results/mine", "cpu", 1)
    return list(run_remotely(replace(start, **options), runner))


def test_a_node_sends_files_once_and_keeps_nothing():
    seen = []
    begun, counted_, ended = answers(Counting(seen.append))
    assert begun == Sent("count a begins 1")
    assert counted_ == Sent(Count("a", 1, 1), {"counts/a-1": b"1"})
    assert ended == Ended()
    assert not seen[0].exists()


def test_what_is_said_of_a_file_on_a_node_is_said_of_the_one_at_home():
    def fail(folder):
        raise InputError(f"{folder / 'round'} is damaged.")

    (failed,) = answers(Counting(fail))
    assert (failed.kind, failed.text) == (InputError, f"{Path('results/mine/round')} is damaged.")


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            StorageError("The disk is full."),
            StorageError,
            "The disk is full. This was on NODE, where the task was perf",
        ),
        (OSError("broken"), RuntimeError, "OSError: broken"),
        (SystemExit(3), RuntimeError, "SystemExit: 3"),
    ],
)
def test_whatever_a_task_raises_ends_it(error, kind, text):
    def fail(_):
        raise error

    (failed,) = answers(Counting(fail))
    assert isinstance(failed, Failure)
    assert failed.kind is kind
    assert failed.text.startswith(text.replace("NODE", platform.node()))
    assert "in fail" in failed.trace


def test_a_module_that_a_node_lacks_is_said_to_be_needed_there():
    def fail(_):
        try:
            raise ModuleNotFoundError("No module named 'mine'")
        except ImportError as error:
            raise InputError("model 'mine:net' cannot be imported.") from error

    (failed,) = answers(Counting(fail))
    assert failed.text.startswith("model 'mine:net' cannot be imported. This was on ")
    assert failed.text.endswith("on Ray, the module must be importable on every node.")
