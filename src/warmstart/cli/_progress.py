"""What a study is doing, while it does it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from warmstart.basics import shown as shortened
from warmstart.store import RoundRecord
from warmstart.studies import EpochMessage, StudyProgress

Event = StudyProgress | EpochMessage | RoundRecord | str
Clock = Callable[[], float]
# A sentence may name all columns of a table.
_LONGEST = 50_000
_SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def shown(
    console: Console, *, quiet: bool = False, verbose: bool = False, clock: Clock = time.monotonic
) -> Iterator[Any]:
    """Yield a listener for :func:`warmstart.studies.run_study`: a live bar on a terminal, lines in a log.

    Args:
        console: Where it is shown.
        quiet: Show nothing.
        verbose: Show a line for each finished round besides.
        clock: Seconds of it are counted.
    """
    if quiet:
        yield lambda _: None
        return
    if not console.is_terminal:
        yield _Lines(console, clock, verbose=verbose)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, clock, verbose=verbose)


class Pace:
    """How long a study has been running, and how long it takes yet, judged by the rounds that have finished.

    A round is expected to take as many seconds per sample that it trains on as rounds of its strategy have so far, so
    that later rounds, which train on more, count as more. Expected and measured seconds are those of trials, of which
    several may run at once; what they take on the clock is taken from the time used.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._began = clock, clock()
        self.total = self.done = 0
        self._may_grow = False
        self._left: dict[str, int] = {}
        # Of rounds that finished while this watched: those stored before say nothing of this machine.
        self._seconds, self._samples = defaultdict[str, float](float), defaultdict[str, int](int)

    def hear(self, event: Event) -> None:
        """Count a round that has finished, or begin with a study."""
        if isinstance(event, StudyProgress):
            self.total, self.done, self._left = event.total, event.done, dict(event.left)
            self._may_grow = event.may_grow
            if not event.under_way:
                self._began = self._clock()
                self._seconds.clear()
                self._samples.clear()
        elif isinstance(event, RoundRecord):
            self.done += 1
            self._left[event.arm] = self._left.get(event.arm, 0) - event.samples_trained_on
            self._seconds[event.arm] += event.seconds
            self._samples[event.arm] += event.samples_trained_on

    @property
    def used(self) -> float:
        """Seconds since the study began here."""
        return self._clock() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until all rounds are done that are known to be needed; None: unknown."""
        seconds, samples = sum(self._seconds.values()), sum(self._samples.values())
        if self.done >= self.total or seconds <= 0 or samples <= 0 or not any(left > 0 for left in self._left.values()):
            return None
        expected = 0.0
        for arm, left in self._left.items():
            known = self._samples[arm] > 0
            expected += max(0, left) * (self._seconds[arm] / self._samples[arm] if known else seconds / samples)
        return self.used * expected / seconds

    @property
    def words(self) -> str:
        """The time left in words; empty where it is unknown."""
        if self.left is None:
            return ""
        return f"{about(self.left)} left{' if no more seeds are needed' if self._may_grow else ''}"


class _Bar:
    """A bar of rounds, and below it what each running trial does."""

    def __init__(self, progress: Progress, clock: Clock, *, verbose: bool) -> None:
        self.progress, self.pace, self.verbose = progress, Pace(clock), verbose
        self.task = progress.add_task("Starting", total=None, left="")

    def __call__(self, event: Event) -> None:
        self.pace.hear(event)
        if isinstance(event, str):
            # Above the bar, where it stays: what was read is worth more than a moment.
            _say(self.progress.console, event)
        elif isinstance(event, EpochMessage):
            trial = f"{event.arm} seed {event.seed} round {event.round}"
            score = event.values.get("train_score", event.values.get("train_loss"))
            epoch = f"epoch {event.values['epoch']:.0f}" + ("" if score is None else f", train {score:.3f}")
            self.progress.update(self.task, description=f"{trial}: {epoch}")
        else:
            if isinstance(event, StudyProgress):
                self.progress.update(self.task, description="Training", total=event.total)
            elif self.verbose:
                _say(self.progress.console, _finished(event))
            self.progress.update(self.task, completed=self.pace.done, left=self.pace.words)


class _Lines:
    """A line at the start, at every tenth of the rounds, and half a minute after the last one."""

    def __init__(self, console: Console, clock: Clock, *, verbose: bool) -> None:
        self.console, self.clock, self.pace, self.verbose = console, clock, Pace(clock), verbose
        self._last = clock()

    def __call__(self, event: Event) -> None:
        pace, before = self.pace, self.pace.done
        pace.hear(event)
        if self.verbose and isinstance(event, RoundRecord):
            _say(self.console, _finished(event))
        if isinstance(event, str):
            self._say(event)
        elif isinstance(event, StudyProgress) and not event.under_way:
            self._say(f"{pace.done} of {pace.total} rounds are done")
        elif pace.total:
            is_milestone = pace.done > before and pace.done * 10 // pace.total > before * 10 // pace.total
            if is_milestone or self.clock() - self._last >= _SECONDS_BETWEEN_LINES:
                words = f"{pace.done} of {pace.total} rounds are done, {_watch(pace.used)} used"
                self._say(f"{words}, {pace.words}" if pace.words else words)

    def _say(self, line: str) -> None:
        self._last = self.clock()
        _say(self.console, line)


def _say(console: Console, line: str) -> None:
    console.print(shortened(line, limit=_LONGEST), highlight=False, markup=False, soft_wrap=True)


def _finished(record: RoundRecord) -> str:
    """Return a line about a round that has finished."""
    trial = f"{record.arm} seed {record.seed} round {record.round}"
    score = "no score" if record.score is None else f"score {record.score:.4g}"
    return f"{trial}: {score}, {record.seconds:.1f} s, {record.stop_reason}"


def _watch(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def about(seconds: float) -> str:
    """Return a duration as precisely as it can be known beforehand.

    Example:
        >>> about(0.4), about(42), about(550), about(9_000), about(400_000)
        ('about 1 s', 'about 42 s', 'about 9 min', 'about 2.5 h', 'about 4.6 days')
    """
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"about {seconds / 86_400:,.1f} days"
