"""Whether what shrink-perturb gains is due to the weights it keeps, or to the smaller scale of its start.

    python benchmarks/scale_control.py --data-dir DIR

runs every part, or what is left of it, in the folder ``--out``; ``--part`` chooses some of them. ``--json`` writes the
result of all that is finished there, and ``--page`` the tables and charts of the page.

A shrunk start keeps something of the previous model, and it is smaller than a fresh one. Two controls tell these apart,
and a third one belongs to every claim of lower cost:

- ``cold:scale=s``: a fresh model whose parameters are all multiplied by s.
- ``norm-matched``: a fresh model whose every parameter has the norm that shrink-perturb would give it.
- a cold start at the reduced budget.

Each seed draws its own training images, their order and its fresh weights, shared by all arms; the test set is the
official one. Safe to interrupt: run it again to resume.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.console import Console

import warmstart as ws
from recorded_page import write_result
from scale_control_page import answers, write_page
from warmstart.data import Interpolation
from warmstart.statistics import mean_interval, paired_difference, paired_ratio
from warmstart.store import RoundRecord, StudyRecords
from warmstart.studies import Arm, read_study, study_to_dict
from warmstart.training import Augmentation, Schedule

SHRINKS, SCALES = (0.2, 0.4, 0.6, 0.8), (0.75, 0.5, 0.25)
SHRINK, SCALE = 0.4, 0.5
BEFORE = ws.ShrinkPerturb(SHRINK, before_first_round=True)
FULL_EPOCHS = 30
# Four times what the slowest arm took in a trial run; who does not reach 99 % by then is counted as not having done so.
MAX_EPOCHS = 500
# Of an arm's seeds in a result: one has no interval.
FEWEST = 2


@dataclass(frozen=True)
class Part:
    """A study of the page: which arms, on which stream, how they train."""

    title: str
    arms: Sequence[ws.Strategy]
    rounds: int
    recipe: ws.Recipe
    stop: ws.StoppingRule
    first_epochs: int | None = None

    def arm(self, strategy: ws.Strategy) -> Arm:
        """Return a strategy as it takes part."""
        return Arm(strategy, first_epochs=self.first_epochs)

    def study(self, options: argparse.Namespace) -> ws.Study:
        """Return the study on the data that the command line names."""
        is_official = options.holdout is None
        return ws.Study(
            [self.arm(strategy) for strategy in self.arms if not options.arm or Arm(strategy).label in options.arm],
            data=ws.DataSource(
                options.data, directory=options.data_dir, image_size="16", interpolation=Interpolation.AREA
            ),
            evaluation=ws.EvaluationSettings(ws.EvaluateOn.TEST)
            if is_official
            else ws.EvaluationSettings(holdout=options.holdout),
            architecture=ws.ConvNet(options.width),
            # Not TwoPhase on a fixed subset: so each seed draws images of its own, and intervals are over them too.
            stream=ws.Growing(arrival_size=options.samples // self.rounds, rounds=self.rounds),
            recipe=self.recipe,
            stop=self.stop,
            seeds=options.seeds,
        )


def _to_target(optimizer: str, rate: float) -> tuple[ws.Recipe, ws.StoppingRule]:
    recipe = ws.Recipe(optimizer=ws.OptimizerKind(optimizer), learning_rate=rate, precision=ws.Precision.AUTO)
    return recipe, ws.StoppingRule(train_accuracy=0.99, patience=None, max_epochs=MAX_EPOCHS)


def two_phase(optimizer: str, rate: float, title: str) -> Part:
    """Return the part in which half of the images arrive first, every round trained to 99 % training accuracy."""
    arms = [
        ws.Cold(),
        *(ws.Cold(scale) for scale in SCALES),
        ws.Warm(),
        *(ws.ShrinkPerturb(shrink) for shrink in SHRINKS),
        *(ws.NormMatched(shrink) for shrink in SHRINKS),
        BEFORE,
    ]
    return Part(title, arms, 2, *_to_target(optimizer, rate))


def growing(optimizer: str, rate: float, title: str) -> Part:
    """Return the part in which images arrive in 20 rounds, each trained to 99 % training accuracy."""
    arms = [ws.Cold(), ws.Cold(SCALE), ws.Warm(), ws.ShrinkPerturb(SHRINK), ws.NormMatched(SHRINK), BEFORE]
    return Part(title, arms, 20, *_to_target(optimizer, rate))


def budget(share: int, title: str) -> Part:
    """Return the part whose last round has one ``share``-th of the full budget of epochs, and round 1 all of it."""
    recipe = ws.Recipe(
        optimizer=ws.OptimizerKind.SGD,
        learning_rate=0.1,
        momentum=0.9,
        schedule=Schedule.COSINE,
        warm_up=0.1,
        augmentation=(Augmentation.FLIP, Augmentation.CROP),
        precision=ws.Precision.AUTO,
    )
    arms = [ws.Cold(), ws.Warm(), ws.ShrinkPerturb(SHRINK), ws.NormMatched(SHRINK)]
    stop = ws.StoppingRule(train_accuracy=None, patience=None, max_epochs=FULL_EPOCHS // share)
    return Part(title, arms, 2, recipe, stop, first_epochs=FULL_EPOCHS)


# In the order in which they run.
PARTS: Mapping[str, Part] = {
    "two-phase-adam": two_phase("adam", 1e-3, "two rounds to 99 %, Adam 0.001"),
    "two-phase-sgd-0.1": two_phase("sgd", 0.1, "two rounds to 99 %, SGD 0.1"),
    "budget-full": budget(1, "the full budget"),
    "budget-half": budget(2, "half the last round's budget"),
    "budget-third": budget(3, "a third of the last round's budget"),
    "growing-adam": growing("adam", 1e-3, "20 rounds to 99 %, Adam 0.001"),
    "two-phase-sgd-0.01": two_phase("sgd", 0.01, "two rounds to 99 %, SGD 0.01"),
    "growing-sgd-0.1": growing("sgd", 0.1, "20 rounds to 99 %, SGD 0.1"),
    "growing-sgd-0.01": growing("sgd", 0.01, "20 rounds to 99 %, SGD 0.01"),
}


def run(options: argparse.Namespace) -> None:
    """Run the parts that the command line asks for, or what is left of them."""
    console = Console(stderr=True)
    execution = ws.Execution(workers=options.workers, threads=1, device="cpu")

    def listen(message: object) -> None:
        if isinstance(message, RoundRecord):
            score = "diverged" if message.score is None else f"{100 * message.score:.1f} %"
            at = f"seed {message.seed}, round {message.round}: {message.arm}"
            console.print(f"{at}: {score}, {message.epochs} epochs, {message.seconds:.0f} s", highlight=False)

    for name in options.part or PARTS:
        console.print(name, style="bold")
        part = PARTS[name]
        if options.max_epochs is not None:
            part = replace(part, stop=replace(part.stop, max_epochs=options.max_epochs))
        ws.run_study(part.study(options), options.out / name, store=options.out, execution=execution, listener=listen)


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean; None where a value is missing."""
    given = [value for value in values if value is not None]
    return sum(given) / len(given) if given and len(given) == len(values) else None


