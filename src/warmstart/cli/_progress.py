"""What a study is doing, while it does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from warmstart.basics import shown as shortened
from warmstart.store import RoundRecord
from warmstart.studies import EpochMessage, StudyProgress


@contextmanager
def shown(console: Console) -> Iterator[Any]:
    """Yield a listener for :func:`warmstart.studies.run_study`: a live bar on a terminal, lines in a log."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress)


class _Bar:
    """A bar of rounds, and below it what each running trial does."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("Starting", total=None)

    def __call__(self, event: StudyProgress | EpochMessage | RoundRecord | str) -> None:
        if isinstance(event, str):
            self.progress.update(self.task, description=event)
        elif isinstance(event, StudyProgress):
            self.progress.update(self.task, description="Training", total=event.total, completed=event.done)
        elif isinstance(event, EpochMessage):
            trial = f"{event.arm} seed {event.seed} round {event.round}"
            score = event.values.get("train_score", event.values.get("train_loss"))
            epoch = f"epoch {event.values['epoch']:.0f}" + ("" if score is None else f", train {score:.3f}")
            self.progress.update(self.task, description=f"{trial}: {epoch}")
        else:
            self.progress.advance(self.task)


class _Lines:
    """A line at the start, and one at about every tenth of the rounds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total = self.done = 0

    def __call__(self, event: StudyProgress | EpochMessage | RoundRecord | str) -> None:
        if isinstance(event, str):
            self._say(event)
        elif isinstance(event, StudyProgress):
            self.total, self.done = event.total, event.done
            self._say(f"{event.done} of {event.total} rounds are done")
        elif isinstance(event, RoundRecord):
            self.done += 1
            if self.done * 10 // self.total > (self.done - 1) * 10 // self.total:
                self._say(f"{self.done} of {self.total} rounds are done")

    def _say(self, line: str) -> None:
        self.console.print(shortened(line, limit=300), highlight=False, markup=False, soft_wrap=True)
