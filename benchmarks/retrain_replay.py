"""What the retraining study measures of its stored runs, and the gates and policies that are replayed from them.

A run is one project, run to its end: what every model predicts of every row of its stream, and what each night did.
Other gates and policies are read off it without training again.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from retrain_streams import Stream
from warmstart.retrain._gate import (
    FIRST_SHARE,
    LATER_LOOKS,
    LATER_SHARE,
    GateRule,
    ModelScores,
    Verdict,
    judge,
)

FIRST_NIGHT = 3
"""The first night that counts; before it there is next to nothing to judge by."""
FIRST_AUDIT, AUDITS = 2, 3
"""Of the policy that commits after three audits: the night of the first one, and how many each arm has."""
# One-sided error of the test by which a promotion is shown to be bad.
Z = 1.6448536
ALPHA, WINDOW = 0.05, 30
"""Of all projects of the study, by default."""


@dataclass(frozen=True, eq=False)
class Run:
    """A project that was run to its end.

    Attributes:
        predictions: Class of each row of the stream by each model, uint8 (models, rows).
        held_out: Whether a row of the stream was held out for judging, bool (rows,).
        nights: One record each: ``arms`` (``model`` or None, ``strategy``, ``samples``, ``seconds``, ``stop_reason``),
            ``serving`` (the number of the model that serves after it), ``outcome``, ``reason``.
        about: Settings and provenance.
    """

    predictions: np.ndarray
    held_out: np.ndarray
    nights: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the run; a file of its name is a whole one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part.npz")
        text = json.dumps({"nights": list(self.nights), "about": dict(self.about)})
        np.savez_compressed(draft, predictions=self.predictions, held_out=self.held_out, text=np.array(text))
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read what :meth:`save` wrote."""
        with np.load(path) as found:
            text = json.loads(str(found["text"]))
            return cls(found["predictions"], found["held_out"], text["nights"], text["about"])

    def samples(self, night: int) -> int:
        """Return the number of samples that the models of a night were trained on, counted once per epoch."""
        return sum(arm["samples"] for arm in self.nights[night - 1]["arms"])

    def newest(self, night: int) -> int | None:
        """Return the last model of the run's own strategy up to a night."""
        for record in reversed(self.nights[:night]):
            if record["arms"] and record["arms"][0]["model"] is not None:
                return int(record["arms"][0]["model"])
        return None


@dataclass(frozen=True)
class Served:
    """Which model served after each night, of which run, and which promotions there were.

    Attributes:
        serving: Run and model after each night; None: none.
        promotions: By night: the run, the model before and the one promoted in its place.
        samples: Trained on in each night.
    """

    serving: Sequence[tuple[Run, int] | None]
    promotions: Mapping[int, tuple[Run, int, int]]
    samples: Sequence[int]


def as_run(run: Run) -> Served:
    """Return what the project itself served."""
    after = [record["serving"] for record in run.nights]
    # From one night to the next: in between, a candidate of an earlier night may have been promoted, too.
    promotions = {
        night: (run, before, serving)
        for night, (before, serving) in enumerate(pairwise(after), 2)
        if run.nights[night - 1]["outcome"] == "promoted" and before not in (None, serving)
    }
    serving = [None if model is None else (run, model) for model in after]
    return Served(serving, promotions, [run.samples(night) for night in range(1, len(run.nights) + 1)])


def always_newest(run: Run, stream: Stream) -> Served:
    """Return what the project would have served without any gate: the newest model of its strategy."""
    return _replayed(run, lambda night, models, serving: models[0] if models else serving)


def point_estimate(run: Run, stream: Stream) -> Served:
    """Return what the project would have served had it promoted each model that is no worse on the held-out rows."""

    def chosen(night: int, models: Sequence[int], serving: int | None) -> int | None:
        rows = judging_rows(run, stream, night)
        right = run.predictions[:, rows] == stream.given[rows]
        for model in models:
            if serving is None or (len(rows) and right[model].mean() >= right[serving].mean()):
                serving = model
        return serving

    return _replayed(run, chosen)


