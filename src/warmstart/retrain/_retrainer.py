"""A retraining project as an object: every command of `warmstart retrain` is a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warmstart.basics import InputError, check_directory_path, checked_path, shown
from warmstart.store import make_directory, read_regular

from . import _champion, _inspect, _upkeep
from ._ledger import LEDGER, Ledger
from ._lock import LOCK, OWNER, project_lock
from ._objects import FIRST_DRAFTS, project_errors
from ._settings import PROJECT_FILE, Project, RetrainSettings, project_text, read_project, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from warmstart.studies import Predictions

    from ._arrivals import AddResult
    from ._check import CheckReport
    from ._export import Exported
    from ._forget import Forgotten
    from ._migrate import Migrated
    from ._rehearse import Rehearsal
    from ._results import UpdateResult
    from ._serving import Champion


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
        salt: str | None = None,
    ) -> Retrainer:
        """Make a project.

        Args:
            directory: Its folder, which is empty or does not exist.
            settings: The table ``[retrain]``; None: all at their defaults.
            tables: The other tables, as of a study file: ``data`` without a name, ``learner``, ``model``, ``recipe``,
                ``stop``, ``penalty``, ``carry_over``.
            salt: Decides, with a row's key or content, whether it is held out; None: drawn, so that nobody who sends
                data can choose which of them judge. With a salt of one's own a project can be made twice alike.

        Raises:
            InputError: If the folder holds something, or a setting is not allowed.
            LockedError: If another process is making a project there.
            StorageError: If the disk is full or the folder cannot be written.
        """
        from ._definition import checked_definition

        folder = checked_path("directory", directory)
        check_directory_path("directory", folder)
        found, given = checked_definition(settings or {}, tables or {})
        text = project_text(found, given)
        _check_new(folder, text)
        with project_errors(folder, "The project cannot be made"):
            make_directory(folder)
        with project_lock(folder, "init"):
            # Again: another process may have made a project since. Before, too: a refusal must leave no lock.
            _check_new(folder, text)
            write_project(folder, found, given)
            # The ledger last: without it there is no project, and making it can be repeated.
            Ledger.create(folder / LEDGER, salt=salt).close()
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
            _champion.repair(self.directory)
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

    def history(self, *, last: int | None = None) -> tuple[_inspect.RoundSummary, ...]:
        """Return the last rounds, oldest first; None: all."""
        return _inspect.history(self.directory, last=last)

    def arrivals(self, *, last: int | None = None) -> tuple[_inspect.ArrivalSummary, ...]:
        """Return what has arrived, oldest first, with the numbers that :meth:`exclude` takes; None: all."""
        return _inspect.arrivals(self.directory, last=last)

    def rollback(self, *, to: str | None = None, reason: str | None = None) -> _champion.Change:
        """Let a former champion serve again, without training; it is pinned until :meth:`unpin`.

        Args:
            to: Its id, or the beginning of it; None: the one before the champion.
            reason: Why, for the history.
        """
        return _champion.rollback(self.directory, to=to, reason=reason)

    def promote(self, model: str, *, reason: str | None = None) -> _champion.Change:
        """Let a model serve by hand, whatever the gate says; it is pinned until :meth:`unpin`."""
        return _champion.promote(self.directory, model, reason=reason)

    def pin(self) -> _champion.Change:
        """Keep the champion whatever rounds find."""
        return _champion.pin(self.directory)

    def unpin(self) -> _champion.Change:
        """Let rounds promote again."""
        return _champion.unpin(self.directory)

    def exclude(self, arrival: int | str) -> _champion.Change:
        """Leave an arrival, by number or id, out of training and judging; models trained on it are tainted."""
        return _champion.exclude(self.directory, arrival)

    def verify(self) -> _upkeep.Verified:
        """Check every file against its digest; the last intact model serves in place of a damaged champion."""
        return _upkeep.verify(self.directory)

    def gc(self, *, dry_run: bool = False) -> _upkeep.Collected:
        """Remove models and drafts that nothing needs any more; in a dry run, say which."""
        return _upkeep.gc(self.directory, dry_run=dry_run)

    def audit(self) -> _champion.Change:
        """Train a cold start beside the strategy in the next round, whatever the account says."""
        return _champion.request_audit(self.directory)

    def champion(self) -> Champion:
        """Return the model that serves, ready to predict; the ledger is not opened.

        Raises:
            InputError: If there is none yet.
            StorageError: If its file and that of the model before it are damaged.
        """
        from ._serving import load_champion

        return load_champion(self.directory)

    def latest(self) -> Champion:
        """Return the model that the next round continues, ready to predict, whether or not it has ever served.

        Raises:
            InputError: If there is none: nothing was trained, or all of it is worse, diverged or tainted.
            StorageError: If its file is missing or damaged.
        """
        from ._serving import load_stored

        return load_stored(self.directory)

    def predict(self, samples: Any) -> Predictions:
        """Predict samples with the champion.

        Args:
            samples: A file or folder, a frame, or an array or tensor of inputs.
        """
        model = self.champion()
        return model.predict(model.read(samples) if isinstance(samples, (str, Path)) else samples)

    def forget(self, keys: str | Path | Iterable[Any], *, within_seconds: float = 30 * 86_400.0) -> Forgotten:
        """Erase the rows of some keys, with every file that holds them.

        Arrivals are written anew without them, scores and drafts removed. Models that were trained on them are tainted:
        the next start is cold, and the champion, if it is one of them, serves until a clean model passes the gate or
        the time is over; :meth:`update` then promotes the best clean one. The keys themselves are stored nowhere. It is
        safe to interrupt; run it again to complete it. Copies elsewhere, such as backups and exports, are not reached.

        Args:
            keys: A text file with one key per line, or the keys.
            within_seconds: When a tainted champion must go at the latest, at least 0.

        Raises:
            InputError: If the project has no key column, or there are no keys.
            LockedError: If another process changes the project.
            StorageError: If the disk is full or the folder cannot be written.
        """
        from ._forget import forget

        return forget(self.directory, keys, within_seconds=within_seconds)

    def migrate(self, mapping: str | Path | Mapping[str, Any]) -> Migrated:
        """Open a new version of the schema: rename, drop or fill columns of all that is stored.

        Models go on where their columns are only renamed; otherwise the next start is cold.

        Args:
            mapping: A TOML file, or its content: tables ``rename`` (old = "new") and ``fill`` (column = value), and a
                list ``drop``.

        Raises:
            InputError: If the map does not fit the columns; nothing is changed then.
            LockedError: If another process changes the project.
            StorageError: If the disk is full or the folder cannot be written.
        """
        from ._migrate import migrate

        return migrate(self.directory, mapping)

    def rehearse(self, *, seeds: int = 8, workers: int = 1, report: Callable[[str], None] | None = None) -> Rehearsal:
        """Replay what has arrived through the lab with paired seeds, and license the starts that it shows harmless.

        Safe to interrupt: what is trained is stored, and the same call resumes.

        Args:
            seeds: Number of seeds, at least 2.
            workers: Trials at the same time.
            report: Called with one sentence before each step.

        Raises:
            InputError: If fewer than four labelled arrivals are there, or the settings do not fit them.
            StorageError: If the disk is full, or the file of an arrival is missing or damaged.
        """
        from ._rehearse import rehearse

        return rehearse(self.directory, seeds=seeds, workers=workers, report=report)

    def export(self, folder: str | Path, *, model: str | None = None) -> Exported:
        """Copy the champion to a folder that serves without the project; see :func:`warmstart.load_champion`.

        Args:
            folder: New or empty.
            model: Id of another model to copy in its place.

        Raises:
            InputError: If there is no such model, the folder holds files, or the model is to be forgotten.
            StorageError: If the model's file is damaged, or the folder cannot be written.
        """
        from ._export import export

        return export(self.directory, folder, model=model)

    def check(self) -> CheckReport:
        """Run all that a project does with its learner on 64 rows of what has arrived, and return what was found.

        Raises:
            InputError: If nothing with labels has arrived yet.
            StorageError: If the file of an arrival is missing or damaged.
        """
        from ._update import check

        return check(self.directory)


def _check_new(folder: Path, text: str) -> None:
    """Raise an InputError unless a folder is new, empty, or holds only what was left when ``create`` was interrupted.

    Args:
        folder: The project's.
        text: Of the project file that would be written: another one may be of a project whose ledger was lost.
    """
    if (folder / PROJECT_FILE).exists() and (folder / LEDGER).exists():
        raise InputError(
            f"directory must be a new one, but {shown(folder)} is a project already: open it with "
            "Retrainer(directory); `warmstart retrain status` says where it stands."
        )
    left = (PROJECT_FILE, *FIRST_DRAFTS, LOCK, OWNER)
    there = list(folder.iterdir()) if folder.exists() else []
    is_left = all(one.name in left and not one.is_dir() and not one.is_symlink() for one in there)
    if is_left and read_regular(folder / PROJECT_FILE) in (None, text.encode()):
        return
    try:
        read_project(folder)
    except InputError:
        raise InputError(
            f"directory must be empty or new, but {shown(folder)} holds files; choose another one."
        ) from None
    raise InputError(
        f"directory must be empty or new, but {shown(folder)} holds a project without its {LEDGER}: restore it from a "
        "backup, or choose another folder; what was interrupted as it was made is completed by the same settings."
    )