def values_of(records: StudyRecords, labels: Mapping[str, str]) -> dict[str, dict[str, list[Any]]]:
    """Return what each finished seed gave, by arm and measure, in the order of seeds.

    Arms with fewer than two finished seeds are left out.

    Args:
        records: The stored rounds, of some seeds perhaps not all.
        labels: By label of an arm of the records, its label in the result.
    """
    by_trial: dict[tuple[str, int], list[RoundRecord]] = {}
    for record in sorted(records.rounds, key=lambda record: record.round):
        by_trial.setdefault((record.arm, record.seed), []).append(record)
    found: dict[str, dict[str, list[Any]]] = {}
    for arm in records.arms:
        by_seed = (by_trial.get((arm, seed), []) for seed in range(records.seeds_expected))
        # Those before the first gap: arms, and parts, are paired by the seeds' places.
        trials = list(takewhile(lambda rounds: len(rounds) == records.rounds_expected, by_seed))
        if len(trials) < FEWEST:
            continue
        found[labels[arm]] = {
            "accuracy": [rounds[-1].score for rounds in trials],
            "mean accuracy": [_mean([record.score for record in rounds]) for rounds in trials],
            "accuracy by round": [[record.score for record in rounds] for rounds in trials],
            "training accuracy": [rounds[-1].train_score for rounds in trials],
            "epochs of the last round": [rounds[-1].epochs for rounds in trials],
            "steps of the last round": [rounds[-1].steps for rounds in trials],
            "steps": [sum(record.steps or 0 for record in rounds) for rounds in trials],
            "rounds that reached the target": [
                sum(record.stop_reason == "converged" for record in rounds) for rounds in trials
            ],
        }
    return found


