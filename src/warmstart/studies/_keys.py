"""Keys of trials: a digest of everything that decides a trial's numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from warmstart.learners import TensorLearner
from warmstart.specs import identity
from warmstart.training import OptimizerState
from warmstart.trial import Trial

from ._study import Study

FORMULAS = 2
"""Version of the trial's loop and of the training engine: to be raised by every change that changes numbers."""


@dataclass(frozen=True)
class TrialKeys:
    """The keys of a study's trials.

    Args:
        trials: By label, one for each seed in order.
        families: By label: what two trials of one seed have in common if all but their strategies is equal. Where they
            also start equal, their first rounds are equal.
    """

    trials: dict[str, tuple[str, ...]]
    families: dict[str, str]


def trial_keys(study: Study, *, data: Sequence[str], signature: str) -> TrialKeys:
    """Return the keys of all trials of a study.

    Args:
        study: The study, with a precision that is resolved.
        data: Fingerprint of the data, and of the source where there is one.
        signature: Of the model; it changes when a user's model does.
    """
    common = {"formulas": FORMULAS, "data": list(data), "model": signature, "evaluation": identity(study.evaluation)}
    trials: dict[str, tuple[str, ...]] = {}
    families: dict[str, str] = {}
    for label in study.labels:
        trial = study.trial(label, 0)
        described = common | {
            "learner": identity(trial.learner),
            "first learner": None if trial.first_learner is None else identity(trial.first_learner),
            "train on": str(trial.train_on),
            **_everywhere(trial),
        }
        families[label] = _digest(common | _everywhere(trial) | _of_first_round(trial))
        # Once for each arm, not for each trial: options are looked up slowly, and there may be thousands of seeds.
        arm = _digest(described | {"strategy": identity(trial.strategy)})
        trials[label] = tuple(_digest([arm, seed]) for seed in range(study.max_seeds))
    return TrialKeys(trials, families)


def _everywhere(trial: Trial) -> dict[str, Any]:
    return {
        "stream": identity(trial.stream),
        "measurements": [identity(measurement) for measurement in trial.measurements],
    }


def _of_first_round(trial: Trial) -> dict[str, Any]:
    """Return what decides round 1 besides its start: a penalty that looks back comes later, and so does other data."""
    learner = trial.first_learner or trial.learner
    keeps = False
    if isinstance(learner, TensorLearner):
        if learner.penalty is not None and learner.penalty.from_round > 1:
            learner = replace(learner, penalty=None)
        # A cold start leaves no optimizer that another trial could take over.
        keeps = learner.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
    return {"learner": identity(learner), "keeps": keeps}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
