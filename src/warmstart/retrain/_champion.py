"""What serves: rollback, promotion by hand, pins, exclusions, and the pointer that serving reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, checked_path, shown

from ._ledger import LEDGER, ArrivalRow, DeletionRow, Ledger, ModelRow, RoundRow, now
from ._lock import project_lock
from ._objects import (
    REPORT,
    SCORES,
    WORK,
    crash_point,
    delete_files,
    keep_serving_copies,
    object_path,
    read_pointer,
    serving_path,
    verify_object,
    write_pointer,
)
from ._results import Plain
from ._settings import read_project

PINNED = "pinned"  # of the ledger's config: id of the champion that no round may replace
_SHORT = 12  # hexadecimal digits by which a model is named in sentences
_LEAST_DIGITS = 4  # of an id that somebody types
_MOST_OF_NUMBER = 7  # digits of an arrival's number as text; with more it is the beginning of an id
COLD_NEXT = "cold next"  # of the ledger's config: what asks for a round although nothing has arrived
AUDIT_NEXT = "audit next"  # likewise: that the next round must train a cold start beside its strategy
LEFTOVERS = "leftovers"  # likewise: that files are left which what has changed the arrivals was to erase
_WHY = {
    "tainted": "it was trained on rows that were deleted or excluded",
    "damaged": "its file is damaged",
    "retired": "its file was removed by gc",
    "diverged": "its training diverged",
}
_UNUSABLE = tuple(_WHY)


@dataclass(frozen=True)
class Change(Plain):
    """What a command has changed: the champion's id before and after, whether it is pinned, and what was done."""

    before: str | None
    after: str | None
    pinned: bool
    text: str
    tainted: tuple[str, ...] = ()


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
            model = last_intact(folder, ledger)
            if model is None:
                raise InputError(
                    f"There is no former champion to roll back to: {short_id(before.id)} is the first one that is "
                    "left; `warmstart retrain history` shows all models."
                )
        else:
            model = _usable(folder, ledger, "to", to)
            if model.id == before.id:
                raise InputError(f"to must be a former champion, got {short_id(model.id)}, which serves already.")
            if not ledger.promotions(model.id):
                raise InputError(
                    f"to must be a former champion, got {short_id(model.id)}, which has never served; "
                    f"`warmstart retrain promote {short_id(model.id)}` lets it serve all the same."
                )
        text = f"Rolled back from {short_id(before.id)} to {short_id(model.id)}{f': {reason}' if reason else ''}."
        return serve(folder, ledger, model, kind="rollback", text=text)


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
            raise InputError(f"id must be a model that does not serve, got {short_id(found.id)}, which serves already.")
        text = f"Promoted {short_id(found.id)} by hand{f': {reason}' if reason else ''}."
        return serve(folder, ledger, found, kind="hand", text=text)


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
        was = ledger.config(PINNED) is not None
        already = (" already" if pinned else " (it was not before)") if was == pinned else ""
        text = (
            f"{short_id(champion.id)} is {'pinned' if pinned else 'no longer pinned: rounds may replace it'}{already}."
        )
        if was != pinned:
            with ledger.transaction():
                ledger.set_config(PINNED, champion.id if pinned else None)
                ledger.add_event("pin" if pinned else "unpin", text, model=champion.id)
        repair(folder, ledger)
        return Change(champion.id, champion.id, pinned, text)


def request_audit(directory: str | Path) -> Change:
    """Have the next round train a cold start beside its strategy, whatever the account says."""
    text = "The next round trains a cold start beside its strategy."
    with changing(directory, "audit") as (_, ledger):
        with ledger.transaction():
            ledger.set_config(AUDIT_NEXT, "asked")
            ledger.add_event("audit", text)
        serving = ledger.serving()
        champion = None if serving is None else serving.model
        return Change(champion, champion, ledger.config(PINNED) is not None, text)


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
        name, is_pinned = None if champion is None else champion.id, ledger.config(PINNED) is not None
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
    pointer = pointer_of(ledger)
    if pointer is None:
        return False
    named = [pointer, *([pointer["former"]] if pointer["former"] else [])]
    keep_serving_copies(directory, [(one["id"], one["size"]) for one in named])
    if read_pointer(directory) == pointer:
        return False
    write_pointer(directory, pointer)
    return True


def pointer_of(ledger: Ledger) -> dict[str, Any] | None:
    """Return what the pointer must say; None before the first promotion."""
    serving, champion = ledger.serving(), ledger.champion()
    if serving is None or champion is None:
        return None
    is_pinned = ledger.config(PINNED) is not None
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


def repair_if_free(folder: Path) -> None:
    """Repair the pointer on behalf of a command that reads, unless somebody else is at it or the disk is read-only."""
    with suppress(StorageError), Ledger.open(folder / LEDGER) as ledger:
        pointer = pointer_of(ledger)
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


