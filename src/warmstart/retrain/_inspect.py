"""What a project says of itself, and what can be done with it without training: nothing here imports PyTorch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, Metric, StorageError, check_at_least, checked_path, shown

from ._ledger import LEDGER, ArrivalRow, DeletionRow, Ledger, ModelRow, RoundRow, WatchRow, now
from ._lock import Owner, project_lock, running_owner
from ._objects import (
    ENDINGS,
    POINTER,
    SCORES,
    WORK,
    crash_point,
    drafts,
    keep_serving_copies,
    object_path,
    project_errors,
    quick_damage,
    read_pointer,
    restore_from_copy,
    serving_path,
    verify_object,
    write_pointer,
)
from ._settings import read_project

_PINNED = "pinned"  # of the ledger's config: id of the champion that no round may replace
_SHORT = 12  # hexadecimal digits by which a model is named in sentences
_LEAST_DIGITS = 4  # of an id that somebody types
_MOST_OF_NUMBER = 7  # digits of an arrival's number as text; with more it is the beginning of an id
_KEPT = 5
_REPORT = "report"
COLD_NEXT = "cold next"  # of the ledger's config: what asks for a round although nothing has arrived
_WHY = {
    "tainted": "it was trained on rows that were deleted or excluded",
    "damaged": "its file is damaged",
    "retired": "its file was removed by gc",
    "diverged": "its training diverged",
}
_UNUSABLE = tuple(_WHY)


@dataclass(frozen=True)
class _Plain:
    """A result as plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as nested plain values, fit for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class ModelSummary(_Plain):
    """A model in a few words; ``since`` is when it began to serve, None where it never has."""

    id: str
    round: int
    strategy: str
    state: str
    since: str | None


@dataclass(frozen=True)
class Licence(_Plain):
    """What the policy knows of a strategy: its status, and its difference to a cold start over ``audits`` audits."""

    strategy: str
    status: str
    mean: float | None
    low: float | None
    high: float | None
    audits: int
    reason: str


@dataclass(frozen=True)
class RoundSummary(_Plain):
    """A round: what was trained, how it was judged against whom, and why it ended as it did."""

    number: int
    state: str
    verdict: str | None
    reason: str | None
    started: str
    ended: str | None
    arrivals: int
    models: tuple[ModelSummary, ...]
    judgements: tuple[Mapping[str, Any], ...]
    cost: Mapping[str, float]


@dataclass(frozen=True)
class Status(_Plain):
    """How a project stands; see :func:`status`.

    Args:
        directory: The project's folder.
        policy: As its settings name it.
        champion: The model that serves; None before the first promotion.
        anchor: The gate's second opponent.
        pinned: Whether the champion is pinned: no round replaces it.
        rounds: Number of rounds that have ended.
        last_round: The last of them; None where there is none.
        open_round: Number of the round that is under way or was interrupted; None where there is none.
        running: Who changes the project now; None: nobody.
        arrivals: Number of arrivals that count.
        rows: Number of their rows.
        waiting_arrivals: Arrivals that no round has taken in.
        waiting_rows: Rows of those.
        unlabelled_rows: Rows that wait for their labels.
        licences: What the policy ``auto`` knows of each strategy, the cheapest first; empty with a fixed policy.
        audit_account: Training cost that audits have left, in the unit of the costs; None with a fixed policy.
        pending_audits: Rounds whose audit waits for the next arrival.
        watch: The last comparison of the champion with its predecessor; None where there was none since its promotion.
        deletions_due: Requested deletions that are not done.
        unsent: Messages in the outbox.
        damage: What can be seen to be wrong without reading every file, in words; `verify` reads them.
    """

    directory: str
    policy: str
    champion: ModelSummary | None
    anchor: ModelSummary | None
    pinned: bool
    rounds: int
    last_round: RoundSummary | None
    open_round: int | None
    running: Owner | None
    arrivals: int
    rows: int
    waiting_arrivals: int
    waiting_rows: int
    unlabelled_rows: int
    licences: tuple[Licence, ...]
    audit_account: float | None
    pending_audits: tuple[int, ...]
    watch: Mapping[str, Any] | None
    deletions_due: tuple[Mapping[str, Any], ...]
    unsent: int
    damage: tuple[str, ...]


