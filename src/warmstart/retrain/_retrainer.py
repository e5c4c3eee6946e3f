"""A retraining project as an object: every command of `warmstart retrain` is a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmstart.basics import InputError, check_directory_path, checked_path, shown

from . import _inspect
from ._ledger import LEDGER, Ledger
from ._lock import project_lock
from ._settings import PROJECT_FILE, Project, RetrainSettings, read_project, write_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._arrivals import AddResult
    from ._results import UpdateResult


class Retrainer:
    """A folder that is retrained whenever data arrive, and never serves a worse model.

    Args:
        directory: The project's folder; made by :meth:`create`.

    Raises:
        InputError: If there is no project in it.

    Example:
        >>> import tempfile
        >>> project = Retrainer.create(f"{tempfile.mkdtemp()}/churn", tables={"data": {"label": "churned"}})
        >>> project.status().champion is None
        True
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = checked_path("directory", directory)
        read_project(self.directory)  # else there is none

    @classmethod
    def create(
        cls,
        directory: str | Path,
        *,
        settings: RetrainSettings | Mapping[str, Any] | None = None,
        tables: Mapping[str, Any] | None = None,
    ) -> Retrainer:
        """Make a project.

        Args:
            directory: Its folder, which is empty or does not exist.
            settings: The table ``[retrain]``; None: all at their defaults.
            tables: The other tables, as of a study file: ``data`` without a name, ``learner``, ``model``, ``recipe``,
                ``stop``, ``penalty``, ``carry_over``.

        Raises:
            InputError: If the folder holds something, or a setting is not allowed.
            StorageError: If the disk is full or the folder cannot be written.
        """
        from ._definition import checked_definition

        folder = checked_path("directory", directory)
        check_directory_path("directory", folder)
        if (folder / PROJECT_FILE).exists() and (folder / LEDGER).exists():
            raise InputError(
                f"directory must be a new one, but {shown(folder)} is a project already; `warmstart retrain status` "
                "says where it stands."
            )
        if folder.exists() and any(one.name not in (PROJECT_FILE, f"{LEDGER}.part") for one in folder.iterdir()):
            raise InputError(f"directory must be empty or new, but {shown(folder)} holds files; choose another one.")
        found, given = checked_definition(settings or {}, tables or {})
        write_project(folder, found, given)
        # The ledger last: without it there is no project, and making it can be repeated.
        Ledger.create(folder / LEDGER).close()
        return cls(folder)

    @property
    def project(self) -> Project:
        """Settings and tables, as ``project.toml`` has them now."""
        return read_project(self.directory)

    def add(self, given: Any, *, new_classes: str = "refuse") -> AddResult:
        """Add what has arrived.

        Args:
            given: A path, a frame, or inputs with targets; see :func:`warmstart.as_dataset`.
            new_classes: ``refuse`` an arrival with classes that have not been seen, or ``grow``.

        Raises:
            InputError: If it cannot be read or does not fit what arrived before; nothing of it is stored.
            LockedError: If another process changes the project.
        """
        return self._add(given, new_classes=new_classes)[0]

    def add_files(
        self, files: Sequence[str | Path], *, each: bool = False, new_classes: str = "refuse"
    ) -> list[AddResult]:
        """Add files; each is an arrival, and with ``each`` so is each table in a folder, in natural order."""
        return [one for file in files for one in self._add(file, each=each, new_classes=new_classes)]

    def add_labels(self, labels: Any) -> AddResult:
        """Add labels for rows that wait for theirs: a table of keys and labels."""
        return self._add(None, labels=labels)[0]

    def _add(self, given: Any, **options: Any) -> list[AddResult]:
        from ._add import add

        with project_lock(self.directory, "add"):
            project = self.project
            _inspect.repair(self.directory)
            with Ledger.open(self.directory / LEDGER) as ledger:
                found = add(project, ledger, given, **options)
        return found if isinstance(found, list) else [found]

    def update(
        self, *, budget_seconds: float | None = None, report: Callable[[str], None] | None = None
    ) -> UpdateResult:
        """Train on what has arrived, judge the candidates, and promote one where it is not worse.

        Safe to interrupt: the next call resumes.

        Args:
            budget_seconds: Time for training; None: as long as it takes.
            report: Called with one sentence before each step.
        """
        from ._update import update

        return update(self.directory, budget_seconds=budget_seconds, report=report)

    def status(self) -> _inspect.Status:
        """Return where the project stands."""
        return _inspect.status(self.directory)