def gate_at(tolerance: float, *, looks: int = LATER_LOOKS) -> Callable[[Run, Stream], Served]:
    """Return the replay of the project's own gate with another tolerance, its anchor included, without class vetoes.

    The first model serves at once. With ``looks`` 0 a candidate is judged on the night of its training alone.
    """
    first = FIRST_SHARE if looks else 1.0

    def replay(run: Run, stream: Stream) -> Served:
        anchor: list[int] = []
        # Candidates that may still pass: the model, the night of its training and how many were trained there.
        waiting: list[tuple[int, int, int]] = []

        def verdict(model: int, serving: int, rows: np.ndarray, alpha: float) -> Verdict:
            right = (run.predictions[:, rows] == stream.given[rows]).astype(float)
            of = {one: ModelScores(str(one), right[one]) for one in (model, serving, anchor[0])}
            units = None if stream.groups is None else stream.groups[rows]
            return judge(
                of[model], of[serving], of[anchor[0]], rule=GateRule(tolerance=tolerance, alpha=alpha), units=units
            )

        def best_of(verdicts: Mapping[int, Verdict], nights: Mapping[int, int]) -> int | None:
            passing = [model for model, found in verdicts.items() if found.outcome == "promote"]
            best = max(passing, key=lambda model: (nights[model], verdicts[model].champion.mean), default=None)
            waiting[:] = [
                one
                for one in waiting
                if (best is None or one[1] > nights[best])
                and (one[0] not in verdicts or verdicts[one[0]].outcome != "worse")
            ]
            if best is not None and verdicts[best].becomes_anchor:
                anchor[0] = best
            return best

        def chosen(night: int, models: Sequence[int], serving: int | None) -> int | None:
            if serving is None:
                anchor[:] = models[:1]
                return models[0] if models else None
            waiting[:] = [one for one in waiting if one[1] >= night - looks]
            again = {
                model: verdict(model, serving, unseen_rows(run, stream, made, night), ALPHA * LATER_SHARE / count)
                for model, made, count in waiting
            }
            late = best_of(again, {model: made for model, made, _ in waiting})
            serving = serving if late is None else late
            rows = judging_rows(run, stream, night)
            found = {model: verdict(model, serving, rows, ALPHA * first / len(models)) for model in models}
            best = best_of(found, dict.fromkeys(models, night))
            if best is None:
                waiting.extend((model, night, len(models)) for model in models if found[model].outcome != "worse")
            return serving if best is None else best

        return _replayed(run, chosen)

    return replay


def unseen_rows(run: Run, stream: Stream, made: int, night: int) -> np.ndarray:
    """Return the rows by which a model of an earlier night is judged again: also all that has arrived since."""
    return np.union1d(judging_rows(run, stream, made), np.setdiff1d(stream.known_at(night), stream.known_at(made)))


def judging_rows(run: Run, stream: Stream, night: int) -> np.ndarray:
    """Return the rows by which a project judges on a night: held out, with labels, of the last 30 arrivals."""
    known = stream.known_at(night)
    recent = np.concatenate(stream.arrivals[max(0, night - WINDOW) : night])
    return known[run.held_out[known] & np.isin(known, recent)]


def _replayed(run: Run, choose: Callable[[int, Sequence[int], int | None], int | None]) -> Served:
    serving: int | None = None
    served: list[tuple[Run, int] | None] = []
    promotions: dict[int, tuple[Run, int, int]] = {}
    for night, record in enumerate(run.nights, 1):
        models = [arm["model"] for arm in record["arms"] if arm["model"] is not None]
        found = choose(night, models, serving)
        if serving is not None and found is not None and found != serving:
            promotions[night] = (run, serving, found)
        serving = found
        served.append(None if serving is None else (run, serving))
    return Served(served, promotions, [run.samples(night) for night in range(1, len(run.nights) + 1)])


GATES: Mapping[str, Callable[[Run, Stream], Served]] = {
    "the gate": lambda run, stream: as_run(run),
    "on the night alone": lambda run, stream: gate_at(run.about["settings"]["settings"]["tolerance"], looks=0)(
        run, stream
    ),
    "the gate at 5 points": gate_at(0.05),
    "point estimate": point_estimate,
    "always newest": always_newest,
}


