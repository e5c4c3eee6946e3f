"""The upkeep of a project: every file against its digest, and what nothing needs any more."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from warmstart.basics import StorageError, check_at_least, checked_path, shown

from ._champion import changing, last_intact, pointer_of, repair, serve, short_id
from ._ledger import LEDGER, ArrivalRow, AuditRow, Ledger, ModelRow
from ._objects import (
    ENDINGS,
    POINTER,
    REHEARSALS,
    SCORES,
    WORK,
    crash_point,
    delete_files,
    drafts,
    object_path,
    quick_damage,
    read_pointer,
    renew_serving_copies,
    restore_from_copy,
    verify_object,
)
from ._results import Plain
from ._settings import read_project

_KEPT = 5
# For so long after a rehearsal has last written something it may be going on, or be resumed.
_REHEARSAL_SECONDS = 86_400


@dataclass(frozen=True)
class Damage(Plain):
    """A damaged object: its kind (``arrivals`` or ``models``), its id, what is wrong, and the way out."""

    kind: str
    id: str
    problem: str
    way_out: str


@dataclass(frozen=True)
class Verified(Plain):
    """What :func:`verify` has found.

    Args:
        files: Number of objects read.
        bytes: Their size.
        damage: The damaged ones.
        restored: Models that were damaged and are intact again.
        ledger: What is wrong with the ledger; None: nothing.
        champion: Id of the model that serves now.
        replaced: Id of the damaged champion that it has replaced; None: none.
        copies: Ids of intact models whose second copy, which serves, was damaged and is made anew.
    """

    files: int
    bytes: int
    damage: tuple[Damage, ...]
    restored: tuple[str, ...]
    ledger: str | None
    champion: str | None
    replaced: str | None
    copies: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage and self.ledger is None


@dataclass(frozen=True)
class Collected(Plain):
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


def verify(directory: str | Path) -> Verified:
    """Read every object and compare it with its digest; mark damaged models, and let the last good one serve.

    The second copies of models, which serve, are read, too; those that are damaged are made anew.

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
                ledger.add_event("verify", f"Model {short_id(name)} is {state}.", model=name, state=state)
    replaced = None
    if before is not None and any(one.id == before.id for one in damage):
        good = last_intact(folder, ledger)
        if good is not None:
            text = f"The champion {short_id(before.id)} is damaged; {short_id(good.id)} serves again."
            serve(folder, ledger, good, kind="repair", text=text)
            replaced = before.id
    copies = renew_serving_copies(folder)
    repair(folder, ledger)
    after = ledger.champion()
    return Verified(
        files=files,
        bytes=size,
        damage=tuple(damage),
        restored=tuple(restored),
        ledger=ledger.check(),
        champion=None if after is None else after.id,
        replaced=replaced,
        copies=tuple(copies),
    )


def gc(directory: str | Path, *, dry_run: bool = False, keep: int = _KEPT) -> Collected:
    """Remove the models that nothing refers to, and what interrupted commands have left.

    Champion, anchor, predecessor, the model that the next start continues, those of audits that are not over and of the
    last ``keep`` rounds stay, and so do all arrivals, and a rehearsal of the last day, which may be going on.

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
        delete_files(folder, [path for path in paths if path not in of_models])
        try:
            _retire(ledger, models, found.bytes)
        except StorageError:
            if not models:
                raise
            # A missing file of a model that nothing refers to harms nobody until the ledger says that it is gone.
            delete_files(folder, [object_path(folder, "models", models[0].id)])
            _retire(ledger, models, found.bytes)
        crash_point("models retired")
        delete_files(folder, of_models)
        ledger.clear_journal()
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


def visible_damage(folder: Path, ledger: Ledger) -> Iterator[str]:
    """Yield what is wrong with the files that a round or serving needs, as far as their sizes show it."""
    pointer, expected = read_pointer(folder), pointer_of(ledger)
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
            yield f"the {role} {short_id(model.id)} is {problem}; see `warmstart retrain verify`"


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
    # Small beside the models: what the report needs to show how champions have scored, and what the next audit of a
    # trial needs to see which rows have judged before.
    judged = kept_models | {row.model for row in ledger.promotions()}
    licence = ledger.licence()
    tried = {number for arm in (licence.state.get("arms", ()) if licence else ()) for number in arm.get("rounds", ())}
    judged |= {
        name for one in ledger.select(AuditRow) if one.round in tried for name in (one.arm_model, one.cold_model)
    }
    known = {f"{arrival}.npy" for arrival in arrivals}
    scores = [path for path in (folder / SCORES).rglob("*") if path.is_file()]
    scores = [path for path in scores if path.name not in known or path.parent.name not in judged]
    orphans = [path for path in stored if path not in expected and path not in going]
    # A checkpoint of a round that is open is no rubbish. Without one nothing in work/ is needed but a rehearsal that is
    # under way, or was interrupted a short time ago and would have to begin anew.
    in_work = [path for path in (folder / WORK).rglob("*") if path.is_file()] if opened is None else []
    left = sorted({*drafts(folder), *in_work})
    rehearsed = {path for path in left if path.is_relative_to(folder / REHEARSALS)}
    try:
        newest = max((path.stat().st_mtime for path in rehearsed), default=0.0)
    except FileNotFoundError:
        newest = time.time()  # the rehearsal has just made a draft a file
    if time.time() - newest < _REHEARSAL_SECONDS:
        left = [path for path in left if path not in rehearsed]
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