@dataclass(frozen=True)
class Change(_Plain):
    """What a command has changed: the champion's id before and after, whether it is pinned, and what was done."""

    before: str | None
    after: str | None
    pinned: bool
    text: str
    tainted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Damage(_Plain):
    """A damaged object: its kind (``arrivals`` or ``models``), its id, what is wrong, and the way out."""

    kind: str
    id: str
    problem: str
    way_out: str


@dataclass(frozen=True)
class Verified(_Plain):
    """What :func:`verify` has found.

    Args:
        files: Number of objects read.
        bytes: Their size.
        damage: The damaged ones.
        restored: Models that were damaged and are intact again.
        ledger: What is wrong with the ledger; None: nothing.
        champion: Id of the model that serves now.
        replaced: Id of the damaged champion that it has replaced; None: none.
    """

    files: int
    bytes: int
    damage: tuple[Damage, ...]
    restored: tuple[str, ...]
    ledger: str | None
    champion: str | None
    replaced: str | None

    @property
    def is_intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage and self.ledger is None


@dataclass(frozen=True)
class Collected(_Plain):
    """What :func:`gc` has removed, or, in a dry run, would remove.

    Args:
        dry_run: Whether nothing was removed.
        models: Ids of the retired models.
        orphans: Objects that the ledger does not know, relative to the project's folder.
        scores: Number of files with scores of models that are gone and have never served.
        drafts: Number of files that interrupted commands have left.
        bytes: Size of all that.
        kept_bytes: Size of the objects that stay.
    """

    dry_run: bool
    models: tuple[str, ...]
    orphans: tuple[str, ...]
    scores: int
    drafts: int
    bytes: int
    kept_bytes: int


def status(directory: str | Path) -> Status:
    """Return how a project stands, at once: neither PyTorch is imported nor any large file read.

    Raises:
        InputError: If there is no project.
        StorageError: If the ledger is missing or damaged.
    """
    folder = checked_path("directory", directory)
    project = read_project(folder)
    with Ledger.open(folder / LEDGER) as ledger, ledger.reading():
        champion, anchor, serving = ledger.champion(), ledger.anchor(), ledger.serving()
        arrivals, waiting = ledger.accepted_arrivals(), ledger.pending_arrivals()
        ended = [row for row in ledger.rounds() if row.ended is not None]
        opened, licence = ledger.open_round(), ledger.licence()
        watched = ledger.first(WatchRow, "ORDER BY arrival DESC")
        if watched is not None and (serving is None or champion is None or watched.arrival <= champion.arrivals):
            watched = None  # it was about a champion before this one
        state = {} if licence is None else licence.state
        damage = list(_visible_damage(folder, ledger))
        found = Status(
            directory=str(folder),
            policy=project.settings.policy,
            champion=_summary(ledger, champion),
            anchor=_summary(ledger, anchor),
            pinned=ledger.config(_PINNED) is not None,
            rounds=len(ended),
            last_round=_round_summary(ledger, ended[-1]) if ended else None,
            open_round=None if opened is None else opened.number,
            running=running_owner(folder),
            arrivals=len(arrivals),
            rows=sum(row.rows for row in arrivals),
            waiting_arrivals=len(waiting),
            waiting_rows=sum(row.rows for row in waiting),
            unlabelled_rows=ledger.waiting_rows(),
            licences=tuple(map(licence_of, state.get("arms", ()))),
            audit_account=state.get("account"),
            pending_audits=tuple(audit.round for audit in ledger.pending_audits()),
            watch=None if watched is None or champion is None else _watch_of(watched, champion),
            deletions_due=tuple(map(dataclasses.asdict, ledger.deletions_due())),
            unsent=len(ledger.unsent()),
            damage=tuple(damage),
        )
    _repair_if_free(folder)
    return found


def _watch_of(row: WatchRow, champion: ModelRow) -> dict[str, Any]:
    """Return the watch's last comparison, with its difference in words where the metric is known."""
    from ._gate import gap_text  # imports NumPy

    metric = champion.manifest.get("metric")

    return {**dataclasses.asdict(row), "text": None if metric is None else gap_text(Metric(**metric), row.mean)}


