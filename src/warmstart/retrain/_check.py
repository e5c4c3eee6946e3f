"""A dry run of what a project does with its learner, on few rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import InputError, reason_of
from warmstart.specs import STRATEGY, format_spec, shortest
from warmstart.strategies import Cold, ShrinkPerturb, Strategy, Warm
from warmstart.trial import Trial, run_round

from ._model_file import LoadedModel, load_model
from ._rows import TrainingRows
from ._scoring import score_rows
from ._training import Candidate, round_of, train_candidate

ROWS = 64
"""Rows that a check trains on."""
_STRATEGY = "strategy "  # begins the names of results that are of one


@dataclass(frozen=True)
class CheckResult:
    """One finding of :func:`check_training`.

    Args:
        name: What was checked.
        passed: Whether it is as a project needs it.
        sentence: What was found, and where it failed what to do.
    """

    name: str
    passed: bool
    sentence: str


@dataclass(frozen=True)
class CheckReport:
    """All that :func:`check_training` found.

    Args:
        results: In the order in which they were checked.
    """

    results: tuple[CheckResult, ...]

    @property
    def is_passed(self) -> bool:
        """Whether rounds can be trained: of the strategies a cold start at least."""
        needed = [one for one in self.results if not one.name.startswith(_STRATEGY) or one.name == f"{_STRATEGY}cold"]
        return all(one.passed for one in needed)

    @property
    def usable(self) -> tuple[str, ...]:
        """The strategies that rounds can start by, as specs."""
        return tuple(
            one.name.removeprefix(_STRATEGY) for one in self.results if one.name.startswith(_STRATEGY) and one.passed
        )

    @property
    def sentence(self) -> str:
        """What was found, in short."""
        failed = [one.sentence for one in self.results if not one.passed and not one.name.startswith(_STRATEGY)]
        return " ".join(failed) or f"The learner can be retrained by {', '.join(self.usable) or 'no strategy'}."

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        found = [{"name": one.name, "passed": one.passed, "sentence": one.sentence} for one in self.results]
        return {"passed": self.is_passed, "strategies": list(self.usable), "results": found}

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        return [f"{'ok' if one.passed else 'FAILED'}  {one.name}: {one.sentence}" for one in self.results]


def check_training(
    trial: Trial, rows: TrainingRows, strategies: Sequence[Strategy] = (Cold(), Warm(), ShrinkPerturb(shrink=0.6))
) -> CheckReport:
    """Run all that a project does with its learner on 64 rows, and return what was found.

    Args:
        trial: Learner and seed.
        rows: Of the project, of which 64 are taken evenly.
        strategies: Those that the project may start by; each is a result ``strategy ...``.

    Example:
        >>> from warmstart.learners import Classifier
        >>> from warmstart.models import LogisticRegression
        >>> rows = TrainingRows(np.eye(2, dtype=np.float32).repeat(32, 0), np.arange(64) // 32, ("no", "yes"))
        >>> check_training(Trial(Classifier(LogisticRegression())), rows).usable
        ('cold', 'warm', 'shrink-perturb:shrink=0.6')
    """
    return CheckReport(tuple(_found(trial, rows, strategies)))


def _found(trial: Trial, rows: TrainingRows, strategies: Sequence[Strategy]) -> Iterator[CheckResult]:
    """Yield what is found, up to what makes it pointless to continue."""
    few, cold = few_rows(rows), replace(trial, strategy=Cold())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            first = train_candidate(cold, few, number=1)
        except Exception as error:  # the user's own code may raise anything
            yield CheckResult("training", False, f"Training failed: {reason_of(error)}.")
            return
        if first.loaded is None:
            sentence = "Training diverged: the model's outputs are not finite; lower the learning rate."
            yield CheckResult("training", False, sentence)
            return
        costs = ", ".join(f"{value:,.0f} {name}" for name, value in first.counts.items())
        yield CheckResult("training", True, f"Round 1 trained on {len(few)} rows ({costs}, {first.seconds:.2f} s).")
        try:
            digest = first.save(place / "first")
            is_equal = digest == train_candidate(cold, few, number=1).save(place / "again")
        except InputError as error:
            yield CheckResult("save and load", False, str(error))
            return
        found = "Two trainings give the same model, bit for bit."
        if not is_equal:
            found = (
                "Two trainings with one seed give different models: draw all random numbers under the seed of the "
                "round, and ask for one thread or for deterministic algorithms."
            )
        yield CheckResult("determinism", is_equal, found)
        yield _inputs(cold, few)
        try:
            loaded = load_model(place / "first", first.manifest, digest=digest)
            yield from _scores(first, loaded, cold, few)
        except Exception as error:  # as above
            yield CheckResult("save and load", False, f"A stored model cannot be scored: {reason_of(error)}.")
            return
        for strategy in strategies:
            yield _strategy(strategy, cold, few, loaded, place)


def few_rows(rows: TrainingRows, count: int = ROWS) -> TrainingRows:
    """Return so many of the rows, evenly over their order, half of them as new."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))
    return replace(
        rows,
        inputs=rows.inputs[places],
        labels=rows.labels[places],
        new=np.arange(len(places) // 2, len(places)),
        earlier=(),
        validation=None if rows.validation is None else rows.validation[places],
    )


def _inputs(trial: Trial, rows: TrainingRows) -> CheckResult:
    own, plan, state = round_of(trial, rows, None, number=1, device=torch.device("cpu"))
    pool = plan.data.pool
    before = pool.inputs.clone(), pool.labels.clone()
    result = run_round(own, plan, state, 1)
    assert result.round_state.model is not None, "the round before this one has not diverged"
    # Of all data, as projects score them: what a round hands out are copies of parts of them.
    own.learner_of(1).evaluate(result.round_state.model, pool)
    if all(torch.equal(one, other) for one, other in zip(before, (pool.inputs, pool.labels), strict=True)):
        return CheckResult("inputs", True, "Training and evaluation leave inputs and labels as they are.")
    return CheckResult(
        "inputs", False, "Training or evaluation changes inputs or labels in place: let it work on a copy of them."
    )


def _scores(first: Candidate, loaded: LoadedModel, trial: Trial, rows: TrainingRows) -> list[CheckResult]:
    assert first.loaded is not None, "it was saved"
    learner = trial.learner_of(1)
    scored = [score_rows(model, learner, rows) for model in (first.loaded, loaded, loaded)]
    unit, direction = scored[0].metric.name, "higher" if scored[0].higher_is_better else "lower"
    predicted = "with" if scored[0].predictions is not None else "without"
    is_equal = np.array_equal(scored[0].values, scored[1].values, equal_nan=True)
    is_repeatable = np.array_equal(scored[1].values, scored[2].values, equal_nan=True)
    saved = "has the same scores" if is_equal else "has other scores: all that evaluation reads must be in state_dict"
    return [
        CheckResult("save and load", is_equal, f"A model that was stored and read again {saved}."),
        CheckResult(
            "scores",
            is_repeatable,
            f"There is one score per row, {unit}, {direction} is better, {predicted} predictions of classes."
            if is_repeatable
            else "Two evaluations of one model give different scores: evaluation must not draw random numbers.",
        ),
    ]


def _strategy(strategy: Strategy, trial: Trial, rows: TrainingRows, loaded: LoadedModel, place: Path) -> CheckResult:
    """Return whether a round can start by a strategy, and starts otherwise than a cold one."""
    spec = format_spec(STRATEGY.name_of(strategy), shortest(STRATEGY, strategy))
    name = f"{_STRATEGY}{spec}"
    try:
        candidate = train_candidate(replace(trial, strategy=strategy), rows, loaded, number=2)
        if candidate.loaded is None:
            return CheckResult(name, False, f"{spec} diverges in round 2.")
        candidate.save(place / "second")
        cold = train_candidate(trial, rows, loaded, number=2)
    except Exception as error:  # the user's own code may raise anything
        return CheckResult(name, False, f"{spec} cannot be used: {reason_of(error)}.")
    # Of the weights: a file names its strategy as well.
    if strategy.continues and candidate.manifest["content"] == cold.manifest.get("content"):
        sentence = f"{spec} ends in the same model as cold: training does not continue from the model that it is given."
        return CheckResult(name, False, sentence)
    return CheckResult(name, True, f"{spec} can be used.")
