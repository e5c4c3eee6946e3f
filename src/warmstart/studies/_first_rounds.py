"""First rounds that several arms have in common are finished once.

Cold and warm starts differ from round 2 on. Under one seed their first rounds are the same, bit for bit, and so are
those of every strategy that begins with the fresh model: what one has finished, the others take over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from warmstart.executors import Message, RoundMessage, Task, checkpoint_file, checkpoint_folder
from warmstart.store import Store, copy_whole, settle, storage_errors
from warmstart.trial import opening

from ._study import Study

_NOTHING = (0, None)


def first_rounds(study: Study) -> dict[str, str]:
    """Return, for every arm that takes its first round over, the label of the arm that plays it."""
    openings = [(label, opening(study.trial(label, 0))) for label in study.labels]
    shared: dict[str, str] = {}
    for index, (label, own) in enumerate(openings):
        leader = next((other for other, found in openings[:index] if own is not None and found == own), None)
        if leader is not None:
            shared[label] = leader
    return shared


class Work:
    """What is left to be done of a study, given out as it becomes possible.

    Args:
        store: With the finished rounds.
        study: The study.
        rounds: Of a trial.
        keep: Stores what a message brings.
    """

    def __init__(self, store: Store, study: Study, rounds: int, keep: Callable[[Message], None]) -> None:
        self._store, self._study, self._rounds, self._keep = store, study, rounds, keep
        self._leaders = first_rounds(study)
        self._trials = [(label, seed) for seed in range(study.seeds) for label in study.labels]
        self._waiting: set[tuple[str, int]] = set()
        # Asked for once: one question for each of thousands of trials would take minutes.
        self._last = store.last_rounds()

    def forget_lost(self) -> None:
        """Forget unfinished trials whose checkpoint is gone, before the beginning: they are finished again as a whole.

        Finished trials stay, for they need no checkpoint any more.
        """
        for (label, seed), (done, checkpoint) in list(self._last.items()):
            if done < self._rounds and checkpoint is not None and not (self._store.directory / checkpoint).exists():
                self._store.forget(label, seed)
                del self._last[label, seed]

    def beginning(self) -> list[Task]:
        """Return the tasks that need not wait for another's first round, seed by seed."""
        self._waiting = {trial for trial in self._trials if self._waits(*trial)}
        return self._tasks(trial for trial in self._trials if trial not in self._waiting)

    def handle(self, message: Message) -> list[Task]:
        """Keep what a message brings, and return the tasks that it makes possible."""
        self._take(message)
        if not isinstance(message, RoundMessage) or message.record.round != 1:
            return []
        arm, seed = message.record.arm, message.record.seed
        ready = [(label, seed) for label, leader in self._leaders.items() if leader == arm]
        ready = [trial for trial in ready if trial in self._waiting]
        self._waiting -= set(ready)
        return self._tasks(ready)

    def _take(self, message: Message) -> None:
        """Keep what a message brings, and remember how far its trial has come."""
        self._keep(message)
        if isinstance(message, RoundMessage):
            record = message.record
            self._last[record.arm, record.seed] = (record.round, message.checkpoint)

    def _waits(self, label: str, seed: int) -> bool:
        leader = self._leaders.get(label)
        return leader is not None and not self._done(label, seed) and not self._done(leader, seed)

    def _done(self, label: str, seed: int) -> int:
        return self._last.get((label, seed), _NOTHING)[0]

    def _tasks(self, trials: Iterable[tuple[str, int]]) -> list[Task]:
        return [task for trial in trials if (task := self._rest(*trial)) is not None]

    def _rest(self, label: str, seed: int) -> Task | None:
        """Return the rest of a trial, its first round taken over where that can be; None where nothing is left."""
        if label in self._leaders and not self._done(label, seed):
            taken = _taken_over(self._store, label, self._leaders[label], seed)
            if taken is not None:
                self._take(taken)
        done, checkpoint = self._last.get((label, seed), _NOTHING)
        if done >= self._rounds:
            return None
        folder = checkpoint_folder(label, seed)
        return Task(label, self._study.trial(label, seed), self._study.evaluation, folder, done, checkpoint)


def _taken_over(store: Store, label: str, leader: str, seed: int) -> RoundMessage | None:
    """Return a leader's first round as this arm's, its checkpoint in place; None where the leader has gone on."""
    found = store.finished(leader, seed, 1)
    if found is None or (found.checkpoint is not None and not (store.directory / found.checkpoint).exists()):
        return None
    checkpoint = None
    if found.checkpoint is not None:
        checkpoint = checkpoint_file(checkpoint_folder(label, seed), 1)
        _second_name(store.directory / found.checkpoint, store.directory / checkpoint)
    return RoundMessage(replace(found.record, arm=label), found.history, checkpoint)


def _second_name(path: Path, other: Path) -> None:
    """Give a file a second name, or copy it where the file system has no second names; checkpoints never change."""
    with storage_errors(other.parent):
        other.parent.mkdir(parents=True, exist_ok=True)
        other.unlink(missing_ok=True)
        try:
            os.link(path, other)
        except OSError:
            copy_whole(path, other)
        else:
            settle(other.parent)