def history(directory: str | Path, *, last: int | None = None) -> tuple[RoundSummary, ...]:
    """Return the rounds of a project with their models and comparisons, oldest first.

    Args:
        directory: The project's folder.
        last: How many rounds, at least 1; None: all.

    Raises:
        InputError: If there is no project, or ``last`` is out of range.
        StorageError: If the ledger is missing or damaged.
    """
    check_at_least("last", last, 1)
    folder = checked_path("directory", directory)
    read_project(folder)
    with Ledger.open(folder / LEDGER) as ledger, ledger.reading():
        found = tuple(_round_summary(ledger, row) for row in ledger.rounds(last))
    _repair_if_free(folder)
    return found


def rollback(directory: str | Path, *, to: str | None = None, reason: str | None = None) -> Change:
    """Let a former champion serve again, without training, and pin it until :func:`unpin`.

    What was promoted after it, and what continues that, counts as worse: the next start does not go on from there.

    Args:
        directory: The project's folder.
        to: Id of the model, or the beginning of it; None: the champion before this one that is intact.
        reason: Why, for the record.

    Raises:
        InputError: If there is no such model, or it must not serve.
        LockedError: If another process changes the project.
        StorageError: If the folder cannot be written.
    """
    with changing(directory, "rollback") as (folder, ledger):
        before = ledger.champion()
        if before is None:
            raise InputError("There is nothing to roll back: no model has been promoted yet.")
        if to is None:
            model = _last_intact(folder, ledger)
            if model is None:
                raise InputError(
                    f"There is no former champion to roll back to: {_short(before.id)} is the first one that is left; "
                    "`warmstart retrain history` shows all models."
                )
        else:
            model = _usable(folder, ledger, "to", to)
            if model.id == before.id:
                raise InputError(f"to must be a former champion, got {_short(model.id)}, which serves already.")
            if not ledger.promotions(model.id):
                raise InputError(
                    f"to must be a former champion, got {_short(model.id)}, which has never served; "
                    f"`warmstart retrain promote {_short(model.id)}` lets it serve all the same."
                )
        text = f"Rolled back from {_short(before.id)} to {_short(model.id)}{f': {reason}' if reason else ''}."
        return _serve(folder, ledger, model, kind="rollback", text=text)


def promote(directory: str | Path, model: str, *, reason: str | None = None) -> Change:
    """Let a model serve by hand, whatever the gate says, and pin it until :func:`unpin`.

    Args:
        directory: The project's folder.
        model: Its id, or the beginning of it.
        reason: Why, for the record.

    Raises:
        InputError: If there is no such model, or it must not serve.
        LockedError: If another process changes the project.
        StorageError: If the folder cannot be written.
    """
    with changing(directory, "promote") as (folder, ledger):
        found = _usable(folder, ledger, "id", model)
        champion = ledger.champion()
        if champion is not None and champion.id == found.id:
            raise InputError(f"id must be a model that does not serve, got {_short(found.id)}, which serves already.")
        text = f"Promoted {_short(found.id)} by hand{f': {reason}' if reason else ''}."
        return _serve(folder, ledger, found, kind="hand", text=text)


def pin(directory: str | Path) -> Change:
    """Keep the champion: rounds are trained and judged, but none replaces it, until :func:`unpin`."""
    return _set_pinned(directory, pinned=True)


def unpin(directory: str | Path) -> Change:
    """Let rounds replace the champion again."""
    return _set_pinned(directory, pinned=False)


def _set_pinned(directory: str | Path, *, pinned: bool) -> Change:
    with changing(directory, "pin" if pinned else "unpin") as (folder, ledger):
        champion = ledger.champion()
        if champion is None:
            raise InputError("There is no champion to pin: no model has been promoted yet.")
        was = ledger.config(_PINNED) is not None
        already = (" already" if pinned else ", and was not before") if was == pinned else ""
        text = f"{_short(champion.id)} is {'' if pinned else 'not '}pinned{already}."
        if was != pinned:
            with ledger.transaction():
                ledger.set_config(_PINNED, champion.id if pinned else None)
                ledger.add_event("pin" if pinned else "unpin", text, model=champion.id)
        repair(folder, ledger)
        return Change(champion.id, champion.id, pinned, text)


