"""The files of the paper's experiments."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from warmstart.basics import InputError
from warmstart.paper import Chapter, Table
from warmstart.reports._files import ReportFiles, write_files

from ._document import exhibit_name, paper_document
from ._json import findings_text

TITLE: Final = "On Warm-Starting Neural Network Training: the experiments, run again"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def write_paper_report(
    chapters: Sequence[Chapter],
    directory: str | Path,
    *,
    title: str = TITLE,
    note: str,
) -> ReportFiles:
    """Write ``findings.json``, ``report.html``, ``report.md``, ``report.json`` and ``charts/`` into a directory.

    Every file is written beside its place and then renamed, so a reader never meets half a file. An existing report is
    replaced. The page and the charts need the extra ``report``; without it the other files are written all the same.
    Charts are ``charts/<id of the chapter>-<name of the exhibit>`` as ``.png`` and ``.svg``; one without a single
    value is not drawn, and the page says so.

    Args:
        chapters: The experiments in their order, run or not.
        directory: Made if it does not exist.
        title: Of the page.
        note: What holds for all numbers: the scale, seeds, machine. It stands at the top.

    Returns:
        Where the files are, and what was skipped for what reason.

    Raises:
        InputError: If there is no chapter, the note is empty, an id or a name is twice there or does not fit a file
            name, a row of a table has not a cell for every title, or the directory is a file.

    Example:
        >>> import tempfile
        >>> chapter = Chapter(
        ...     id="two-phase", title="Half, then everything", where="Figure 1", question="Does it cost accuracy?",
        ...     paper_setting="CIFAR-10, ResNet-18", setting="", deviations="", state="not run", complete=False,
        ...     findings=(), exhibits=(), provenance={},
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_paper_report([chapter], folder, note="Nothing has been run.")
        ...     print(files.markdown.read_text().splitlines()[-1])
        **Nothing of this experiment has been run yet: there are no results to show.**
    """
    # Before anything is written: half a report would take the place of a whole one.
    check_chapters(chapters, note)
    return write_files(
        directory,
        {"findings.json": findings_text(chapters, title, note)},
        lambda drawn: paper_document(chapters, title, note, drawn=drawn),
    )


def check_chapters(chapters: Sequence[Chapter], note: str) -> None:
    """Raise unless the chapters can be written, and every file and place on the page has a name of its own.

    Raises:
        InputError: If there are none, a name is twice there or does not fit a file name, a row of a table has not a
            cell for every title, or the note is empty.
    """
    if not chapters:
        raise InputError("chapters must hold at least one chapter, got none.")
    if not note.strip():
        raise InputError("note must say at what scale the results were obtained, got an empty text.")
    exhibits = [(chapter, exhibit) for chapter in chapters for exhibit in chapter.exhibits]
    names = {"id of a chapter": [chapter.id for chapter in chapters]}
    for chapter in chapters:
        names[f"name of an exhibit of '{chapter.id}'"] = [exhibit.name for exhibit in chapter.exhibits]
    # "a-b" with "c" and "a" with "b-c" would be one file.
    names["name of a file"] = [exhibit_name(chapter, exhibit) for chapter, exhibit in exhibits]
    for kind, found in names.items():
        for name, count in Counter(found).items():
            if not _NAME.fullmatch(name):
                raise InputError(f"The {kind} must be made of letters, digits, '.', '_' and '-', got {name!r}.")
            if count > 1:
                raise InputError(f"The {kind} must be there once, got '{name}' {count} times.")
    for table in (exhibit for _, exhibit in exhibits if isinstance(exhibit, Table)):
        for row in table.rows:
            if len(row) != len(table.header):
                raise InputError(
                    f"Each row of table '{table.name}' must have {len(table.header)} cells, got one of {len(row)}."
                )
