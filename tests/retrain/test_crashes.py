"""A crash at any moment: the same command, run again, ends as if there had been none."""

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import nights
import warmstart.retrain
from warmstart.basics import InputError
from warmstart.retrain._objects import crashing_at

SOURCES = sorted(Path(warmstart.retrain.__file__).parent.glob("*.py"))
POINTS = sorted({name for path in SOURCES for name in re.findall(r'crash_point\("([^"]+)"\)', path.read_text())})
"""By the sources, so that a new one is tested without being named here."""
ELSEWHERE = {"ledger half made", "rehearsed"}
"""Tested with the commands that pass them."""
IS_LONG = os.environ.get("WARMSTART_LONG") == "1"


def _former(project):
    """Id of the first champion."""
    return min(project.history(), key=lambda one: one.number).models[0].id


COMMANDS = {
    "first arrival": lambda project: project.add(nights.arrival(1)),
    "cold start": lambda project: project.update(),
    "second arrival": lambda project: project.add(nights.arrival(2)),
    "trial with audit": lambda project: project.update(),
    "rollback": lambda project: project.rollback(to=_former(project)),
    "flipped labels": lambda project: project.add(nights.arrival(3, 400, flipped=True)),
    "a worse model": lambda project: project.update(),
    "promote by hand": lambda project: project.promote(project.history()[-1].models[0].id),
    "unpin": lambda project: project.unpin(),
    "true labels": lambda project: project.add(nights.arrival(4, 400)),
    "the watch": lambda project: project.update(),
    "exclude": lambda project: project.exclude(3),
    "verify": lambda project: project.verify(),
    "forget": lambda project: project.forget(["1-0", "1-1", "4-7"], within_seconds=1.0),
    "pin": lambda project: project.pin(),
    "a clean model": lambda project: time.sleep(1.1) or project.update(),
    "pin again": lambda project: project.pin(),
    "more rows": lambda project: project.add(nights.arrival(5)),
    "a candidate that must wait": lambda project: project.update(),
    "unpin again": lambda project: project.unpin(),
    "rows that judge it": lambda project: project.add(nights.arrival(6)),
    "a late promotion": lambda project: project.update(),
    "migrate": lambda project: project.migrate({"rename": {"a": "alpha"}}),
    "collect": lambda project: project.gc(),
}


@dataclass(frozen=True)
class Night:
    """A command with the project before and after it, and the crash points that it passes."""

    command: str
    before: Path
    after: Path
    passed: tuple[str, ...]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The commands one after the other, without a crash."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed")
    live = nights.project(folder / "live", settings={"class_tolerance": 0.5})
    found = []
    before = nights.copy(live.directory, folder / "0").directory
    for number, (name, run) in enumerate(COMMANDS.items(), 1):
        with crashing_at("") as passed:
            run(live)
        after = nights.copy(live.directory, folder / str(number)).directory
        found.append(Night(name, before, after, tuple(passed)))
        before = after
    yield found
    torch.set_num_threads(threads)


def test_the_commands_go_through_all_that_matters(undisturbed):
    by_name = {night.command: nights.ledger_content(night.after) for night in undisturbed}
    assert [one["state"] for one in by_name["a worse model"]["round"]] == ["promoted", "promoted", "kept"]
    assert [one["kind"] for one in by_name["the watch"]["promotion"]][2:4] == ["rollback", "hand"]
    assert "watch" in [one["kind"] for one in by_name["the watch"]["promotion"]]
    assert len(by_name["trial with audit"]["audit"]) == 1
    assert "promoted late" in next(night.passed for night in undisturbed if night.command == "a late promotion")
    passed = {name for night in undisturbed for name in night.passed}
    assert set(POINTS) - passed == ELSEWHERE


def _crash(night, point, nth, directory):
    project = nights.copy(night.before, directory)
    run = COMMANDS[night.command]
    with pytest.raises(KeyboardInterrupt), crashing_at(point, nth=nth):
        run(project)
    with suppress(InputError):  # a rollback or a migration that was done already
        run(project)
    project.status()  # repairs the pointer, as any command
    nights.assert_same(directory, night.after)


@pytest.mark.parametrize("point", [one for one in POINTS if one not in ELSEWHERE])
def test_a_crash_loses_nothing(undisturbed, tmp_path, point):
    crashes = 0
    for night in undisturbed:
        count = night.passed.count(point)
        times = range(1, count + 1) if IS_LONG else sorted({min(1, count), count} - {0})
        for nth in times:
            _crash(night, point, nth, tmp_path / "crashed")
            crashes += 1
    assert crashes