def serve(folder: Path, ledger: Ledger, model: ModelRow, *, kind: str, text: str) -> Change:
    """Let an intact model serve: first in the ledger, then in the pointer."""
    before = ledger.champion()
    is_by_hand = kind != "repair"
    with ledger.transaction():
        abandon_round(ledger, text)
        ledger.promote(model.id, kind=kind, reason=text, round_number=None, as_anchor=False)
        if is_by_hand or ledger.config(PINNED) is not None:
            ledger.set_config(PINNED, model.id)
        ledger.add_event(kind, text, model=model.id, before=None if before is None else before.id)
        is_pinned = ledger.config(PINNED) is not None
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
        known = ", ".join(short_id(model.id) for model in ledger.former_champions()[:5])
        hint = f"; former champions: {known}" if known else "; `warmstart retrain history` shows all models"
        raise InputError(f"{name} must be the id of a model or its beginning, got {typed}, which {what}{hint}.")
    model = found[0]
    state = model.state
    if state not in _UNUSABLE and not model.size:
        state = "retired"
    if state not in _UNUSABLE and _is_damaged(folder, ledger, model):
        state = "damaged"
    if state in _UNUSABLE:
        raise InputError(f"{name} must be a model that can serve, but {short_id(model.id)} is {state}: {_WHY[state]}.")
    return model


def last_intact(folder: Path, ledger: Ledger) -> ModelRow | None:
    """Return the nearest former champion whose file is intact; damaged ones on the way are marked."""
    former = ledger.former_champions()
    return next((model for model in former if model.size and not _is_damaged(folder, ledger, model)), None)


def _is_damaged(folder: Path, ledger: Ledger, model: ModelRow) -> bool:
    """Whether a model's file is damaged, which is then noted in the ledger."""
    problem = verify_object(folder, "models", model.id, size=model.size)
    if problem is not None and model.state != "damaged":
        with ledger.transaction():
            ledger.change(ModelRow, model.id, state="damaged")
            ledger.add_event("verify", f"Model {short_id(model.id)} is damaged ({problem}).", model=model.id)
    return problem is not None


def _arrival(ledger: Ledger, given: int | str) -> ArrivalRow:
    """Return the arrival with a number, or an id that begins with a text."""
    # A text of few digits is a number: the command line has only texts, and ids are typed with more.
    if isinstance(given, int) or (given.isdecimal() and len(given) <= _MOST_OF_NUMBER):
        # Numbers that SQLite cannot hold are those of no arrival.
        number = min(max(int(given), 0), 2**63 - 1)
        found = [row for row in [ledger.arrival(number)] if row is not None]
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


def short_id(model: str) -> str:
    return model[:_SHORT]


def erase_leftovers(folder: Path, ledger: Ledger) -> None:
    """Erase what still holds rows that the ledger has forgotten: old objects, scores, drafts, free pages.

    After a deletion the report, too. Completes a deletion or migration that was interrupted after its transaction;
    without one it does no harm.
    """
    is_deletion = ledger.first(DeletionRow, "WHERE state = 'erasing'") is not None
    erased = {row.id for row in ledger.select(ArrivalRow) if row.size}
    kept = {object_path(folder, "arrivals", name) for name in erased}
    paths = [path for path in (folder / "arrivals").rglob("*") if path.is_file() and path not in kept]
    paths += [path for path in (folder / SCORES).rglob("*") if path.is_file() and path.stem not in erased]
    # Of a round that was interrupted before the ledger knew its model.
    known = {object_path(folder, "models", model.id) for model in ledger.models() if model.size}
    paths += [path for path in (folder / "models").rglob("*") if path.is_file() and path not in known]
    paths += [
        path
        for name in (WORK, *([REPORT] if is_deletion else []))
        for path in (folder / name).rglob("*")
        if path.is_file()
    ]
    delete_files(folder, paths)
    crash_point("files erased")
    # Rows that were deleted may still stand in pages of the file that are not used.
    ledger.execute("VACUUM")
    with ledger.transaction():
        ledger.set_config(LEFTOVERS, None)
        ledger.execute("UPDATE deletion SET state = 'open' WHERE state = 'erasing'")


def finish_deletions(folder: Path, ledger: Ledger) -> int:
    """Remove the models that were trained on forgotten rows, once none of them serves; return how many there were.

    The ledger says first that they are gone, and that the deletions are done last.
    """
    if ledger.config(LEFTOVERS) or ledger.first(DeletionRow, "WHERE state = 'erasing'") is not None:
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
    delete_files(folder, [*paths, *(path for model in tainted for path in (folder / SCORES / model.id).glob("*"))])
    ledger.execute("VACUUM")
    with ledger.transaction():
        ledger.execute("UPDATE deletion SET state = 'done'")
        count = len(tainted)
        models = "1 model" if count == 1 else f"{count} models"
        text = f"Deletions are done: {models} trained on the rows removed, none serves."
        ledger.add_event("deletion", text)
    return count
