"""`warmstart compare`: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from warmstart.basics import InputError, checked_path, short_name

from ._checked import CheckedCommand
from ._console import check_verbosity, console, say_starting, verbosity
from ._flags import EXECUTION, FLAGS, Flag, as_typed, build_execution, overlay, with_flags
from ._report import check_json_target, show_results

if TYPE_CHECKING:
    from warmstart.studies import Study

RUNNING = (
    Flag(
        "--study", "", "FILE.toml", "A study from a file, such as the study.toml beside any result; flags override it."
    ),
    Flag(
        "--out",
        "",
        "DIR",
        "Where results are stored; a study that is there already is resumed, or extended by seeds and strategies.",
        "runs/NAME made from the study",
    ),
    Flag("--reference", "", "STRATEGY", "What the others are compared with in table and report.", "cold"),
    Flag(
        "--metric", "", "NAME", "What is compared, such as balanced-accuracy; NAME:lower: lower is better.", "the score"
    ),
    Flag("--json", "", "FILE", "Also write the summary as JSON here; - for standard output."),
    Flag("--dry-run", "", "", "Say what would be read, run and written, and about how long it takes; write nothing."),
    Flag("--yes", "", "", "Run a study that seems too large without asking."),
    *EXECUTION,
)

click.rich_click.OPTION_GROUPS["warmstart compare"] = [
    *({"name": group, "options": [flag.name for flag in flags]} for group, flags in FLAGS.items()),
    {"name": "Running", "options": [flag.name for flag in RUNNING] + ["--quiet", "--verbose", "--debug", "--help"]},
]


@click.command(cls=CheckedCommand)
@with_flags(*(flag for flags in FLAGS.values() for flag in flags))
@with_flags(*RUNNING)
@verbosity("Also say, of each round that is finished, score, time and stop reason.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def compare(**given: Any) -> None:
    """Compare strategies between retraining rounds on your model and data.

    Runs a stream of arriving data once for each strategy and seed, and reports the score and cost of each, with 95 %
    intervals, as differences to a cold start that are paired by seed. It is safe to interrupt; run it again to resume.
    With more seeds or strategies and the same --out, only what is missing is run.

    Examples:
      warmstart compare
      warmstart compare --data cifar10 --data-dir DIR --subset 6000 --stream two-phase --seeds 3
      warmstart compare --data table.csv --label churned --strategies cold,warm,shrink-perturb
      warmstart compare --data table.csv --label churned --seeds auto:width=0.5 --dry-run
      warmstart compare --study runs/my-study/study.toml --out runs/again
    """
    check_verbosity(given)
    if given["dry_run"] and given["json"] is not None:
        raise InputError("--json must be left out with --dry-run, which has no results to write.")
    check_json_target(given["json"])
    say_starting(given)
    from warmstart.analysis import check_metric, check_reference
    from warmstart.learners import Regressor, TensorLearner
    from warmstart.studies import estimate, read_study_file, run_study, study_from_dict

    from ._dry_run import show_estimate
    from ._progress import shown

    loudness = {"quiet": given["quiet"], "verbose": given["verbose"]}
    try:
        study = study_from_dict(overlay({} if given["study"] is None else read_study_file(given["study"]), given))
        check_reference(given["reference"], study.labels)
        # The metrics of a user's own learner are unknown before it has evaluated.
        if isinstance(study.learner, TensorLearner):
            check_metric(given["metric"], of_classes=not isinstance(study.learner, Regressor))
        execution = build_execution(given, kind="compare")
        directory = Path(default_directory(study)) if given["out"] is None else checked_path("out", given["out"])
        if given["dry_run"]:
            with shown(console(stderr=True), **loudness) as listener:
                found = estimate(study, directory, execution=execution, listener=listener)
            show_estimate(console(), found, directory)
            return
        if not given["yes"]:
            _confirm_size(study)
        with shown(console(stderr=True), **loudness) as listener:
            records = run_study(study, directory, execution=execution, listener=listener)
    except InputError as error:
        raise as_typed(error, given) from error
    how: dict[str, Any] = {"json_file": given["json"], "reference": given["reference"]}
    try:
        show_results(records, directory, **how, metric=given["metric"])
    except InputError:
        # Which classes there are, and what a learner of the user's own measures, was not known before.
        show_results(records, directory, **how, metric=None)
        raise


# More than anybody waits for: rounds of the study in all, epochs or steps of a round.
_MANY = {"rounds": 1_000_000, "epochs": 10_000_000, "steps": 10**12}


def _confirm_size(study: Study) -> None:
    """Ask before a study that would never end, which is mostly a typing error.

    Raises:
        InputError: If the answer is no, or nobody is there to ask.
    """
    rounds = getattr(study.stream, "rounds", None) or 1  # how many a size of arrivals makes is known with the data
    in_all = rounds * study.max_seeds * len(study.labels)
    sizes = {"rounds": in_all, "epochs": study.stop.max_epochs, "steps": study.stop.max_steps or 0}
    many = [f"{sizes[name]:,} {name}" for name, most in _MANY.items() if sizes[name] > most]
    if not many:
        return
    warning = f"This study may take {' and '.join(many)}{'' if in_all > _MANY['rounds'] else ' in a round'}"
    if not sys.stdin.isatty() or not click.confirm(f"{warning}. Run it?", err=True):
        raise InputError(f"{warning}; pass --yes to run it, or ask for less.")


def default_directory(study: Study) -> str:
    """Return a directory of the study's own: the same command finds it again, another study does not."""
    from warmstart.studies import study_digest, study_to_dict

    stream = study_to_dict(study)["stream"]["name"]
    # A colon of module:Object is not allowed in file names everywhere.
    name = short_name(Path(study.data.name).stem.replace(":", "-")) or "data"
    return f"runs/{name}-{stream}-{study_digest(study)}"
