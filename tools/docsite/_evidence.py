"""What was measured of every strategy, from all result files, in one form."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from warmstart.analysis import difference_words
from warmstart.basics import METRICS, Metric
from warmstart.paper import Finding, known_experiments, read_chapters
from warmstart.specs import STRATEGY, options_for, split_spec
from warmstart.statistics import PairedDifference, PairedRatio, paired_difference, paired_ratio, times_text

from ._pages import ROOT, table

TO_TARGET, BUDGET, TABLES, IN_TIME, PROJECT = REGIMES = (
    "Trained to 99 % training accuracy, no augmentation",
    "A fixed budget of epochs, with a schedule and augmentation",
    "Tables with early stopping",
    "Tables in the order of time",
    "In a retraining project, as a fixed policy",
)
_DESK = "results/paper/desk.json"
ACCURACY = METRICS["accuracy"]


@dataclass(frozen=True)
class Measured:
    """An arm beside its reference in one recorded study.

    Args:
        regime: One of :data:`REGIMES`.
        setting: What was run, in Markdown, with a link to its page.
        file: The result file.
        arm: The strategy with its options.
        reference: What it is compared with.
        metric: Of the difference.
        difference: Of the score of the last round, paired by seed.
        cost: Factor of the cost; None where it was not counted.
        counted: What the cost counts.
    """

    regime: str
    setting: str
    file: str
    arm: str
    reference: str
    metric: Metric
    difference: PairedDifference
    cost: PairedRatio | None
    counted: str = "steps"

    @property
    def outcome(self) -> int:
        """1 if the score is shown to be better than the reference's, -1 if worse, else 0."""
        if not self.difference.detected or self.difference.mean is None:
            return 0
        return 1 if (self.difference.mean > 0) == self.metric.higher_is_better else -1

    @property
    def difference_text(self) -> str:
        """The difference with its interval, in bold where it was detected."""
        text = difference_words(self.metric, self.difference)
        return f"**{text}**" if self.outcome else text

    @property
    def cost_text(self) -> str:
        """The factor with its interval."""
        if self.cost is None or self.cost.mean is None:
            return "-"
        ends = "" if self.cost.interval is None else f" [{', '.join(map(times_text, self.cost.interval))}]"
        return f"{times_text(self.cost.mean)}x{ends}" if self.cost.detected else f"no difference detected{ends}"


@functools.cache
def measured() -> tuple[Measured, ...]:
    """Return all comparisons of a strategy with a reference that result files hold."""
    return (*_summaries(), *_scale_control(), *_desk(), *_policies())


@functools.cache
def findings(experiment: str) -> tuple[Finding, ...]:
    """Return the claims of an experiment of the paper with their verdicts."""
    return {chapter.id: tuple(chapter.findings) for chapter in _chapters()}.get(experiment, ())


@functools.cache
def _chapters() -> Sequence[Any]:
    return read_chapters(ROOT / _DESK)


def _read(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def summary_files() -> dict[str, Any]:
    """Return the result files that hold the summary of a study, by name."""
    names = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "results").glob("*.json"))
    return {name: content for name in names if str((content := _read(name)).get("schema", "")).startswith("warmstart.summary/")}


