"""The files of a report, each written whole or not at all."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from warmstart.analysis import Summary
from warmstart.basics import InputError, checked_path, shown, write_atomically

from ._document import Document, as_json
from ._export import chart_images
from ._html import as_html
from ._markdown import as_markdown
from ._study import study_document

_STAMP = re.compile(r"<!-- drawn from ([0-9a-f]{64}) -->\n\Z")


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
    replaced, but a page and charts that show the same stay as they are. Both need the extra ``report``; without it the
    other files are written all the same.

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
        document, skipped = build(True), None
        html, charts = _drawn(document, folder)
    except InputError as error:
        # The extra is not installed: a document without charts needs none of it.
        document, html, charts, skipped = build(False), None, (), str(error)
    return ReportFiles(
        data=data_file,
        document=write_atomically(folder / "report.json", as_json(document)),
        markdown=write_atomically(folder / "report.md", as_markdown(document)),
        html=html,
        charts=charts,
        skipped=skipped,
    )


def _drawn(document: Document, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    """Return the page and the images of a document, drawn only where what is there shows something else.

    To draw them takes longer than all else of a report. The last line of the page is a digest of what they were drawn
    from and of their contents, so that files that were changed or damaged are drawn again as well.

    Raises:
        InputError: If the extra ``report`` is not installed.
    """
    page, images = folder / "report.html", folder / "charts"
    names = [f"{chart.name}.{form}" for chart in document.charts() for form in ("png", "svg")]
    try:
        text = page.read_bytes().decode()  # as bytes: the ends of lines of a library inside are part of it
        contents = [(images / name).read_bytes() for name in names]
        stamp = _STAMP.search(text)
        is_same = stamp is not None and stamp[1] == _digest(document, text[: stamp.start()], contents)
    except (OSError, ValueError, PackageNotFoundError):
        is_same = False
    if not is_same:
        text, drawn = as_html(document), chart_images(document.charts())
        text = text.rstrip("\n") + "\n"
        stamped = f"{text}<!-- drawn from {_digest(document, text, (drawn[name] for name in names))} -->\n"
        write_atomically(page, stamped)
        # After the drawing, so that a missing extra leaves no empty folder behind.
        if names:
            _make_folder(images)
        for name in names:
            write_atomically(images / name, drawn[name])
    return page, tuple(images / name for name in names)


def _digest(document: Document, page: str, images: Iterable[bytes]) -> str:
    """Return a digest of a document, of what draws it, and of the files that were drawn."""
    parts = [as_json(document).encode(), _program(), page.encode(), *images]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@cache
def _program() -> bytes:
    """Return what a drawing depends on besides the document: the files of this package, and the libraries' versions."""
    files = sorted(path for path in Path(__file__).parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    versions = [version(name) for name in ("altair", "jinja2", "vl-convert-python")]
    return b"".join(path.read_bytes() for path in files) + " ".join(versions).encode()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"directory must be a folder or not exist yet, got the file {shown(folder)}.") from error
    except OSError as error:
        raise InputError(
            f"directory must be a folder that can be made, got {shown(folder)}: {error.strerror}."
        ) from error
