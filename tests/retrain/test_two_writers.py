"""Two commands at the same time: one changes the project, the other is told who does, and readers wait for nobody."""

import os
import platform
import signal
import subprocess
import sys
import time

import pytest

import nights
from warmstart.cli._main import run
from warmstart.retrain import Retrainer
from warmstart.retrain._lock import lock_owner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture
def project(tmp_path):
    """A project with a champion, and an arrival that waits for an update that takes for ever."""
    made = nights.project(tmp_path / "project")
    made.add(nights.arrival(1))
    assert made.update().outcome == "promoted"
    made.add(nights.arrival(2))
    _change(made, "max-epochs = 2\n", FOR_EVER)
    return made


FOR_EVER = 'max-epochs = 1000000\npatience = "none"\ntrain-accuracy = "none"\n'


def _change(project, old, new):
    path = project.directory / "project.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def updating(project):
    """Another process that trains."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "warmstart", "retrain", "update", str(project.directory)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while (owner := lock_owner(project.directory)) is None or project.status().open_round is None:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.2)
    assert owner.pid == process.pid
    yield process
    process.kill()
    process.communicate()


def test_the_second_writer_is_told_and_readers_go_on(project, updating, tmp_path, capsys):
    directory, before = str(project.directory), nights.ledger_content(project.directory)
    nights.arrival(3).to_csv(tmp_path / "3.csv", index=False)
    for command in (["update", directory], ["add", directory, str(tmp_path / "3.csv")], ["rollback", directory]):
        assert run(["retrain", *command]) == 75
        said = capsys.readouterr().err
        assert f"is being updated by process {updating.pid} on {platform.node()} (update) since 2" in " ".join(
            said.split()
        )
    assert nights.ledger_content(project.directory) == before
    assert run(["retrain", "status", directory]) == 0
    assert f"by process {updating.pid}" in " ".join(capsys.readouterr().out.split())
    assert project.champion().round == 1
    assert len(project.predict(nights.arrival(5)[["a", "b", "c"]]).labels) == 120
    # A dead owner's lock is free, though its name is still written there, and its round is resumed.
    updating.send_signal(signal.SIGKILL)
    updating.wait()
    assert lock_owner(project.directory).pid == updating.pid
    _change(project, FOR_EVER, "max-epochs = 2\n")
    assert run(["retrain", "add", directory, str(tmp_path / "3.csv")]) == 0
    done = Retrainer(directory).update()
    assert (done.round, done.outcome) == (2, "promoted")


def test_an_update_that_is_asked_to_end_exits_with_143_and_frees_the_lock(project, updating):
    # Not SIGINT, which a shell has its background jobs ignore, and tests may run in one.
    updating.send_signal(signal.SIGTERM)
    assert updating.wait(60) == 143
    assert lock_owner(project.directory) is None
    assert not list(project.directory.rglob("*.part"))
    assert (project.status().open_round, project.status().champion.round) == (2, 1)


def test_exit_codes_say_what_came_of_a_night(tmp_path):
    made = nights.project(tmp_path / "project", settings={"policy": "warm"})
    update = ["retrain", "update", str(made.directory), "--exit-code"]
    assert run(update) == 99
    made.add(nights.arrival(1))
    assert run(update) == 0
    assert run(update) == 99
    made.pin()
    made.add(nights.arrival(2, 400, flipped=True))
    assert run(update) == 10
    made.promote(made.history()[-1].models[0].id)
    made.unpin()
    made.add(nights.arrival(3, 400))
    # The watch alone changes something: what is trained diverges.
    path = made.directory / "project.toml"
    path.write_text(path.read_text().replace("learning-rate = 0.5", "learning-rate = 1e38"))
    assert run(update) == 11
    assert run([*update[:-1], "--budget", "soon"]) == 2
    assert run(["retrain", "update", str(tmp_path)]) == 2
    (made.directory / "ledger.sqlite").unlink()
    assert run(update) == 1
