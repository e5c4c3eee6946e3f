"""Rows erased by key: from arrivals, ledger, scores and drafts, and in the end from the models.

The steps, each durable before the next one begins; whatever is interrupted is completed by the next call::

    write(arrivals without the rows)   # new objects, which nothing refers to yet
    one transaction                    # new arrivals in, rows out, models tainted, the deletion noted
    erase(old objects, scores, work)   # and the ledger's file is written anew
    done, when no tainted model serves # at once, or by an update: until then the champion serves
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, check_in_range, checked_path, shown
from warmstart.data import whole_number_text

from ._add import current_schema
from ._champion import COLD_NEXT, abandon_round, changing, erase_leftovers, finish_deletions, repair
from ._ledger import ArrivalRow, DeletionRow, Ledger, ModelRow, SampleRow, now
from ._objects import (
    crash_point,
    draft_path,
    free_space_check,
    object_path,
    verify_object,
)
from ._rewrite import forget_rows, store_rewritten
from ._settings import read_project
from ._words import counted

_MOST_SECONDS = 100 * 365 * 86_400.0


@dataclass(frozen=True)
class Forgotten:
    """What was erased.

    Attributes:
        keys: Number of keys that were named.
        unknown: Those of them that no row has.
        rows: Rows that were erased, earlier versions among them.
        arrivals: Numbers of the arrivals that were written anew, or that have no rows any more.
        tainted: Ids of the models that were trained on the rows.
        due: When a tainted champion must go at the latest, UTC in ISO format; None: none serves.
        notes: What a reader should know, one sentence each.
    """

    keys: int
    unknown: int
    rows: int
    arrivals: tuple[int, ...]
    tainted: tuple[str, ...]
    due: str | None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        unknown = f"; no row has {self.unknown:,} of them" if self.unknown else ""
        rows, arrivals = counted(self.rows, "row"), counted(len(self.arrivals), "arrival")
        lines = [f"Forgot {counted(self.keys, 'key')}: {rows} of {arrivals}{unknown}."]
        if self.tainted:
            lines.append(
                f"Tainted {counted(len(self.tainted), 'model')} trained on these rows; the next start is cold."
            )
        if self.due is not None:
            lines.append(f"The champion is one of them: it serves until a clean model passes, or until {self.due}.")
        return [*lines, *self.notes]


@dataclass(frozen=True)
class _Rewritten:
    """An arrival, what replaces it, and which of its rows stay; ``id`` None: nothing is left of it."""

    arrival: ArrivalRow
    kept: Sequence[int]
    id: str | None
    size: int


def forget(directory: Path, keys: str | Path | Iterable[Any], *, within_seconds: float) -> Forgotten:
    """Erase the rows of some keys; see :meth:`Retrainer.forget`."""
    check_in_range("within_seconds", within_seconds, 0, _MOST_SECONDS)
    window = read_project(directory).settings.window
    with changing(directory, "forget") as (folder, ledger):
        schema = current_schema(ledger)
        if schema is None or schema.key is None:
            raise InputError(
                "Rows can be forgotten by key, but the project has no key column (--key) or nothing has arrived: leave "
                "whole arrivals out with `warmstart retrain exclude`, or make a new project with a key."
            )
        wanted, notes = _read_keys(folder, keys, schema.key)
        rows = ledger.versions(wanted)
        numbers = sorted({row.arrival for row in rows})
        arrivals = {number: arrival for number in numbers if (arrival := ledger.arrival(number)) is not None}
        size = max((arrival.size for arrival in arrivals.values()), default=0)
        free_space_check(folder, size + 2 * ledger.path.stat().st_size, "Forgetting")
        rewritten: list[_Rewritten] = []
        for arrival in arrivals.values():
            rewritten.append(_rewrite(folder, ledger, arrival, wanted, {one.id for one in rewritten}))
        # Rows without a key have one in the ledger alone, which a list of keys names by chance: they stay.
        kept = {(one.arrival.number, row) for one in rewritten for row in one.kept}
        rows = [row for row in rows if (row.arrival, row.row) not in kept]
        rewritten = [one for one in rewritten if one.id != one.arrival.id]
        crash_point("arrivals rewritten")
        found = _note(ledger, rewritten, wanted, rows, window=window, within_seconds=within_seconds)
        crash_point("rows forgotten")
        erase_leftovers(folder, ledger)
        finish_deletions(folder, ledger)
        # Serving must not fall back to a tainted model, of which there is a second copy.
        repair(folder, ledger)
    return dataclasses.replace(found, notes=(*notes, *found.notes))


def _read_keys(folder: Path, given: str | Path | Iterable[Any], column: str) -> tuple[set[str], list[str]]:
    """Return the keys, and notes on where they stand."""
    notes = []
    if isinstance(given, (str, Path)):
        path = checked_path("keys", given).expanduser()
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InputError(
                f"keys (--key) must be a text file with one key per line, but {shown(path)} cannot be read: {reason}."
            ) from error
        if lines and lines[0].strip().strip('"') == column:
            lines = lines[1:]  # the header of a column that was saved as a table
        given = [line.strip() for line in lines]
        if path.resolve().is_relative_to(folder.resolve()):
            notes.append(f"{shown(path.name)} lies in the project's folder and still holds the keys: delete it.")
    elif isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InputError(f"keys must be a file or a list of keys, got {type(given).__name__}.")
    wanted = {whole_number_text(str(one)) for one in given} - {""}
    if not wanted:
        raise InputError("keys (--key) must name at least one key, got none.")
    return wanted, notes


def _rewrite(
    folder: Path, ledger: Ledger, arrival: ArrivalRow, keys: set[str], taken: Collection[str | None]
) -> _Rewritten:
    """Write an arrival without the rows of some keys, if any are left; ``taken`` are the files of those before."""
    damage = verify_object(folder, "arrivals", arrival.id, size=arrival.size)
    if damage is not None:
        raise StorageError(
            f"Arrival {arrival.number} ({shown(arrival.source)}) is {damage}, so nothing is forgotten: restore its "
            "file from a backup and run it again."
        )
    draft = draft_path(folder, f"forget-{arrival.number}")
    try:
        kept = forget_rows(object_path(folder, "arrivals", arrival.id), keys, draft)
        if not kept:
            return _Rewritten(arrival, kept, None, 0)
        if len(kept) == arrival.rows:
            return _Rewritten(arrival, kept, arrival.id, arrival.size)
        # Two arrivals may be left with the same rows. Both stay: of equal keys the later rows count anyway, and without
        # one of them nothing would say when its rows were trained on, or none would count, if the other is excluded.
        identity, size = store_rewritten(folder, ledger, draft, arrival.number, taken=taken)
    finally:
        draft.unlink(missing_ok=True)
    return _Rewritten(arrival, kept, identity, size)


def _note(
    ledger: Ledger,
    rewritten: Sequence[_Rewritten],
    keys: set[str],
    rows: Sequence[SampleRow],
    *,
    window: int,
    within_seconds: float,
) -> Forgotten:
    """Change the ledger, in one transaction: arrivals, rows, models and the deletion."""
    unknown = len(keys) - len({row.key for row in rows})
    numbers = tuple(one.arrival.number for one in rewritten)
    champion = ledger.champion()
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=within_seconds)
    time = due.isoformat(timespec="seconds")
    with ledger.transaction():
        tainted = _taint(ledger, rows, window)
        if rewritten:
            abandon_round(ledger, "rows were forgotten")
        for one in rewritten:
            _replace(ledger, one)
        _scrub(ledger, keys)
        if rows:
            ledger.insert(DeletionRow(now(), time, len(keys) - unknown, "erasing"))
        if tainted:
            ledger.set_config(COLD_NEXT, "forget")
        text = f"Forgot {counted(len(rows), 'row')} of {counted(len(keys), 'key')}; models trained on them: "
        text += f"{len(tainted) or 'none'}."
        ledger.add_event("forget", text, arrivals=list(numbers), tainted=list(tainted))
    serves = champion is not None and champion.id in tainted
    return Forgotten(len(keys), unknown, len(rows), numbers, tainted, time if serves else None)


def _taint(ledger: Ledger, rows: Sequence[SampleRow], window: int) -> tuple[str, ...]:
    """Mark the models that were trained on some of the rows, or continue one that was, and return their ids."""
    # Of an arrival that was excluded, its models are tainted already, and later ones have not seen it.
    seen = {
        (row.arrival, row.side, row.joined, row.superseded_by)
        for row in rows
        if row.label is not None and getattr(ledger.arrival(row.arrival), "state", "") != "excluded"
    }
    tainted: dict[str, ModelRow] = {}
    for model in ledger.models():
        if model.state == "diverged":
            continue  # it has no file
        latest = model.arrivals
        has_seen = any(
            arrival <= latest
            and (superseded is None or superseded > latest)
            # A round that was interrupted has trained models on rows that joined later, or never.
            and (side == "train" or (joined is not None and joined <= model.round) or arrival <= latest - window)
            for arrival, side, joined, superseded in seen
        )
        if has_seen or model.start_model in tainted:
            tainted[model.id] = model
    for model in tainted.values():
        # Also one whose file is damaged: it must not come back clean once the file is restored.
        ledger.change(ModelRow, model.id, state="tainted")
    for audit in ledger.pending_audits():
        if audit.arm_model in tainted or audit.cold_model in tainted:
            ledger.end_audit(audit.round)
    return tuple(tainted)


def _replace(ledger: Ledger, one: _Rewritten) -> None:
    """Let an arrival be its new file, with rows numbered anew."""
    number, samples = one.arrival.number, ledger.samples(one.arrival.number)
    ledger.execute("DELETE FROM sample WHERE arrival = ?", number)
    kept = [samples[row]._replace(row=place) for place, row in enumerate(one.kept)]
    ledger.add_samples(kept)
    state = "rewritten" if one.arrival.state == "accepted" and one.id is not None else one.arrival.state
    if one.id is None:
        state = "excluded"
    # The digest of the content stays: adding the same file again, as a scheduler may, must not bring the rows back.
    ledger.change(
        ArrivalRow,
        one.arrival.id,
        **({} if one.id is None else {"id": one.id}),
        state=state,
        rows=len(kept),
        labelled=sum(sample.label is not None for sample in kept),
        size=one.size,
    )


def _scrub(ledger: Ledger, keys: set[str]) -> None:
    """Take keys out of what was noted of arrivals, such as the names of files."""
    for arrival in ledger.select(ArrivalRow):
        changed = {}
        for name in ("source", "note"):
            text = before = getattr(arrival, name)
            for key in keys:
                if key in text:
                    text = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "...", text)
            if text != before:
                changed[name] = text
        if changed:
            ledger.change(ArrivalRow, arrival.id, **changed)
