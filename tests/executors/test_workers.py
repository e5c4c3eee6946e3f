"""Worker processes: they serve one study after another, and whatever happens to them is reported truthfully."""

import importlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest
from numpy.random.mtrand import get_bit_generator

from runners import die, performed
from runs import ONE, TWO, group_ends, interrupt, results
from warmstart.basics import InputError, StorageError
from warmstart.executors import Execution, Workers, _pool
from warmstart.strategies import Warm
from warmstart.studies import read_study, run_study

pytestmark = pytest.mark.timeout(200)
SAFE = "What is stored is safe: run the same command again to resume."


@pytest.fixture(scope="module")
def workers():
    """Two workers for all tests: after a failure they are replaced."""
    with Workers(TWO) as found:
        yield found


@pytest.fixture(params=["here", "lanes", "processes"])
def any_workers(request, workers):
    if request.param == "processes":
        yield workers
    else:
        with Workers(ONE if request.param == "here" else Execution(device="cpu", lanes=2)) as found:
            yield found


def test_every_task_is_performed_and_those_that_a_message_makes_possible_come_next(any_workers, tmp_path):
    def follow(message):
        return [lambda emit: emit("followed")] if message == "first" else []

    tasks = [lambda emit, n=n: emit(n) for n in ("first", 2, 3, 4, 5)]
    messages = performed(any_workers, tasks, tmp_path, handle=follow)
    assert sorted(messages, key=str) == [2, 3, 4, 5, "first", "followed"]
    assert messages.index("followed") < messages.index(5)


def test_no_tasks_start_nothing(tmp_path):
    with Workers(TWO) as found:
        assert performed(found, [], tmp_path) == []


def test_tasks_run_side_by_side_in_two_processes_of_their_own(workers, tmp_path):
    def meet(emit):
        emit(os.getpid())
        while len(list(tmp_path.iterdir())) < 2:
            (tmp_path / str(os.getpid())).touch()
            time.sleep(0.01)

    pids = performed(workers, [meet, meet], tmp_path)
    assert len({*pids, os.getpid()}) == 3


def test_workers_are_kept_from_one_perform_to_the_next(workers, tmp_path):
    first, second = (set(performed(workers, 4 * [lambda emit: emit(os.getpid())], tmp_path)) for _ in range(2))
    assert first & second


@pytest.mark.parametrize("size", [0, 10**6])
def test_a_worker_killed_at_any_moment_ends_the_run_with_its_reason(workers, tmp_path, size):
    """Also in the middle of a message that the pipe cannot hold."""

    def flood(emit):
        while True:
            emit((os.getpid(), bytes(size)))

    moments = random.Random(size)
    for _ in range(20):
        with pytest.raises(RuntimeError, match=r"^A worker died: killed by signal SIGKILL while running ") as caught:
            performed(workers, [flood, flood], tmp_path, handle=killing_after(moments.uniform(0, 0.05)))
        assert str(caught.value).endswith(SAFE)


def killing_after(seconds):
    """Handle messages so that the first worker that sends one is killed after a moment, while others are received."""
    timers = []

    def handle(message):
        if not timers:
            timers.append(threading.Timer(seconds, os.kill, (message[0], signal.SIGKILL)))
            timers[0].start()

    return handle


def test_a_worker_that_dies_before_it_says_anything(workers, tmp_path):
    with pytest.raises(RuntimeError, match=r"killed by signal SIGSEGV while running .*lambda"):
        performed(workers, [lambda _: os.kill(os.getpid(), signal.SIGSEGV)], tmp_path)


def test_a_worker_killed_while_idle_is_replaced(workers, tmp_path):
    (pid,) = performed(workers, [lambda emit: emit(os.getpid())], tmp_path)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    (other,) = performed(workers, [lambda emit: emit(os.getpid())], tmp_path)
    assert other != pid