def exclude(directory: str | Path, arrival: int | str) -> Change:
    """Let an arrival count neither for training nor for judging.

    Models that were trained on it are tainted: no round starts from them, and no rollback goes to them. A tainted
    champion serves until a clean model has passed the gate.

    Args:
        directory: The project's folder.
        arrival: Its number, or its id or the beginning of it.

    Raises:
        InputError: If there is no such arrival.
        LockedError: If another process changes the project.
        StorageError: If the folder cannot be written.
    """
    with changing(directory, "exclude") as (folder, ledger):
        found = _arrival(ledger, arrival)
        champion = ledger.champion()
        name, is_pinned = None if champion is None else champion.id, ledger.config(_PINNED) is not None
        if found.state == "excluded":
            return Change(name, name, is_pinned, f"Arrival {found.number} is excluded already.")
        with ledger.transaction():
            abandon_round(ledger, f"arrival {found.number} was excluded")
            tainted = ledger.exclude(found.number)
            text = f"Excluded arrival {found.number} ({shown(found.source)}, {found.rows:,} rows)"
            text += f"; models trained on it: {len(tainted) or 'none'}."
            ledger.add_event("exclude", text, arrival=found.number, tainted=list(tainted))
            if tainted and ledger.config(COLD_NEXT) is None:
                ledger.set_config(COLD_NEXT, "exclude")
        crash_point("exclude decided")
        repair(folder, ledger)
        return Change(name, name, is_pinned, text, tainted)


def verify(directory: str | Path) -> Verified:
    """Read every object and compare it with its digest; mark damaged models, and let the last good one serve.

    Raises:
        InputError: If there is no project.
        LockedError: If another process changes the project.
        StorageError: If the ledger is missing or cannot be read at all, or the folder cannot be written.
    """
    with changing(directory, "verify") as (folder, ledger):
        return verify_files(folder, ledger)


def verify_files(folder: Path, ledger: Ledger) -> Verified:
    """Do what :func:`verify` does, with the project's lock held."""
    files = size = 0
    damage, restored = [], []
    arrivals = [("arrivals", row) for row in ledger.accepted_arrivals()]
    models = [("models", row) for row in ledger.models() if row.state != "retired" and row.size]
    promoted = {row.model for row in ledger.promotions()}
    before = ledger.champion()
    changed: dict[str, str] = {}
    for kind, row in (*arrivals, *models):
        problem = verify_object(folder, kind, row.id, size=row.size)
        if problem is not None and kind == "models" and restore_from_copy(folder, row.id):
            restored.append(row.id)
            problem = None
        files, size = files + 1, size + (row.size if problem is None else 0)
        if problem is None and row.state == "damaged":
            restored += [row.id] if row.id not in restored else []
            changed[row.id] = "former" if row.id in promoted else "undecided"
            if before is not None and row.id == before.id:
                changed[row.id] = "champion"  # nothing else was left that could serve
        if problem is None:
            continue
        if isinstance(row, ArrivalRow):
            way_out = f"restore the file from a backup, or `warmstart retrain exclude {row.number}`"
        else:
            way_out = "restore the file from a backup; without it the model neither serves nor is continued"
            if row.state in ("candidate", "champion", "former", "undecided"):
                changed[row.id] = "damaged"  # of the others the state says more
        damage.append(Damage(kind, row.id, problem, way_out))
    if changed:
        with ledger.transaction():
            for name, state in changed.items():
                ledger.change(ModelRow, name, state=state)
                ledger.add_event("verify", f"Model {_short(name)} is {state}.", model=name, state=state)
    replaced = None
    if before is not None and any(one.id == before.id for one in damage):
        good = _last_intact(folder, ledger)
        if good is not None:
            text = f"The champion {_short(before.id)} is damaged; {_short(good.id)} serves again."
            _serve(folder, ledger, good, kind="repair", text=text)
            replaced = before.id
    repair(folder, ledger)
    after = ledger.champion()
    return Verified(
        files, size, tuple(damage), tuple(restored), ledger.check(), None if after is None else after.id, replaced
    )


