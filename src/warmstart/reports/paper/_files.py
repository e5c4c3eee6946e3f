"""The files of the paper's experiments, each written whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from warmstart.basics import InputError, checked_path, write_atomically
from warmstart.paper import Chapter
from warmstart.reports._export import images_of
from warmstart.reports._files import make_folder

from ._charts import Drawing, drawings_of, image_spec
from ._checks import check_chapters
from ._json import findings_text
from ._markdown import markdown
from ._page import page

TITLE: Final = "On Warm-Starting Neural Network Training: the experiments, run again"


@dataclass(frozen=True)
class PaperFiles:
    """Where the parts of the report are.

    Attributes:
        findings: The chapters as JSON.
        markdown: The report as Markdown.
        html: The report as one page that works offline; None if it was skipped.
        charts: Charts as PNG and SVG; empty if they were skipped.
        skipped: Why the page and the charts were skipped; None if they were not.
    """

    findings: Path
    markdown: Path
    html: Path | None
    charts: tuple[Path, ...]
    skipped: str | None


def write_paper_report(
    chapters: Sequence[Chapter],
    directory: str | Path,
    *,
    title: str = TITLE,
    note: str,
) -> PaperFiles:
    """Write ``findings.json``, ``report.md``, ``report.html`` and ``charts/`` into a directory.

    Every file is written beside its place and then renamed, so a reader never meets half a file. An existing report is
    replaced. The page and the charts need the extra ``report``; without it the other two files are written all the
    same. Charts are ``charts/<id of the chapter>-<name of the exhibit>`` as ``.png`` and ``.svg``; one without a single
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
    check_chapters(chapters, note)
    folder = checked_path("directory", directory)
    make_folder(folder)
    findings = write_atomically(folder / "findings.json", findings_text(chapters, title, note))
    drawings, html, charts, skipped = _drawn(chapters, folder, title, note)
    text = write_atomically(folder / "report.md", markdown(chapters, drawings, title, note))
    return PaperFiles(findings, text, html, charts, skipped)


def _drawn(
    chapters: Sequence[Chapter], folder: Path, title: str, note: str
) -> tuple[Mapping[str, Mapping[str, Drawing]], Path | None, tuple[Path, ...], str | None]:
    try:
        drawings = {chapter.id: drawings_of(chapter) for chapter in chapters}
        html = write_atomically(folder / "report.html", page(chapters, drawings, title, note))
        images = images_of(_image_specs(chapters, drawings))
    except InputError as error:
        return {}, None, (), str(error)
    make_folder(folder / "charts")
    charts = tuple(write_atomically(folder / "charts" / name, content) for name, content in images.items())
    return drawings, html, charts, None


def _image_specs(
    chapters: Sequence[Chapter], drawings: Mapping[str, Mapping[str, Drawing]]
) -> dict[str, dict[str, Any]]:
    return {
        drawing.name: image_spec(chapter, drawing) for chapter in chapters for drawing in drawings[chapter.id].values()
    }