def test_memory_is_blamed_only_where_the_system_says_so(workers, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError, match=r"; if memory ran out, use fewer workers") as caught:
        performed(workers, [die], tmp_path)
    assert "probably" not in str(caught.value)
    counts = iter([3, 4])
    monkeypatch.setattr(_pool, "memory_kills", lambda: next(counts))
    with pytest.raises(RuntimeError, match=r", probably out of memory: use fewer workers\. What is stored"):
        performed(workers, [die], tmp_path)


def test_the_systems_count_of_memory_kills_is_read_from_its_own_group(monkeypatch):
    files = {"/proc/self/cgroup": "4:memory:/x\n0::/job/7\n", "/proc/vmstat": "nr_free 9\noom_kill 2\n"}

    def read(path):
        try:
            return files[str(path)]
        except KeyError:
            raise FileNotFoundError from None

    monkeypatch.setattr(Path, "read_text", read)
    assert _pool.memory_kills() == 2
    files["/sys/fs/cgroup/job/7/memory.events"] = "oom 1\noom_kill 5\n"
    assert _pool.memory_kills() == 5
    files.clear()
    assert _pool.memory_kills() == 0


def test_the_exit_code_of_a_worker_is_reported(workers, tmp_path):
    with pytest.raises(RuntimeError, match=r"^A worker died: exited with code 7 while running .*\. What is stored"):
        performed(workers, [lambda _: os._exit(7)], tmp_path)
    with pytest.raises(RuntimeError, match=r"^SystemExit: 7$"):
        performed(workers, [lambda _: sys.exit(7)], tmp_path)


def test_a_child_of_a_worker_does_not_hide_its_death(workers, tmp_path):
    def fork_and_die(emit):
        child = os.fork()
        if child == 0:
            time.sleep(100)
            os._exit(0)
        emit(child)
        os.kill(os.getpid(), signal.SIGKILL)

    children, begun = [], time.monotonic()
    with pytest.raises(RuntimeError, match="SIGKILL"):
        performed(workers, [fork_and_die], tmp_path, handle=children.append)
    assert time.monotonic() - begun < 90
    os.kill(children[0], signal.SIGKILL)


@pytest.mark.parametrize("kind", [InputError, StorageError])
def test_errors_of_ours_come_back_as_they_are(any_workers, tmp_path, kind):
    def fail(_):
        raise kind("width must be even, got 3.")

    with pytest.raises(kind, match=r"^width must be even, got 3\.$"):
        performed(any_workers, [fail], tmp_path)


def test_an_exception_that_cannot_be_pickled_comes_back_with_its_text_and_traceback(workers, tmp_path):
    class PickyError(Exception):
        def __init__(self, what, where):
            super().__init__(f"{what} {where}")
            self.lock = threading.Lock()

    def somewhere_deep(_):
        raise PickyError("broken in", "training")

    with pytest.raises(RuntimeError, match=r"^PickyError: broken in training$") as caught:
        performed(workers, [somewhere_deep], tmp_path)
    assert "in somewhere_deep" in str(caught.value.__cause__)


def test_an_exception_that_cannot_be_shown_is_named(workers, tmp_path):
    class SilentError(Exception):
        def __str__(self):
            raise ValueError

    def fail(_):
        raise SilentError

    with pytest.raises(RuntimeError, match=r"^SilentError: <exception str\(\) failed>$"):
        performed(workers, [fail], tmp_path)


def test_what_cannot_be_pickled_is_refused_with_a_way_out(workers, tmp_path):
    lock = threading.Lock()
    with pytest.raises(InputError, match=r"^workers must be 1 for what cannot be sent .* got 2 \(TypeError: .*lock"):
        performed(workers, [lambda _: lock.acquire()], tmp_path)
    with pytest.raises(RuntimeError, match=r"^TypeError: .*lock"):
        performed(workers, [lambda emit: emit(threading.Lock())], tmp_path)


def test_what_a_worker_cannot_import_is_said(workers, tmp_path, monkeypatch):
    ghost = types.ModuleType("ghost")
    exec("def task(emit): emit(1)", vars(ghost))
    monkeypatch.setitem(sys.modules, "ghost", ghost)
    with pytest.raises(InputError, match=r"^workers must be 1 for .* \(ModuleNotFoundError: No module named 'ghost'\)"):
        performed(workers, [ghost.task], tmp_path)