def gc(directory: str | Path, *, dry_run: bool = False, keep: int = _KEPT) -> Collected:
    """Remove the models that nothing refers to, and what interrupted commands have left.

    Champion, anchor, predecessor, the model that the next start continues, those of audits that are not over and of the
    last ``keep`` rounds stay, and so do all arrivals.

    Args:
        directory: The project's folder.
        dry_run: Only say what would be removed; needs no lock.
        keep: Number of rounds, at least 1, whose models stay.

    Raises:
        InputError: If there is no project, or ``keep`` is out of range.
        LockedError: If another process changes the project.
        StorageError: If the folder cannot be written.
    """
    check_at_least("keep", keep, 1)
    if dry_run:
        folder = checked_path("directory", directory)
        read_project(folder)
        with Ledger.open(folder / LEDGER) as ledger:
            return _garbage(folder, ledger, keep)[0]
    with changing(directory, "gc") as (folder, ledger):
        found, models, paths = _garbage(folder, ledger, keep)
        of_models = [object_path(folder, "models", model.id) for model in models]
        # On a full disk not even the ledger's journal has room: what it does not name goes first.
        _delete(folder, [path for path in paths if path not in of_models])
        try:
            _retire(ledger, models, found.bytes)
        except StorageError:
            if not models:
                raise
            # A missing file of a model that nothing refers to harms nobody until the ledger says that it is gone.
            _delete(folder, [object_path(folder, "models", models[0].id)])
            _retire(ledger, models, found.bytes)
        crash_point("models retired")
        _delete(folder, of_models)
        repair(folder, ledger)
        return dataclasses.replace(found, dry_run=False)


def _retire(ledger: Ledger, models: Sequence[ModelRow], size: int) -> None:
    """Note that the files of models are gone."""
    with ledger.transaction():
        for model in models:
            # What it was shown to be must not be forgotten; that its file is gone is said by its size.
            state = "retired" if model.state in ("candidate", "former", "undecided", "damaged") else model.state
            ledger.change(ModelRow, model.id, state=state, size=0)
        if size:
            ledger.add_event("gc", f"Removed {len(models)} models, {size / 1e6:,.1f} MB in all.")


def _delete(folder: Path, paths: Sequence[Path]) -> None:
    """Delete files, and the folders that are empty then."""
    with project_errors(folder, "Files cannot be deleted"):
        for path in paths:
            path.unlink(missing_ok=True)
        for left in {path.parent for path in paths}:
            if left.is_dir() and not any(left.iterdir()):
                left.rmdir()


def repair(directory: Path, ledger: Ledger | None = None) -> bool:
    """Write ``champion.json`` anew where it does not say what the ledger says, and return whether it was written.

    Every command that changes a project calls it first, with the lock held, and again after each promotion.

    Args:
        directory: The project's folder.
        ledger: The open ledger; None: it is opened.

    Raises:
        StorageError: If the ledger is damaged, or the folder cannot be written.
    """
    if ledger is None:
        with Ledger.open(directory / LEDGER) as opened:
            return repair(directory, opened)
    pointer = _pointer(ledger)
    if pointer is None:
        return False
    named = [pointer, *([pointer["former"]] if pointer["former"] else [])]
    keep_serving_copies(directory, [(one["id"], one["size"]) for one in named])
    if read_pointer(directory) == pointer:
        return False
    write_pointer(directory, pointer)
    return True


def erase_leftovers(folder: Path, ledger: Ledger) -> None:
    """Erase what still holds rows that the ledger has forgotten: old objects, scores, drafts, a report, free pages.

    Completes a deletion that was interrupted after its transaction; without one that is open it does no harm.
    """
    erased = {row.id for row in ledger.select(ArrivalRow) if row.size}
    kept = {object_path(folder, "arrivals", name) for name in erased}
    paths = [path for path in (folder / "arrivals").rglob("*") if path.is_file() and path not in kept]
    paths += [path for path in (folder / SCORES).rglob("*") if path.is_file() and path.stem not in erased]
    paths += [path for name in (WORK, _REPORT) for path in (folder / name).rglob("*") if path.is_file()]
    _delete(folder, paths)
    crash_point("files erased")
    # Rows that were deleted may still stand in pages of the file that are not used.
    ledger.execute("VACUUM")
    if ledger.first(DeletionRow, "WHERE state = 'erasing'") is not None:
        with ledger.transaction():
            ledger.execute("UPDATE deletion SET state = 'open' WHERE state = 'erasing'")


