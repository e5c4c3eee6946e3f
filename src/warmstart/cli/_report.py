"""`warmstart report`: tables, charts and page from stored results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console

from warmstart.basics import StorageError, check_writable, checked_path, shown, write_atomically

from ._checked import CheckedCommand
from ._console import console as new_console
from ._entry import say

if TYPE_CHECKING:
    from warmstart.reports import ReportFiles
    from warmstart.store import StudyRecords


@click.command(cls=CheckedCommand)
@click.argument("directory", metavar="DIR")
@click.option("--json", "json_file", metavar="FILE", help="Also write the summary as JSON here; - for standard output.")
@click.option("--reference", metavar="STRATEGY", help="What the others are compared with. [default: cold]")
@click.option("--metric", metavar="NAME", help="What is compared, such as balanced-accuracy. [default: the score]")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def report(directory: str, json_file: str | None, reference: str | None, metric: str | None, debug: bool) -> None:
    """Rebuild tables, charts and page of a study from its stored results, without training.

    DIR is the study's directory. The study may still be running: what is finished is shown.

    Examples:
      warmstart report runs/churn --metric balanced-accuracy
      warmstart report runs/churn --json - | jq -r .verdict
    """
    from warmstart.studies import read_study

    check_json_target(json_file)
    folder = checked_path("DIR", directory)
    show_results(read_study(folder), folder, json_file=json_file, reference=reference, metric=metric)


def show_results(
    records: StudyRecords, directory: Path, *, json_file: str | None, reference: str | None, metric: str | None
) -> None:
    """Write the report into the directory, and show table, verdict and where the report is."""
    from warmstart.analysis import summarize
    from warmstart.reports import for_terminal, study_document, summary_text, write_report

    summary = summarize(records, reference=reference, metric=metric)
    files, problem = None, None
    try:
        files = write_report(summary, directory)
    except OSError as error:  # a full disk, or media that cannot be written: the table is shown all the same
        problem = error
    # Standard output is for the JSON alone where that was requested.
    console = new_console(stderr=json_file == "-")
    for part in for_terminal(study_document(summary, drawn=False)):
        console.print(part)
    if files is not None:
        print_place(console, files)
    if json_file is not None:
        _write_json(summary_text(summary), json_file)
    if problem is not None:
        raise StorageError(
            f"The report cannot be written to {shown(directory)} ({problem.strerror}); the results are intact, and "
            "json writes their summary to another place."
        ) from problem


def print_place(console: Console, files: ReportFiles) -> None:
    """Say where the report is, and what was left out of it for what reason."""
    without = "" if files.html else f" (without page and charts: {files.skipped})"
    console.print(f"Report: {files.html or files.markdown}{without}", highlight=False, markup=False, soft_wrap=True)


def _write_json(text: str, target: str) -> None:
    sys.stdout.flush()  # the target may be the same file
    if target == "-":
        sys.stdout.write(text)
        return
    path = checked_path("json", target)
    if path.is_fifo():
        say(f"Writing the summary to {shown(path)}, which waits until something reads it")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StorageError(
            f"The summary cannot be written to {shown(path)} ({error}); the results are stored."
        ) from error


def check_json_target(target: str | None) -> None:
    """Raise unless the summary can be written at the given path; before training, not after it."""
    if target is not None and target != "-":
        check_writable("json", checked_path("json", target))
