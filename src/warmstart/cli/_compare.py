"""`warmstart compare`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from warmstart.basics import checked_path, short_name

from ._checked import CheckedCommand
from ._console import console
from ._flags import EXECUTION, FLAGS, build_execution, execution_option, overlay, study_flags

if TYPE_CHECKING:
    from warmstart.studies import Study

RUNNING = (
    ("--study", "FILE.toml", "A study from a file, such as the study.toml beside any result; flags override it."),
    ("--out", "DIR", "Where results go; the same study goes on where it was. [default: runs/NAME made from the study]"),
    ("--reference", "STRATEGY", "What the others are compared with in table and report. [default: cold]"),
    ("--json", "FILE", "Also write the summary as JSON here; - for standard output."),
    *EXECUTION,
)

click.rich_click.OPTION_GROUPS["warmstart compare"] = [
    *({"name": group, "options": [flag.name for flag in flags]} for group, flags in FLAGS.items()),
    {"name": "Running", "options": [name for name, _, _ in RUNNING] + ["--debug", "--help"]},
]


def _running_flags(command: Any) -> Any:
    for name, metavar, text in reversed(RUNNING):
        command = execution_option(name, metavar, text)(command)
    return command


@click.command(cls=CheckedCommand)
@study_flags
@_running_flags
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def compare(**given: Any) -> None:
    """Compare strategies between retraining rounds on your model and data.

    Plays a stream of arriving data once for each strategy and seed, and reports accuracy and cost of each, with 95 %
    intervals, as differences to a cold start that are paired by seed. Kill it at any moment: the same command goes on.

    Examples:
      warmstart compare

      warmstart compare --data cifar10 --data-dir DIR --subset 6000 --stream two-phase --seeds 3

      warmstart compare --data table.csv --label churned --model mlp --strategies cold,warm,shrink-perturb

      warmstart compare --study runs/my-study/study.toml --out runs/again
    """
    from warmstart.analysis import check_reference
    from warmstart.studies import read_study_file, run_study, study_from_dict

    from ._progress import shown
    from ._report import check_json_target, show_results

    check_json_target(given["json"])
    study = study_from_dict(overlay({} if given["study"] is None else read_study_file(given["study"]), given))
    check_reference(given["reference"], study.labels)
    execution = build_execution(given, kind="compare")
    directory = Path(default_directory(study)) if given["out"] is None else checked_path("out", given["out"])
    with shown(console(stderr=True)) as listener:
        records = run_study(study, directory, execution=execution, listener=listener)
    show_results(records, directory, json_file=given["json"], reference=given["reference"])


def default_directory(study: Study) -> str:
    """Return a directory of the study's own: the same command finds it again, another study does not."""
    from warmstart.studies import study_digest, study_to_dict

    stream = study_to_dict(study)["stream"]["name"]
    name = short_name(Path(study.data.name).stem) or "data"
    return f"runs/{name}-{stream}-{study_digest(study)}"
