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

TO_TARGET, BUDGET, TABLES, IN_TIME, TRANSFER, PROJECT = REGIMES = (
    "Trained to the end (mostly 99 % training accuracy), no augmentation",
    "A fixed budget of epochs, with a schedule and augmentation",
    "Tables with early stopping",
    "Tables in the order of time",
    "From the model of another data set",
    "In a retraining project, as a fixed policy",
)
REDUCED = "cold with the reduced budget"
_USUAL = ("warm", "shrink-perturb", "cold:scale=0.5", "norm-matched")
_COMPARED = {
    TRANSFER: ("warm", "shrink-perturb:shrink=0.3:perturb=0.0001:noise=gaussian"),
    BUDGET: ("warm", "shrink-perturb", "norm-matched", REDUCED),
    PROJECT: ("warm", "shrink-perturb:shrink=0.8", "cold:scale=0.5", "auto"),
}
"""The starts of the decision tables, where they are not the usual ones."""
_BUDGETS = "With a reduced budget, beside a cold start that has the full one."
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
    return {
        name: content
        for name in names
        if str((content := _read(name)).get("schema", "")).startswith("warmstart.summary/")
    }


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
        page = "normalization.md" if data["name"] == "digits" else "results.md"
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
                    PairedRatio(**arm["last_round"]["steps"]["ratio"]),
                )


def _scale_control() -> Iterator[Measured]:
    name = "results/scale-control.json"
    content = _read(name)
    for part, found in content["comparisons"].items():
        study, title = content["parts"][part]["study"], content["parts"][part]["title"]
        for arm, values in found["beside cold"].items():
            # With a reduced budget all, a cold start too, are compared with a cold start that has the full one.
            is_reduced = values["steps"]["mean"] != 1
            if arm != "cold" or is_reduced:
                yield Measured(
                    regime_of(study, content["parts"][part]["data"]),
                    f"[CIFAR-10, 6,000 images, convnet: {title}](scale-control.md)",
                    name,
                    REDUCED if arm == "cold" else arm,
                    "cold",
                    ACCURACY,
                    PairedDifference(**values["accuracy"]),
                    PairedRatio(**values["steps of the last round"]),
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
                    TRANSFER if experiment == "transfer" else TO_TARGET,
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
    """Return score and steps of the last round by seed."""
    last = max(rounds["round"])
    table = zip(rounds["seed"], rounds["round"], rounds["score"], rounds["steps"], strict=True)
    return {seed: (score, steps) for seed, number, score, steps in table if number == last}


def decision_tables() -> str:
    """Return the measured differences to a cold start by regime, as Markdown."""
    parts = []
    for regime in REGIMES:
        compared = _COMPARED.get(regime, _USUAL)
        rows = [row for row in beside_cold(measured()) if row.regime == regime and row.arm in compared]
        if not rows:
            continue
        arms = [arm for arm in compared if any(row.arm == arm for row in rows)]
        totals = [(f"`{arm}`", *counts([row for row in rows if row.arm == arm])) for arm in arms]
        by_setting: dict[str, dict[str, Measured]] = {}
        for row in rows:
            by_setting.setdefault(row.setting, {})[row.arm] = row
        several = {setting: found for setting, found in by_setting.items() if len(found) > 1}
        alone = {setting: found for setting, found in by_setting.items() if len(found) == 1}
        parts += [f"### {regime}", *([_BUDGETS] if regime == BUDGET else []), table(("start", *HEADS), totals)]
        parts += [_settings(several, arms)] if several else []
        parts += [
            _settings({k: v for k, v in alone.items() if arm in v}, [arm])
            for arm in arms
            if any(arm in v for v in alone.values())
        ]
    return (
        "## What was measured\n\nEach start beside a cold start of the same seed: first how often which "
        "way, then every study with the "
        "difference of the score after the last round and the factor of the cost (steps of the last "
        "round, which is what the next "
        "retraining costs; in a retraining project samples processed over all nights), with 95 % intervals "
        "(Student's t, paired by seed, each by itself). **Bold**: the interval excludes zero. *No "
        "difference detected* is "
        "not *no difference*. Settings within a regime resemble each other, and some share trials, so "
        "that counts of them are no statistics. "
        "Verdicts on the paper's claims rest on wider intervals where a study may look twice.\n\n"
        + "\n\n".join(parts)
        + "\n"
    )


def _settings(found: Mapping[str, Mapping[str, Measured]], arms: Sequence[str]) -> str:
    """Return a table with a row per setting and a column per start."""
    rows = []
    for setting, by_arm in found.items():
        cells = [
            f"{by_arm[arm].difference_text}; {by_arm[arm].cost_text}" if arm in by_arm else "not run" for arm in arms
        ]
        rows.append((setting, str(max(row.difference.n for row in by_arm.values())), *cells))
    return table(("setting", "seeds", *(f"`{arm}`" for arm in arms)), rows)


def beside_cold(rows: Sequence[Measured]) -> list[Measured]:
    """Return comparisons with a cold start that are fit to decide by, every one once.

    Left out are those whose normalization statistics lag behind the weights, which measure the lag; and what a study
    shares with another one.
    """
    found: dict[tuple[Any, ...], Measured] = {}
    for row in rows:
        if row.reference == "cold" and "BatchNorm statistics" not in row.setting:
            found.setdefault((row.arm, row.difference.n, row.difference.mean), row)
    return list(found.values())


HEADS = ("comparisons", "score higher", "score lower", "no difference detected", "cost, median")
"""Over what :func:`counts` returns."""


def counts(rows: Sequence[Measured]) -> tuple[str, ...]:
    """Return how many comparisons there are, how many went which way, and the median of the cost's factor."""
    factors = [row.cost.mean for row in rows if row.cost is not None and row.cost.mean is not None]
    tell: Callable[[int], str] = lambda way: str(sum(row.outcome == way for row in rows))  # noqa: E731
    return str(len(rows)), tell(1), tell(-1), tell(0), f"{times_text(median(factors))}x" if factors else "-"
