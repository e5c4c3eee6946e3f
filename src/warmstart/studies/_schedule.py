"""What is left to be done of a study, given out as it becomes possible and stored as it comes in.

Under one seed, trials whose settings are equal but for the strategy often have equal first rounds: cold and warm starts
differ from round 2 on. The first of them runs first; the others wait for its first round, and take it over where they
start from the same weights, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from warmstart.analysis import FEWEST_SEEDS, AutoSeeds, looks
from warmstart.basics import ACCURACY, Metric
from warmstart.store import StoredRound, TrialLock, TrialStore, TrialWriter

from ._keys import TrialKeys
from ._runner import FirstRound, Message, RoundMessage, Task
from ._study import Study

_Trial = tuple[str, int]  # label and seed


@dataclass(frozen=True)
class StudyProgress:
    """How much of a study is done: reported before anything is trained, and whenever there are to be more seeds.

    Args:
        total: Rounds of the whole study, with as many seeds as are known to be needed.
        done: Rounds that are finished.
        left: Samples that the rounds which are left train on, each counted once, by label of the strategy.
        may_grow: Whether results may yet ask for more seeds.
        under_way: Whether it has been reported before, with other seeds.
    """

    total: int
    done: int
    left: Mapping[str, int] = field(default_factory=dict, compare=False)
    may_grow: bool = field(default=False, compare=False)
    under_way: bool = field(default=False, compare=False)


class EnoughSeedsError(Exception):
    """Results have decided that no more seeds are needed, while further ones were under way."""


class Schedule:
    """The trials of a study: which are done, which run here, which wait.

    Where results decide how many seeds there are, those that are certainly needed run first, and after them, on workers
    that would wait, those that may be.

    Args:
        store: With the finished rounds.
        study: The study.
        keys: Of its trials.
        samples: That each round of a trial trains on, by label.
        run: Provenance of this process.
        capacity: Trials that may run here side by side.
        report: Takes finished rounds and whatever else is to be reported.
    """

    def __init__(
        self,
        store: TrialStore,
        study: Study,
        keys: TrialKeys,
        samples: Mapping[str, Sequence[int]],
        run: Mapping[str, Any],
        capacity: int,
        report: Callable[[Any], None],
    ) -> None:
        self._store, self._study, self._keys, self._samples = store, study, keys, samples
        self._rounds = rounds = len(samples[study.labels[0]])
        self._run, self._capacity, self._report = run, capacity, report
        trials = [(label, seed) for seed in range(study.max_seeds) for label in study.labels]
        # Those below are to be run; with AutoSeeds there may be more of them later, or again fewer.
        self._seeds = FEWEST_SEEDS if isinstance(study.seeds, AutoSeeds) else study.seeds
        self._waits = False  # whether a trial waits for the first round of another that runs here
        self._seen = 0  # seeds at which it was looked whether they are enough
        self._is_decided = not isinstance(study.seeds, AutoSeeds)
        self._by_key = {keys.trials[label][seed]: (label, seed) for label, seed in trials}
        leaders: dict[str, str] = {}
        self._leader = {label: leaders.setdefault(keys.families[label], label) for label in study.labels}
        self._leads = {leader for label, leader in self._leader.items() if leader != label}
        # The rounds of every trial that has some, as far as it is done or can be resumed.
        self._stored: dict[_Trial, list[StoredRound]] = {}
        for trial in trials:
            if rounds_of_trial := self._read(trial):
                self._stored[trial] = rounds_of_trial
        self._pending = [trial for trial in trials if self._done(trial) < rounds]
        self._writers: dict[_Trial, TrialWriter] = {}
        self._locks: dict[_Trial, TrialLock] = {}
        self._is_begun = False
        self._look()
        self._report_progress()

    @property
    def is_complete(self) -> bool:
        """Whether every round of every trial is stored."""
        return not self._writers and not any(seed < self._seeds for _, seed in self._pending)

    def draw(self) -> list[Task]:
        """Return as many trials as can run side by side with those that do, each locked; fewer where others wait.

        Not more than that: what is not drawn is left to other processes that run studies in the same directory.
        """
        drawn: list[Task] = []
        while len(self._writers) < self._capacity:
            if (task := self._next()) is not None:
                drawn.append(task)
            elif not (self._is_decided or self._waits) and self._seeds < self._study.max_seeds:
                self._seeds += 1  # it may be needed, and a worker would wait
                self._report_progress()
            else:
                break
        return drawn

    def _next(self) -> Task | None:
        """Return the next trial that can run now; None: there is none, or none as yet."""
        self._waits = False
        for trial in list(self._pending):
            label, seed = trial
            if seed >= self._seeds:
                return None
            leader = (self._leader[label], seed)
            if not self._done(trial) and trial != leader and not self._done(leader) and leader in self._writers:
                self._waits = True
                continue  # until the first round that both may have is there
            key = self._keys.trials[label][seed]
            lock = self._store.try_lock(key)
            if lock is None:
                continue  # another process runs it
            self._locks[trial] = lock  # at once: whatever is raised from here on, it is released in the end
            self._refresh(trial)
            if self._done(trial) >= self._rounds:
                self._release(trial)
                continue
            self._pending.remove(trial)
            header = {"arm": label, "seed": seed, "family": self._keys.families[label]}
            stored = self._stored.get(trial)
            if stored is None:
                # Also where its checkpoint is gone: without that a trial can only be run again as a whole.
                self._store.forget(key)
            first = self._first_round_of(leader) if stored is None and trial != leader else None
            self._writers[trial] = self._store.open(key, header, keep_first=label in self._leads)
            return Task(
                key=key,
                arm=label,
                trial=self._study.trial(label, seed),
                evaluation=self._study.evaluation,
                done=self._done(trial),
                checkpoint_digest=None if stored is None else stored[-1].checkpoint_digest,
                first=first,
            )
        return None

    def handle(self, message: Message) -> list[Task]:
        """Store a finished round, and report it; report anything else. Return the trials that can run now."""
        if not isinstance(message, RoundMessage):
            self._report(message)
            return []
        trial = self._by_key[message.key]
        stored = self._writers[trial].append(
            message.record,
            history=message.history,
            run=self._run,
            checkpoint_digest=message.checkpoint_digest,
            content=message.start or None,
        )
        self._stored.setdefault(trial, []).append(stored)
        if self._done(trial) >= self._rounds:
            self._release(trial)
        self._report(message.record)
        self._look()
        if self._is_decided and any(seed >= self._seeds for _, seed in self._writers):
            self.close()
            raise EnoughSeedsError
        return self.draw()

    def refresh(self) -> None:
        """Look at what other processes have stored in the meantime."""
        for trial in list(self._pending):
            if trial[1] < self._seeds:
                self._refresh(trial)
        self._look()

    def close(self) -> None:
        """Let other processes have what is not done."""
        for trial in list(self._locks):
            self._release(trial)

    def _report_progress(self) -> None:
        left = dict.fromkeys(self._study.labels, 0)
        trials = [(label, seed) for seed in range(self._seeds) for label in left]
        for trial in trials:
            left[trial[0]] += sum(self._samples[trial[0]][self._done(trial) :])
        total, done = len(trials) * self._rounds, sum(map(self._done, trials))
        self._report(StudyProgress(total, done, left, may_grow=not self._is_decided, under_way=self._is_begun))
        self._is_begun = True

    def _look(self) -> None:
        """Where results decide how many seeds there are: look at those that have finished, and ask for more or no more.

        Each number of seeds is looked at once, in order, however many finish at the same time and in which run: so the
        study ends with the same seeds on any number of workers.
        """
        auto = self._study.seeds
        if self._is_decided or not isinstance(auto, AutoSeeds):
            return
        finished = {trial: rounds[-1] for trial, rounds in self._stored.items() if len(rounds) >= self._rounds}
        metrics = (stored.history["metric"] for stored in finished.values() if "metric" in stored.history)
        metric = next((Metric(**values) for values in metrics), ACCURACY)
        scores, look = {trial: stored.record.score for trial, stored in finished.items()}, None
        for look in looks(auto, scores, self._study.labels, metric, after=self._seen):
            self._seen, self._is_decided = look.seeds, look.is_last
        if look is None:
            return
        self._report(look.words)
        before, self._seeds = self._seeds, look.seeds if look.is_last else max(self._seeds, look.seeds + 1)
        # At its start a study reports what there is to do after this.
        if self._seeds != before and self._is_begun:
            self._report_progress()

    def _release(self, trial: _Trial) -> None:
        self._writers.pop(trial, None)
        self._locks.pop(trial).release()

    def _refresh(self, trial: _Trial) -> None:
        """Read a trial that another process may have run on, and report its new rounds."""
        known = self._done(trial)
        if found := self._read(trial):
            self._stored[trial] = found
            for stored in found[known:]:
                self._report(replace(stored.record, arm=trial[0]))
        elif trial in self._locks:
            self._stored.pop(trial, None)  # deleted since it was read; without the lock, somebody may be writing it
        if self._done(trial) >= self._rounds and trial in self._pending:
            self._pending.remove(trial)

    def _done(self, trial: _Trial) -> int:
        return len(self._stored.get(trial, ()))

    def _read(self, trial: _Trial) -> list[StoredRound]:
        """Return a trial's rounds; none where it is not done and cannot be resumed, since its checkpoint is gone."""
        label, seed = trial
        found = self._store.read(self._keys.trials[label][seed])
        rounds = [] if found is None else list(found.rounds)
        return rounds if len(rounds) >= self._rounds or (rounds and self._has_state(rounds[-1])) else []

    def _has_state(self, stored: StoredRound) -> bool:
        return stored.checkpoint is None or (self._store.directory / stored.checkpoint).exists()

    def _first_round_of(self, leader: _Trial) -> FirstRound | None:
        """Return a leader's first round to be taken over; None where its checkpoint is gone."""
        if not self._done(leader):
            return None
        first = self._stored[leader][0]
        if first.content is None or not self._has_state(first):
            return None
        label, seed = leader
        return FirstRound(
            self._keys.trials[label][seed], first.content, first.record, first.history, first.checkpoint_digest
        )