def committed(runs: Mapping[str, Run], arms: Sequence[str], stream: Stream, *, tolerance: float) -> tuple[Served, str]:
    """Return what a policy would have served that commits after three audits, and what it commits to.

    Three nights long the cheapest arm is trained beside a cold start; if their mean difference on the next arrivals is
    above minus the tolerance, the arm runs alone for ever. Else the next arm has three nights, and in the end there is
    the cold start. On nights of audits the cold start's project serves, afterwards that of the arm.

    Args:
        runs: By strategy, of one seed; that of ``cold`` too.
        arms: To be tried, the cheapest first.
        stream: Of the runs.
        tolerance: Of the projects.
    """
    nights, night = len(stream.arrivals), FIRST_AUDIT
    cold = runs["cold"]
    extra = dict.fromkeys(range(1, nights + 1), 0)
    chosen = "cold"
    for arm in arms:
        audits = [one for one in range(night, night + AUDITS) if one <= nights and len(stream.following[one - 1])]
        if len(audits) < AUDITS:
            break
        for one in audits:
            extra[one] = runs[arm].samples(one)
        night += AUDITS
        differences = [
            _accuracy(runs[arm], runs[arm].newest(one), stream.following[one - 1], stream.given)
            - _accuracy(cold, cold.newest(one), stream.following[one - 1], stream.given)
            for one in audits
        ]
        if np.mean(differences) >= -tolerance:
            chosen = arm
            break
    before, after = as_run(cold), as_run(runs[chosen])
    promotions = {at: of for at, of in before.promotions.items() if at < night}
    promotions |= {at: of for at, of in after.promotions.items() if at >= night}
    samples = [
        before.samples[at - 1] + extra[at] if at < night else after.samples[at - 1] for at in range(1, nights + 1)
    ]
    return Served([*before.serving[: night - 1], *after.serving[night - 1 :]], promotions, samples), chosen


def _accuracy(run: Run, model: int | None, rows: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows that are right; without a model, that of the most frequent class of these rows."""
    if model is None:
        return float(np.bincount(labels[rows]).max() / len(rows))
    return float((run.predictions[model, rows] == labels[rows]).mean())


def measures(served: Served, stream: Stream, *, tolerance: float) -> dict[str, Any]:
    """Return what the study measures of one seed, against the true labels.

    A promotion is *bad* if the new model's score on the test rows is below that of the model before by more than the
    tolerance, and *shown to be bad* if the upper end of a 90 % interval of that difference over the test rows is, too.
    A night is *below its best* if the model that serves is below the best that has served so far by more than the
    tolerance on the same rows, and *below the best trained* if it is below the best that was trained so far.

    Returns:
        By measure: ``score``, the mean over the nights from the third on of the accuracy on the next arrival;
        ``scores``, night by night; counts of nights, promotions and the like.
    """
    scores: list[float | None] = []
    below = below_trained = 0
    ever: list[tuple[Run, int]] = []
    for night, at in enumerate(served.serving, 1):
        rows, tests = stream.following[night - 1], stream.tests[night - 1]
        run, model = at or (None, None)
        if run is None or model is None:
            # What is served by somebody who has no model yet: the most frequent label so far.
            known = stream.given[stream.known_at(night)]
            common = int(np.bincount(known).argmax()) if len(known) else 0
            scores.append(float((stream.labels[rows] == common).mean()) if len(rows) else None)
            continue
        scores.append(_accuracy(run, model, rows, stream.labels) if len(rows) else None)
        if (run, model) not in ever:
            ever.append((run, model))
        right = (run.predictions[:, tests] == stream.labels[tests]).mean(1)
        trained = [arm["model"] for record in run.nights[:night] for arm in record["arms"] if arm["model"] is not None]
        below_trained += bool(right[model] < right[trained].max() - tolerance)
        best = max(_accuracy(*one, tests, stream.labels) for one in ever)
        below += bool(right[model] < best - tolerance)
    bad = shown = 0
    for night, (run, before, after) in served.promotions.items():
        tests = stream.tests[night - 1]
        right = run.predictions[:, tests] == stream.labels[tests]
        differences = right[after].astype(float) - right[before]
        error = differences.std() / np.sqrt(len(tests))
        bad += bool(differences.mean() < -tolerance)
        shown += bool(differences.mean() + Z * error < -tolerance)
    counted = [score for score in scores[FIRST_NIGHT - 1 :] if score is not None]
    return {
        "score": float(np.mean(counted)),
        "scores": scores,
        "samples": int(sum(served.samples)),
        "nights": len(scores),
        "promotions": len(served.promotions),
        "bad promotions": bad,
        "shown bad": shown,
        "nights below best": below,
        "nights below the best trained": below_trained,
        "nights without a model": sum(one is None for one in served.serving),
    }