def regime_of(study: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return how the rounds of a study were trained.

    Example:
        >>> study = {"stream": {"name": "growing"}, "stop": {"train_accuracy": "none"}}
        >>> regime_of(study, {}) == BUDGET
        True
    """
    if study["stream"]["name"] == "time-ordered":
        return IN_TIME
    if study["stop"]["train_accuracy"] == "none":
        return BUDGET
    is_table = " rows, " in str(data.get("description") or "")
    return TABLES if is_table and study["stop"].get("early_stopping") != "off" else TO_TARGET


def described(study: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return a study's data, model and stream in a few words."""
    stream = study["stream"]["name"]
    count = data.get("fit_samples") or study["data"].get("subset")
    samples = f", {count:,} samples" if isinstance(count, int) else ""
    name = str(data["name"]).rpartition(":")[2].replace("_", " ")
    kept = study.get("carry_over", {}).get("normalization", "recalibrate")
    carried = "" if kept == "recalibrate" else f", BatchNorm statistics {'kept' if kept == 'keep' else 'reset'}"
    return f"{name}{samples}, {study['model']['name']}, {stream}{carried}"


def _summaries() -> Iterator[Measured]:
    for name, content in summary_files().items():
        metric = Metric(**content["metric"])
        study, data = content["study"], content["data"]
        page = "normalization.md" if "normalization" in name else "results.md"
        for arm in content["arms"]:
            found = arm["score_difference"]
            if found is not None:
                yield Measured(
                    regime_of(study, data),
                    f"[{described(study, data)}]({page})",
                    name,
                    arm["arm"],
                    content["reference"],
                    metric,
                    PairedDifference(**found),
                    PairedRatio(**arm["total"]["steps"]["ratio"]),
                )


def _scale_control() -> Iterator[Measured]:
    name = "results/scale-control.json"
    content = _read(name)
    for part, found in content["comparisons"].items():
        study = content["parts"][part]["study"]
        for arm, values in found["beside cold"].items():
            if arm != "cold":
                yield Measured(
                    regime_of(study, content["parts"][part]["data"]),
                    f"[CIFAR-10, 6,000 images, convnet: {content['parts'][part]['title']}](scale-control.md)",
                    name,
                    arm,
                    "cold",
                    ACCURACY,
                    PairedDifference(**values["accuracy"]),
                    PairedRatio(**values["steps"]),
                )


def _policies() -> Iterator[Measured]:
    name = "results/retrain-study.json"
    content = _read(name)
    for part, found in content["comparisons"].items():
        nights = content["parts"][part]["nights"]
        for arm, values in found["beside cold"].items():
            if arm != "cold":
                yield Measured(
                    PROJECT,
                    f"[{content['parts'][part]['title']}, {nights} nights](retrain-study.md)",
                    name,
                    arm,
                    "cold",
                    ACCURACY,
                    PairedDifference(**values["score"]),
                    PairedRatio(**values["samples"]),
                    "samples processed",
                )


def _desk() -> Iterator[Measured]:
    content = _read(_DESK)
    titles = {experiment.id: experiment.title for experiment in known_experiments().values()}
    for experiment, cases in content["experiments"].items():
        for case in cases:
            study = content["studies"][case["study"]]
            # One round has nothing to start from.
            if study["rounds_expected"] < 2:
                continue
            facets = ", ".join(f"{key} {value}" for key, value in case["facets"].items())
            for arm in study["arms"]:
                reference = _reference(arm, study["arms"])
                if reference is None:
                    continue
                ours, theirs = (_by_seed(study["arms"][label]["rounds"]) for label in (arm, reference))
                seeds = sorted(ours.keys() & theirs.keys())
                last = [[side[seed][0] for seed in seeds] for side in (ours, theirs)]
                steps = [[side[seed][1] for seed in seeds] for side in (ours, theirs)]
                yield Measured(
                    TO_TARGET,
                    f"[{titles[experiment]}](#paper-{experiment}), {facets}",
                    _DESK,
                    arm,
                    reference,
                    Metric(**study["metric"]),
                    paired_difference(*last),
                    paired_ratio(*steps),
                )


def _reference(arm: str, arms: Mapping[str, Any]) -> str | None:
    """Return what an arm is compared with: without its penalty, else a cold start; None if it is not of its kind."""
    name, options = split_spec(arm)
    if "penalty" in options:
        return name if name in arms else None
    known = set(options_for(STRATEGY.target(name))) | {"train_on"}
    # Other learning rates or lengths of the first round are questions about recipes.
    fits = {option.replace("-", "_") for option in options} <= known
    return "cold" if fits and arm != "cold" and "cold" in arms else None


def _by_seed(rounds: Mapping[str, Sequence[Any]]) -> dict[int, tuple[Any, float]]:
    """Return the score of the last round and the steps of all by seed."""
    last = max(rounds["round"])
    found: dict[int, tuple[Any, float]] = {}
    for seed in set(rounds["seed"]):
        mine = [index for index, other in enumerate(rounds["seed"]) if other == seed]
        (end,) = (index for index in mine if rounds["round"][index] == last)
        found[seed] = (rounds["score"][end], sum(rounds["steps"][index] for index in mine))
    return found


_COMPARED = ("warm", "shrink-perturb", "shrink-perturb:shrink=0.8", "cold:scale=0.5", "norm-matched", "auto")


def decision_tables() -> str:
    """Return the measured differences to a cold start by regime, as Markdown."""
    parts = []
    for regime in REGIMES:
        rows = [row for row in measured() if row.regime == regime and row.reference == "cold" and row.arm in _COMPARED]
        if not rows:
            continue
        arms = [arm for arm in _COMPARED if any(row.arm == arm for row in rows)]
        totals = table(
            ("start", "comparisons", "score higher", "score lower", "no difference detected", "cost, median"),
            [(f"`{arm}`", *counts([row for row in rows if row.arm == arm])) for arm in arms],
        )
        settings = list(dict.fromkeys(row.setting for row in rows))
        cells = {(row.setting, row.arm): f"{row.difference_text}; {row.cost_text}" for row in rows}
        each = table(
            ("setting", "seeds", *(f"`{arm}`" for arm in arms)),
            [
                (
                    setting,
                    str(max(row.difference.n for row in rows if row.setting == setting)),
                    *(cells.get((setting, arm), "not run") for arm in arms),
                )
                for setting in settings
            ],
        )
        parts.append(f"### {regime}\n\n{totals}\n\n{each}\n")
    return (
        "## What was measured\n\nEach start beside a cold start of the same seed: first how often which way, then every study with the "
        "difference of the score after the last round and the factor of the cost (steps over all rounds; in a retraining project samples processed), with 95 % intervals "
        "(Student's t, paired by seed, each by itself). **Bold**: the interval excludes zero. *No difference detected* is "
        "not *no difference*. Settings within a regime resemble each other, so counts of them are no statistics.\n\n"
        + "\n".join(parts)
    )


def counts(rows: Sequence[Measured]) -> tuple[str, ...]:
    """Return how many comparisons there are, how many went which way, and the median of the cost's factor."""
    factors = [row.cost.mean for row in rows if row.cost is not None and row.cost.mean is not None]
    tell: Callable[[int], str] = lambda way: str(sum(row.outcome == way for row in rows))  # noqa: E731
    return str(len(rows)), tell(1), tell(-1), tell(0), f"{times_text(median(factors))}x" if factors else "-"
