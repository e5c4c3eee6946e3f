"""The page of a retraining project as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import StorageError, checked_path, shown, write_atomically
from warmstart.reports._html import as_html
from warmstart.retrain import read_report_data

from ._document import retrain_document


@dataclass(frozen=True)
class RetrainReport:
    """Where the report of a project is: one page that works offline."""

    html: Path

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return {"html": str(self.html)}

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        return [f"Report: {self.html}"]


def write_retrain_report(directory: str | Path, path: str | Path | None = None) -> RetrainReport:
    """Write the report of a retraining project as one page, from its ledger and its cached scores alone.

    No model runs for it, and PyTorch is not imported. The file is written beside its place and then renamed, so a
    reader never meets half a page. It needs the extra ``report``.

    Args:
        directory: The project's folder.
        path: Of the page; None: ``report/index.html`` in the project's folder.

    Raises:
        InputError: If there is no project, the path is a folder, or the extra is not installed.
        StorageError: If the ledger is damaged or missing, or the page cannot be written.
    """
    folder = checked_path("directory", directory)
    page = as_html(retrain_document(read_report_data(folder)), has_images=False)
    target = folder / "report" / "index.html" if path is None else checked_path("path", path)
    try:
        if path is None:
            target.parent.mkdir(exist_ok=True)
        write_atomically(target, page)
    except OSError as error:
        raise StorageError(f"The report cannot be written to {shown(target)} ({error.strerror}).") from error
    return RetrainReport(target)