def finish_deletions(folder: Path, ledger: Ledger) -> int:
    """Remove the models that were trained on forgotten rows, once none of them serves; return how many there were.

    The ledger says first that they are gone, and that the deletions are done last.
    """
    if ledger.first(DeletionRow, "WHERE state = 'erasing'") is not None:
        erase_leftovers(folder, ledger)
    champion = ledger.champion()
    if not ledger.deletions_due() or (champion is not None and champion.state == "tainted"):
        return 0
    tainted = ledger.models("tainted")
    with ledger.transaction():
        for model in tainted:
            # What its preparation holds, such as categories and medians, comes from the rows.
            manifest = {name: value for name, value in model.manifest.items() if name != "preparation"}
            ledger.change(ModelRow, model.id, size=0, manifest=manifest)
    crash_point("tainted models given up")
    repair(folder, ledger)
    paths = [object_path(folder, "models", model.id) for model in tainted]
    _delete(folder, [*paths, *(path for model in tainted for path in (folder / SCORES / model.id).glob("*"))])
    ledger.execute("VACUUM")
    with ledger.transaction():
        ledger.execute("UPDATE deletion SET state = 'done'")
        count = len(tainted)
        text = f"Deletions are done: {count} models that were trained on the rows are removed, none of them serves."
        ledger.add_event("deletion", text)
    return count


def _pointer(ledger: Ledger) -> dict[str, Any] | None:
    """Return what the pointer must say; None before the first promotion."""
    serving, champion = ledger.serving(), ledger.champion()
    if serving is None or champion is None:
        return None
    is_pinned = ledger.config(_PINNED) is not None
    former = next((model for model in ledger.former_champions() if model.size), None)
    return {
        **model_pointer(champion, serving.time, is_pinned),
        "former": former and model_pointer(former, ledger.promotions(former.id)[-1].time, is_pinned),
    }


def model_pointer(model: ModelRow, promoted: str, is_pinned: bool) -> dict[str, Any]:
    return {
        "id": model.id,
        "path": object_path(Path(), "models", model.id).as_posix(),
        "copy": serving_path(Path(), model.id).as_posix(),
        "size": model.size,
        "round": model.round,
        "manifest": dict(model.manifest),
        "promoted": promoted,
        "pinned": is_pinned,
    }


def _repair_if_free(folder: Path) -> None:
    """Repair the pointer on behalf of a command that reads, unless somebody else is at it or the disk is read-only."""
    with suppress(StorageError), Ledger.open(folder / LEDGER) as ledger:
        pointer = _pointer(ledger)
        if pointer is not None and read_pointer(folder) != pointer:
            with project_lock(folder, "repair"):
                repair(folder, ledger)


@contextmanager
def changing(directory: str | Path, command: str) -> Iterator[tuple[Path, Ledger]]:
    """Yield a project's folder and its ledger, with its lock held and its pointer repaired."""
    folder = checked_path("directory", directory)
    read_project(folder)
    with project_lock(folder, command), Ledger.open(folder / LEDGER) as ledger:
        repair(folder, ledger)
        finish_deletions(folder, ledger)
        yield folder, ledger


def _serve(folder: Path, ledger: Ledger, model: ModelRow, *, kind: str, text: str) -> Change:
    """Let an intact model serve: first in the ledger, then in the pointer."""
    before = ledger.champion()
    is_by_hand = kind != "repair"
    with ledger.transaction():
        abandon_round(ledger, text)
        ledger.promote(model.id, kind=kind, reason=text, round_number=None, as_anchor=False)
        if is_by_hand or ledger.config(_PINNED) is not None:
            ledger.set_config(_PINNED, model.id)
        ledger.add_event(kind, text, model=model.id, before=None if before is None else before.id)
        is_pinned = ledger.config(_PINNED) is not None
    crash_point("champion decided")
    repair(folder, ledger)
    finish_deletions(folder, ledger)
    return Change(None if before is None else before.id, model.id, is_pinned, text)


