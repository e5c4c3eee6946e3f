"""The files of a report, each written whole or not at all."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from warmstart.analysis import Summary
from warmstart.basics import InputError, checked_path, shown, write_atomically

from ._document import Document, as_json
from ._export import chart_images
from ._html import as_html
from ._markdown import as_markdown
from ._study import study_document


@dataclass(frozen=True)
class ReportFiles:
    """Where the parts of a report are.

    Attributes:
        data: All results as JSON: ``summary.json`` of a study, ``findings.json`` of the paper's experiments.
        document: The report as JSON: its texts, tables and charts.
        markdown: The report as Markdown.
        html: The report as one page that works offline; None if it was skipped.
        charts: Charts as PNG and SVG; empty if they were skipped.
        skipped: Why the page and the charts were skipped; None if they were not.
    """

    data: Path
    document: Path
    markdown: Path
    html: Path | None
    charts: tuple[Path, ...]
    skipped: str | None


def write_report(summary: Summary, directory: str | Path) -> ReportFiles:
    """Write ``summary.json``, ``report.html``, ``report.md``, ``report.json`` and ``charts/`` into a directory.

    Every file is written beside its place and then renamed, so a reader never meets half a file. An existing report is
    replaced. The page and the charts need the extra ``report``; without it the other files are written all the same.

    Args:
        summary: What the study says, complete or not.
        directory: Made if it does not exist.

    Returns:
        Where the files are, and what was skipped for what reason.

    Raises:
        InputError: If the directory is a file or cannot be made.
    """
    return write_files(
        directory, {"summary.json": summary_text(summary)}, lambda drawn: study_document(summary, drawn=drawn)
    )


def summary_text(summary: Summary) -> str:
    """Return the summary as JSON, as it stands in ``summary.json``."""
    return json.dumps(summary.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_files(directory: str | Path, data: dict[str, str], build: Callable[[bool], Document]) -> ReportFiles:
    """Write a document in all its forms into a directory, and beside it the results that it was built from.

    Args:
        directory: Made if it does not exist.
        data: Name and text of the file of results.
        build: Returns the document, with its charts or without.

    Raises:
        InputError: If a file is in the way, or the directory cannot be made.
    """
    folder = checked_path("directory", directory)
    _make_folder(folder)
    # First of all: whatever fails later, the results are there.
    ((name, text),) = data.items()
    data_file = write_atomically(folder / name, text)
    try:
        document = build(True)
        html, skipped = write_atomically(folder / "report.html", as_html(document)), None
        images = chart_images(document.charts())
    except InputError as error:
        # The extra is not installed: a document without charts needs none of it.
        document, html, images, skipped = build(False), None, {}, str(error)
    # After the drawing, so that a missing extra leaves no empty folder behind.
    if images:
        _make_folder(folder / "charts")
    return ReportFiles(
        data=data_file,
        document=write_atomically(folder / "report.json", as_json(document)),
        markdown=write_atomically(folder / "report.md", as_markdown(document)),
        html=html,
        charts=tuple(write_atomically(folder / "charts" / name, content) for name, content in images.items()),
        skipped=skipped,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"directory must be a folder or not exist yet, got the file {shown(folder)}.") from error
    except OSError as error:
        raise InputError(
            f"directory must be a folder that can be made, got {shown(folder)}: {error.strerror}."
        ) from error
