"""What probes see of a round, and what they read."""

import math
from collections.abc import Callable

from torch import nn

from warmstart.basics import copy_model, generator_for
from warmstart.probes import Moment, Reading, When
from warmstart.training import EpochReport

from ._plan import Plan
from ._trial import Trial


class Observer:
    """Lets a trial's probes look at a round, and keeps what they read."""

    def __init__(self, trial: Trial, plan: Plan, model: nn.Module, fresh: nn.Module) -> None:
        self.readings: list[Reading] = []
        self._trial, self._plan, self._model, self._fresh = trial, plan, model, fresh
        self._start = copy_model(model) if trial.probes else model
        self._epoch = self._steps = 0

    def telling(self, on_epoch: Callable[[EpochReport], None] | None) -> Callable[[EpochReport], None] | None:
        """Return what ``fit`` is to call after every epoch."""
        if not self._trial.probes:
            return on_epoch

        def look_and_tell(report: EpochReport) -> None:
            self._epoch, self._steps = report.epoch, report.steps
            if math.isfinite(report.train_loss):
                self.look(When.EPOCH)
            if on_epoch is not None:
                on_epoch(report)

        return look_and_tell

    def look(self, when: When) -> None:
        """Let every probe look."""
        for probe in self._trial.probes:
            for name, value in probe(self._moment(when)).items():
                known = value if value is not None and math.isfinite(value) else None
                self.readings.append(Reading(name, known, when, self._epoch, self._steps))

    def _moment(self, when: When) -> Moment:
        plan = self._plan
        return Moment(
            when=when,
            epoch=self._epoch,
            steps=self._steps,
            model=self._model,
            start=self._start,
            fresh=self._fresh,
            training=plan.training,
            old=plan.old,
            new=plan.new,
            evaluation=plan.evaluation,
            generator=generator_for(self._trial.seed, "probe", plan.number),
        )