def abandon_round(ledger: Ledger, why: str) -> None:
    """End a round that was interrupted: it was planned for another champion or other rows. Its arrivals wait again."""
    opened = ledger.open_round()
    if opened is not None:
        reason = f"abandoned after an interruption: {why}"
        ledger.change(RoundRow, opened.number, state="failed", reason=reason, ended=now())


def _usable(folder: Path, ledger: Ledger, name: str, text: str) -> ModelRow:
    """Return the model whose id begins with a text, intact and fit to serve."""
    typed = _typed_digest(name, text, "a model")
    found = ledger.select(ModelRow, "WHERE id >= ? AND id < ? ORDER BY id", typed, typed + "g")
    if len(found) != 1:
        what = "no model has" if not found else f"{len(found)} models have"
        known = ", ".join(_short(model.id) for model in ledger.former_champions()[:5])
        hint = f"; former champions: {known}" if known else "; `warmstart retrain history` shows all models"
        raise InputError(f"{name} must be the id of a model or its beginning, got {typed}, which {what}{hint}.")
    model = found[0]
    state = model.state
    if state not in _UNUSABLE and not model.size:
        state = "retired"
    if state not in _UNUSABLE and _is_damaged(folder, ledger, model):
        state = "damaged"
    if state in _UNUSABLE:
        raise InputError(f"{name} must be a model that can serve, but {_short(model.id)} is {state}: {_WHY[state]}.")
    return model


def _last_intact(folder: Path, ledger: Ledger) -> ModelRow | None:
    """Return the nearest former champion whose file is intact; damaged ones on the way are marked."""
    former = ledger.former_champions()
    return next((model for model in former if model.size and not _is_damaged(folder, ledger, model)), None)


def _is_damaged(folder: Path, ledger: Ledger, model: ModelRow) -> bool:
    """Whether a model's file is damaged, which is then noted in the ledger."""
    problem = verify_object(folder, "models", model.id, size=model.size)
    if problem is not None and model.state != "damaged":
        with ledger.transaction():
            ledger.change(ModelRow, model.id, state="damaged")
            ledger.add_event("verify", f"Model {_short(model.id)} is damaged ({problem}).", model=model.id)
    return problem is not None


def _arrival(ledger: Ledger, given: int | str) -> ArrivalRow:
    """Return the arrival with a number, or an id that begins with a text."""
    # A text of few digits is a number: the command line has only texts, and ids are typed with more.
    if isinstance(given, int) or (given.isdecimal() and len(given) <= _MOST_OF_NUMBER):
        found = [row for row in [ledger.arrival(int(given))] if row is not None]
    else:
        typed = _typed_digest("arrival", given, "an arrival")
        found = ledger.select(ArrivalRow, "WHERE id >= ? AND id < ? ORDER BY id", typed, typed + "g")
    if len(found) != 1:
        what = "there is none" if not found else f"{len(found)} have it"
        last = ledger.next_arrival_number() - 1
        known = f"numbers go from 1 to {last}" if last else "nothing has arrived yet"
        raise InputError(
            f"arrival must be the number or the id of an arrival, got {shown(given)}: {what}, and {known}."
        )
    return found[0]


def _typed_digest(name: str, text: str, what: str) -> str:
    """Return the beginning of an id as it was typed, in lower case."""
    typed = text.strip().lower()
    if len(typed) < _LEAST_DIGITS or len(typed) > 64 or set(typed) - set("0123456789abcdef"):
        raise InputError(
            f"{name} must be the id of {what}, or at least its first {_LEAST_DIGITS} hexadecimal digits, "
            f"got {shown(text)!r}."
        )
    return typed


def _short(model: str) -> str:
    return model[:_SHORT]


def _summary(ledger: Ledger, model: ModelRow | None) -> ModelSummary | None:
    if model is None:
        return None
    served = ledger.promotions(model.id)
    return ModelSummary(model.id, model.round, model.strategy, model.state, served[-1].time if served else None)