def test_modules_of_the_parents_path_and_folder_are_found(workers, tmp_path, monkeypatch):
    (tmp_path / "mine_in_a_folder.py").write_text("def task(emit):\n    emit('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    module = importlib.import_module("mine_in_a_folder")
    assert set(performed(workers, [module.task, lambda emit: emit(Path.cwd())], tmp_path)) == {"imported", tmp_path}


def test_global_draws_differ_between_workers_and_threads_are_those_asked_for(workers, tmp_path):
    def draw(emit):
        import torch

        emit((get_bit_generator().state["state"]["key"].tolist(), random.random(), torch.get_num_threads()))
        (tmp_path / str(os.getpid())).touch()
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)

    one, two = performed(workers, [draw, draw], tmp_path)
    assert one[0] != two[0]
    assert one[1] != two[1]
    assert one[2] == two[2] == 1


def test_workers_see_the_arguments_of_the_parent(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mine.py", "--width", "8"])
    assert performed(workers, [lambda emit: emit(sys.argv)], tmp_path) == [["mine.py", "--width", "8"]]


def test_interrupts_are_the_parents_to_act_on(workers, tmp_path):
    def interrupted(emit):
        os.kill(os.getpid(), signal.SIGINT)
        emit("unmoved")

    assert performed(workers, [interrupted], tmp_path) == ["unmoved"]


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def server_of(workers):
    return workers._others._starter._process.pid


def test_a_killed_server_takes_its_workers_along_and_is_replaced(tmp_path):
    def hold(emit):
        emit(os.getpid())
        time.sleep(100)

    with Workers(TWO) as found:
        killed = []

        def kill_server(message):
            killed.extend([message, server_of(found)])
            os.kill(server_of(found), signal.SIGKILL)

        with pytest.raises(RuntimeError, match=r"^A worker died: the connection to it was lost while running "):
            performed(found, [hold], tmp_path, handle=kill_server)
        assert performed(found, [lambda emit: emit(1)], tmp_path) == [1]
        assert killed[1] != server_of(found)
        assert ends(killed[0])


def ends(pid):
    """Whether a process is gone, or waits only for whoever is its parent now to notice."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_nothing_is_left_of_closed_workers_and_of_failed_ones(tmp_path):
    before = set(children_of(os.getpid()))
    with Workers(TWO) as found:
        server, pids = server_of(found), performed(found, 2 * [lambda emit: emit(os.getpid())], tmp_path)
        with pytest.raises(RuntimeError, match="SIGKILL"):
            performed(found, [die], tmp_path)
        assert children_of(server) == []
        pids += performed(found, [lambda emit: emit(os.getpid())], tmp_path)
    assert set(children_of(os.getpid())) <= before
    assert not [pid for pid in (server, *pids) if Path(f"/proc/{pid}").exists()]


def test_workers_run_what_was_registered_for_their_end(tmp_path):
    def register(emit):
        import atexit

        atexit.register((tmp_path / "ended").touch)

    with Workers(TWO) as found:
        performed(found, [register], tmp_path)
    assert (tmp_path / "ended").exists()


def test_what_prevents_the_start_is_reported(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('no library of that name')")
    monkeypatch.syspath_prepend(tmp_path)
    with (
        Workers(TWO) as found,
        pytest.raises(RuntimeError, match=r"^Workers cannot be started \(ImportError: no library of that name\)\.$"),
    ):
        performed(found, [print], tmp_path)


@pytest.mark.slow
def test_where_nothing_can_be_forked_workers_are_spawned(tmp_path, monkeypatch):
    monkeypatch.setattr(_pool, "CAN_FORK", False)
    before = set(children_of(os.getpid()))
    with Workers(TWO) as found:
        assert len(set(performed(found, 2 * [lambda emit: emit((os.getpid(), time.sleep(1)))], tmp_path))) == 2
        with pytest.raises(RuntimeError, match="killed by signal SIGKILL"):
            performed(found, [die], tmp_path)
        with pytest.raises(RuntimeError, match="exited with code 7"):
            performed(found, [lambda _: os._exit(7)], tmp_path)
        assert performed(found, [lambda emit: emit(bytes(10**6))], tmp_path) == [bytes(10**6)]
    left = set(children_of(os.getpid())) - before
    assert all(b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left)


SCRIPT = """
import os, sys, time
from contextlib import contextmanager
from pathlib import Path
from torch import nn
from warmstart.executors import Execution, Workers
from warmstart.models import LogisticRegression, UserModel
from warmstart.strategies import Cold
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import StoppingRule
print("the script runs", flush=True)
FACTOR = 2

class Task:
    def __init__(self, number):
        self.number = number

class Mine:
    def steps(self, task, directory, device, emit):
        emit(doubled(task))
        yield None
    def remaining(self, task, message):
        return task
    @contextmanager
    def shared(self, directory):
        yield self

def doubled(task):
    return Task(FACTOR * task.number)

def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))

