"""What measurements see of a round, and what they read."""

import math
from collections.abc import Callable

from torch import nn

from warmstart.basics import copy_model, generator_for
from warmstart.diagnostics import Moment, Reading, When
from warmstart.training import EpochReport

from ._plan import RoundPlan
from ._trial import Trial


class MeasurementLog:
    """Lets a trial's measurements look at a round, and keeps what they read."""

    def __init__(self, trial: Trial, plan: RoundPlan, model: nn.Module, fresh: nn.Module) -> None:
        self.readings: list[Reading] = []
        self._trial, self._plan, self._model, self._fresh = trial, plan, model, fresh
        self._start = copy_model(model) if trial.measurements else model
        self._epoch = self._steps = 0

    def telling(self, on_epoch: Callable[[EpochReport], None] | None) -> Callable[[EpochReport], None] | None:
        """Return what ``fit`` is to call after every epoch."""
        if not self._trial.measurements:
            return on_epoch

        def look_and_tell(report: EpochReport) -> None:
            self._epoch, self._steps = report.epoch, report.steps
            if math.isfinite(report.train_loss):
                self.look(When.EPOCH)
            if on_epoch is not None:
                on_epoch(report)

        return look_and_tell

    def look(self, when: When) -> None:
        """Let every measurement look."""
        for measurement in self._trial.measurements:
            for name, value in measurement(self._moment(when)).items():
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