def _round_summary(ledger: Ledger, row: RoundRow) -> RoundSummary:
    models = ledger.select(ModelRow, "WHERE round = ? ORDER BY rowid", row.number)
    cost: dict[str, float] = {}
    for model in models:
        for name, value in model.cost.items():
            if isinstance(value, int | float):
                cost[name] = cost.get(name, 0) + value
    return RoundSummary(
        number=row.number,
        state=row.state,
        verdict=row.verdict,
        reason=row.reason,
        started=row.started,
        ended=row.ended,
        arrivals=row.arrivals,
        models=tuple(found for model in models if (found := _summary(ledger, model)) is not None),
        judgements=tuple(map(dataclasses.asdict, ledger.judgements(row.number))),
        cost=cost,
    )


def licence_of(arm: Mapping[str, Any]) -> Licence:
    """Return what the policy's state says of a strategy; read as plain values, since its code is not needed here."""
    mean, low, high = arm.get("interval") or (None, None, None)
    audits = len(arm.get("differences", ()))
    return Licence(arm.get("spec", ""), arm.get("status", ""), mean, low, high, audits, arm.get("reason", ""))


def _visible_damage(folder: Path, ledger: Ledger) -> Iterator[str]:
    """Yield what is wrong with the files that a round or serving needs, as far as their sizes show it."""
    pointer, expected = read_pointer(folder), _pointer(ledger)
    if expected is not None and pointer != expected:
        yield f"{POINTER} does not say what the ledger says; it is written anew"
    for row in ledger.accepted_arrivals():
        problem = quick_damage(object_path(folder, "arrivals", row.id), row.size)
        if problem is not None:
            yield f"arrival {row.number} ({shown(row.source)}) is {problem}"
    needed = {"champion": ledger.champion(), "anchor": ledger.anchor(), "predecessor": ledger.predecessor()}
    for role, model in needed.items():
        # One without a size was removed on purpose, such as a predecessor that was trained on forgotten rows.
        problem = model and model.size and quick_damage(object_path(folder, "models", model.id), model.size)
        if model is not None and problem:
            yield f"the {role} {_short(model.id)} is {problem}; see `warmstart retrain verify`"


def _garbage(folder: Path, ledger: Ledger, keep: int) -> tuple[Collected, list[ModelRow], list[Path]]:
    """Return what can be removed: in words, as models, and as files."""
    opened = ledger.open_round()
    rounds = {row.number for row in ledger.rounds(last=keep)}
    named = [ledger.champion(), ledger.anchor(), ledger.predecessor(), ledger.lineage(), *ledger.former_champions()[:1]]
    kept = {model.id for model in named if model is not None}
    kept |= {name for audit in ledger.pending_audits() for name in (audit.arm_model, audit.cold_model)}
    if opened is not None:
        kept |= {str(opened.plan.get("start"))}
    models = ledger.models()
    kept |= {model.id for model in models if model.round in rounds}
    retired = [model for model in models if model.id not in kept and model.size]
    kept_models = {model.id for model in models if model.id in kept and model.state != "retired"}
    arrivals = {row.id for row in ledger.select(ArrivalRow)}
    expected = {object_path(folder, "models", name) for name in kept_models}
    expected |= {object_path(folder, "arrivals", name) for name in arrivals}
    going = {object_path(folder, "models", model.id) for model in retired}
    stored = [path for kind in ENDINGS for path in (folder / kind).rglob("*") if path.is_file()]
    # Small beside the models, and what the report needs to show how champions have scored.
    judged = kept_models | {row.model for row in ledger.promotions()}
    known = {f"{arrival}.npy" for arrival in arrivals}
    scores = [path for path in (folder / SCORES).rglob("*") if path.is_file()]
    scores = [path for path in scores if path.name not in known or path.parent.name not in judged]
    orphans = [path for path in stored if path not in expected and path not in going]
    # A checkpoint of a round that is open is no rubbish; without one, nothing in work/ is needed.
    left = drafts(folder) if opened is not None else [path for path in (folder / WORK).rglob("*") if path.is_file()]
    paths = [*(path for path in stored if path in going), *orphans, *scores, *left]
    found = Collected(
        dry_run=True,
        models=tuple(model.id for model in retired),
        orphans=tuple(path.relative_to(folder).as_posix() for path in orphans),
        scores=len(scores),
        drafts=len(left),
        bytes=sum(path.stat().st_size for path in paths),
        kept_bytes=sum(path.stat().st_size for path in stored if path in expected),
    )
    return found, retired, paths