heard = []
options = {"stream": TwoPhase(), "stop": StoppingRule(max_epochs=1), "seeds": 1}
with Workers(Execution(workers=2, device="cpu")) as workers:
    for name, model in {"known": LogisticRegression(), "mine": UserModel("__main__:net"), "again": None}.items():
        study = Study([Cold()], architecture=model or LogisticRegression(), **options)
        records = run_study(study, name, workers=workers)
    workers.perform([Task(1), Task(2)], Mine(), directory=Path(), handle=lambda found: heard.append(found) or [])

print(sorted(task.number for task in heard), {type(task) is Task for task in heard})
"""
# An interactive interpreter ends a block at an empty line, and shows the value of each line.
TYPED = SCRIPT.replace(
    "=workers)\n    workers", "=workers)\n\nwith Workers(Execution(workers=2, device='cpu')) as workers:\n    workers"
)


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [(["run.py"], None), (["-"], SCRIPT), (["-c", SCRIPT], None), (["-i", "-q"], TYPED)],
    ids=["script", "standard input", "command", "interactive"],
)
def test_what_a_script_without_a_guard_or_a_notebook_defines_is_there_in_workers(tmp_path, arguments, typed):
    (tmp_path / "run.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, cwd=tmp_path, input=typed, check=False, capture_output=True, text=True, timeout=190)
    assert done.stdout.splitlines() == ["the script runs", "[2, 4] {True}"], done.stderr
    assert done.stderr.replace(">>> ", "").replace("... ", "").strip() == ""
    known, mine, again = (results(read_study(tmp_path / name)) for name in ("known", "mine", "again"))
    assert len(mine) == 2
    assert known == again != mine


ABANDONED = """
import time
from pathlib import Path
from runners import Calling
from warmstart.executors import Execution, Workers
workers = Workers(Execution(workers=2, device="cpu"))
def hold(emit):
    emit(1)
    time.sleep(SECONDS)
def told(_):
    print("told", flush=True)
    return []
workers.perform([hold, hold], Calling(), directory=Path(), handle=told)
"""


@pytest.mark.parametrize("number", [None, signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_parent_even_where_nobody_closed_them(tmp_path, number):
    code = ABANDONED.replace("SECONDS", "0.1" if number is None else "100")
    code = f"import sys\nsys.path.append({str(Path(__file__).parents[1])!r})\n{code}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, start_new_session=True, **pipes) as running:
        assert running.stdout.readline() == "told\n"
        if number is not None:
            os.kill(running.pid, number)
        _, said = running.communicate(timeout=100)
    assert said == ""
    assert group_ends(running.pid)


def test_what_a_failed_study_left_under_way_does_not_reach_the_next(study, tmp_path):
    other = replace(study, arms=[Warm()], seeds=1)
    with Workers(TWO) as workers:
        interrupt(study, tmp_path / "failed", 1, workers=workers)
        found = run_study(other, tmp_path / "other", workers=workers)
    assert results(found) == results(run_study(other, tmp_path / "alone", execution=ONE))
    assert len(read_study(tmp_path / "failed").rounds) == 1