def beside(
    part: Mapping[str, Any], arms: Sequence[str], reference: Mapping[str, Any], references: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy and steps of some arms beside others, paired by seed, each the mean over the arms of its side.

    Args:
        part: A part of the result.
        arms: Labels in that part.
        reference: The part that the others are of.
        references: Their labels.
    """
    # All have the same seeds, from 0 on, but perhaps not equally many.
    sides_of = [(part, label) for label in arms] + [(reference, label) for label in references]
    seeds = min(len(of["seeds"][label]["accuracy"]) for of, label in sides_of)

    def mean(of: Mapping[str, Any], labels: Sequence[str], measure: str) -> list[float | None]:
        by_seed = list(zip(*(of["seeds"][label][measure][:seeds] for label in labels), strict=True))
        return [_mean(values) for values in by_seed]

    sides = {
        measure: (mean(part, arms, measure), mean(reference, references, measure))
        for measure in ("accuracy", "mean accuracy", "steps of the last round", "steps")
    }
    return {
        "accuracy": asdict(paired_difference(*sides["accuracy"])),
        "mean accuracy": asdict(paired_difference(*sides["mean accuracy"])),
        "steps of the last round": asdict(paired_ratio(*sides["steps of the last round"])),
        "steps": asdict(paired_ratio(*sides["steps"])),
    }


COLD, WARM, KEPT, BEFORE_LABEL = (
    Arm(strategy).label for strategy in (ws.Cold(), ws.Warm(), ws.ShrinkPerturb(SHRINK), BEFORE)
)
BUDGET = "budget-full"


def compared(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return, by part, each arm beside cold, each shrink-perturb beside its control, and what the page is about."""
    found: dict[str, Any] = {}
    for name, part in parts.items():
        # A cold start at the full budget is what a reduced one has to be as good as.
        full, labels = parts.get(BUDGET) if name.startswith("budget") else part, list(part["seeds"])
        if full is None:
            continue
        pairs = [(Arm(ws.ShrinkPerturb(shrink)).label, Arm(ws.NormMatched(shrink)).label) for shrink in SHRINKS]
        pairs = [(kept, matched) for kept, matched in pairs if kept in labels and matched in labels]
        found[name] = {
            "beside cold": {label: beside(part, [label], full, [COLD]) for label in labels},
            "beside its control": {label: beside(part, [label], part, [control]) for label, control in pairs},
        }
        if WARM in labels:
            found[name]["warm"] = beside(part, [WARM], part, [COLD])
        if pairs:
            kept, matched = zip(*pairs, strict=True)
            found[name] |= {
                "kept weights": beside(part, kept, part, matched),
                "scale": beside(part, matched, part, [COLD]),
                "shrink-perturb": beside(part, kept, part, [COLD]),
            }
        if {BEFORE_LABEL, KEPT} <= set(labels):
            found[name]["before round 1"] = beside(part, [BEFORE_LABEL], part, [KEPT])
    return found


def result_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is finished of all parts in the folder, as plain values without paths."""
    parts: dict[str, Any] = {}
    for name, part in PARTS.items():
        folder = options.out / name
        if not (folder / "study.json").exists():
            continue
        records = read_study(folder)
        seeds = values_of(records, {part.arm(strategy).label: Arm(strategy).label for strategy in part.arms})
        if not {COLD, WARM} <= set(seeds):
            continue
        run_arms = [part.arm(strategy) for strategy in part.arms if Arm(strategy).label in seeds]
        most = max(len(of["accuracy"]) for of in seeds.values())
        study = study_to_dict(replace(part.study(options), arms=run_arms, seeds=most))
        study["data"].pop("directory", None)
        data = {key: records.data[key] for key in ("name", "description", "fingerprint", "evaluate")}
        parts[name] = {
            "title": part.title,
            "study": study,
            "data": data,
            "provenance": dict(records.provenance),
            "means": {label: asdict(mean_interval(measured["accuracy"])) for label, measured in seeds.items()},
            "seeds": seeds,
        }
    return {
        "command": "python benchmarks/scale_control.py --data-dir DIR",
        "confidence": 0.95,
        "comparisons": compared(parts),
        "parts": parts,
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", default="cifar10")
    made.add_argument("--data-dir", help="where named data sets are stored")
    made.add_argument("--out", type=Path, default=Path("runs/scale-control"), help="where all trials are stored")
    made.add_argument("--part", action="append", choices=PARTS, help="may be repeated (default: all)")
    made.add_argument("--arm", action="append", metavar="LABEL", help="of the parts, may be repeated (default: all)")
    made.add_argument("--seeds", type=int, default=6, help="a part can be extended later (default: 6)")
    made.add_argument("--workers", type=int, default=2, help="processes, of one thread each (default: 2)")
    made.add_argument("--samples", type=int, default=6000, help="training images of a seed (default: 6000)")
    made.add_argument("--width", type=int, default=16, help="of the network (default: 16)")
    made.add_argument("--holdout", type=float, help="share to evaluate on, of data without an official test set")
    made.add_argument("--max-epochs", type=int, help="of a round, in place of the part's own, for a dry run")
    made.add_argument("--json", type=Path, help="write the result of all that is finished here")
    made.add_argument("--page", type=Path, help="write tables and charts of the result into this page")
    made.add_argument("--no-run", action="store_true", help="train nothing: write what is finished")
    return made


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    options = parser().parse_args(arguments)
    if not options.no_run:
        run(options)
    result = result_of(options)
    if options.json:
        write_result(result, options.json)
    if options.page:
        write_page(result, options.page)
    print("\n".join(answers(result)))


if __name__ == "__main__":
    main(sys.argv[1:])
