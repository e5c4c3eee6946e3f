"""The files of a report, each written whole or not at all."""

import json
from dataclasses import dataclass
from pathlib import Path

from warmstart.analysis import Summary
from warmstart.basics import InputError, checked_path, shown, write_atomically

from ._export import images_of
from ._markdown import markdown
from ._page import page
from .charts import chart_specs


@dataclass(frozen=True)
class ReportFiles:
    """Where the parts of a report are.

    Attributes:
        summary: The JSON summary.
        markdown: The report as Markdown.
        html: The report as one page that works offline; None if it was skipped.
        charts: Charts as PNG and SVG; empty if they were skipped.
        skipped: Why the page and the charts were skipped; None if they were not.
    """

    summary: Path
    markdown: Path
    html: Path | None
    charts: tuple[Path, ...]
    skipped: str | None


def write_report(summary: Summary, directory: str | Path) -> ReportFiles:
    """Write ``summary.json``, ``report.md``, ``report.html`` and ``charts/`` into a directory.

    Every file is written beside its place and then renamed, so a reader never meets half a file. An existing report is
    replaced. The page and the charts need the extra ``report``; without it the other two files are written all the
    same.

    Args:
        summary: What the study says, complete or not.
        directory: Made if it does not exist.

    Returns:
        Where the files are, and what was skipped for what reason.

    Raises:
        InputError: If the directory is a file or cannot be made.
    """
    folder = checked_path("directory", directory)
    make_folder(folder)
    summary_file = write_atomically(folder / "summary.json", summary_text(summary))
    html, charts, skipped = _drawn(summary, folder)
    images = [path.relative_to(folder).as_posix() for path in charts if path.suffix == ".png"]
    markdown_file = write_atomically(folder / "report.md", markdown(summary, images))
    return ReportFiles(summary_file, markdown_file, html, charts, skipped)


def summary_text(summary: Summary) -> str:
    """Return the summary as JSON, as it stands in ``summary.json``."""
    return json.dumps(summary.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _drawn(summary: Summary, folder: Path) -> tuple[Path | None, tuple[Path, ...], str | None]:
    try:
        specs = chart_specs(summary)
        html = write_atomically(folder / "report.html", page(summary, specs))
        images = images_of(specs)
    except InputError as error:
        return None, (), str(error)
    make_folder(folder / "charts")
    return html, tuple(write_atomically(folder / "charts" / name, content) for name, content in images.items()), None


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, where they are missing.

    Raises:
        InputError: If a file is in the way, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"directory must be a folder or not exist yet, got the file {shown(folder)}.") from error
    except OSError as error:
        raise InputError(
            f"directory must be a folder that can be made, got {shown(folder)}: {error.strerror}."
        ) from error
