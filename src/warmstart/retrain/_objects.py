"""The files of a project beside its ledger: arrivals and models by their digests, cached scores, the pointer.

An object is a file that is named after its SHA-256 and never changes. It is durable before the ledger mentions it, so
a crash leaves at most a file that nothing refers to.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from warmstart.basics import StorageError, shown
from warmstart.store import atomic_file, make_directory, sync_directory

if TYPE_CHECKING:
    import numpy as np

ENDINGS = {"arrivals": ".parquet", "models": ".safetensors"}
"""Of the objects' files, by kind."""
SCORES, WORK, SERVING, REPORT, POINTER = "scores", "work", "serving", "report", "champion.json"
REHEARSALS = f"{WORK}/rehearsal"
_DRAFT = ".part"
FIRST_DRAFTS = ("project.part", "ledger.part", "ledger.part-journal")
"""What may be left in the project's folder of one whose making was interrupted."""
# In the project's folder, where a user's own files may lie, too.
_DRAFTS = (*FIRST_DRAFTS, "champion.part")
_DIGEST_BYTES = 32
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# Kept free beside what a step needs: the ledger, its journal and the pointer must still fit.
_RESERVE = 8 * 2**20

_listeners: list[Any] = []


def crash_point(name: str) -> None:
    """Mark a moment at which a crash must lose nothing; does nothing, unless a test has set :func:`crashing_at`."""
    for listener in _listeners:
        listener(name)


@contextmanager
def crashing_at(name: str, error: BaseException | None = None, *, nth: int = 1) -> Iterator[list[str]]:
    """For tests: raise at the ``nth`` crash point called ``name`` in the block; yields the names of those passed."""
    passed: list[str] = []

    def listener(reached: str) -> None:
        passed.append(reached)
        if reached == name and passed.count(name) >= nth:
            raise error or KeyboardInterrupt(f"crash at {name}")

    _listeners.append(listener)
    try:
        yield passed
    finally:
        _listeners.remove(listener)


@contextmanager
def project_errors(directory: Path, doing: str) -> Iterator[None]:
    """Turn what a full or read-only disk raises into a StorageError.

    Args:
        directory: The project's folder.
        doing: What failed, as the beginning of the sentence, such as ``The arrival cannot be stored``.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        # Libraries that write files themselves give the system's words, but not always its number.
        is_full = any(os.strerror(number) in reason for number in _FULL)
        way_out = "; free some space, or see `warmstart retrain gc --dry-run`" if is_full else ""
        raise StorageError(f"{doing} in {shown(directory)} ({shown(reason, limit=300)}){way_out}.") from error


def free_space_check(directory: Path, needed: int, what: str) -> None:
    """Raise a StorageError unless a disk has room, before anything long begins.

    Args:
        directory: Any folder on the disk; it may not exist yet.
        needed: Bytes that will be written, as estimated.
        what: What needs them, as the subject of a sentence, such as ``The round``.
    """
    nearest = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    with project_errors(directory, "The free space cannot be read"):
        free = shutil.disk_usage(nearest).free
    if free < needed + _RESERVE:
        raise StorageError(
            f"{what} needs about {(needed + _RESERVE) / 1e6:,.0f} MB in {shown(directory)}, but {free / 1e6:,.0f} MB "
            "are free; free some space, or see `warmstart retrain gc --dry-run`."
        )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def draft_path(directory: Path, name: str) -> Path:
    """Return where a file is written before it becomes an object: in ``work/``, which is made.

    Args:
        directory: The project's folder.
        name: Anything that two drafts of one process do not share.
    """
    with project_errors(directory, "A draft cannot be written"):
        make_directory(directory / WORK)
    return directory / WORK / f"{name}.{os.getpid()}{_DRAFT}"


@contextmanager
def draft_file(directory: Path, name: str) -> Iterator[Path]:
    """Yield where a draft is written; after the block it is gone, unless :func:`store_object` has made it an object.

    Args:
        directory: The project's folder.
        name: Anything that two drafts of one process do not share.

    Raises:
        StorageError: If what the block writes finds the disk full or read-only.
    """
    path = draft_path(directory, name)
    try:
        with project_errors(directory, "A draft cannot be written"):
            yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def object_path(directory: Path, kind: str, digest: str) -> Path:
    """Return where an object is stored, whether or not it is there.

    Args:
        directory: The project's folder.
        kind: ``arrivals`` or ``models``.
        digest: SHA-256 of the file.

    Example:
        >>> object_path(Path("shop"), "models", "ab12").as_posix()
        'shop/models/ab/ab12.safetensors'
    """
    return directory / kind / digest[:2] / f"{digest}{ENDINGS[kind]}"


def store_object(directory: Path, kind: str, draft: Path, digest: str) -> Path:
    """Move a draft to where objects are; afterwards it has reached the disk under its name.

    Where an intact equal object is there already, the draft is deleted instead.

    Args:
        directory: The project's folder.
        kind: ``arrivals`` or ``models``.
        draft: The complete file, on the same file system; see :func:`draft_path`.
        digest: Its SHA-256, see :func:`file_digest`.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; the draft is then deleted.
    """
    path = object_path(directory, kind, digest)
    with project_errors(directory, f"{'The arrival' if kind == 'arrivals' else 'The model'} cannot be stored"):
        try:
            crash_point("draft written")
            # Before the rename: else a power failure may leave the name with nothing in it.
            handle = os.open(draft, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            make_directory(path.parent)
            if verify_object(directory, kind, digest) is not None:
                draft.replace(path)
            sync_directory(path.parent)
            crash_point("object durable")
        finally:
            draft.unlink(missing_ok=True)
    return path


def verify_object(directory: Path, kind: str, digest: str, *, size: int | None = None) -> str | None:
    """Return what is wrong with an object, in words; None: it is intact.

    Args:
        directory: The project's folder.
        kind: ``arrivals`` or ``models``.
        digest: Its SHA-256.
        size: What the ledger says of its size in bytes; None: unknown. A file that differs is not read.
    """
    return _damage(object_path(directory, kind, digest), digest, size)


def _damage(path: Path, digest: str, size: int | None = None) -> str | None:
    damage = quick_damage(path, size)
    if damage is not None:
        return damage
    try:
        return None if file_digest(path) == digest else "changed"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def quick_damage(path: Path, size: int | None) -> str | None:
    """Return what can be seen to be wrong with an object without reading it; None: nothing."""
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable: {error.strerror}"
    if not path.is_file():
        return "no regular file"
    if size is not None and found != size:
        return "truncated" if found < size else "changed"
    return None


def drafts(directory: Path) -> list[Path]:
    """Return the drafts that interrupted commands have left, or that running ones are writing.

    They lie in ``work/``, beside the copies that serve and the report, and, by names of their own, in the project's
    folder itself; those of scores lie among the scores. Other files in ``work/``, such as a checkpoint of the round
    that is open, are none.
    """
    inside = (path for folder in (WORK, SERVING) for path in (directory / folder).rglob(f"*{_DRAFT}"))
    of_report = (directory / REPORT).glob(f".index.html.*{_DRAFT}")
    return sorted(path for path in (*inside, *of_report, *map(directory.joinpath, _DRAFTS)) if path.is_file())


def scores_path(directory: Path, model: str, arrival: str) -> Path:
    """Return where the scores of a model's predictions for an arrival are cached."""
    return directory / SCORES / model / f"{arrival}.npy"


def save_scores(directory: Path, model: str, arrival: str, scores: np.ndarray) -> None:
    """Cache what a model scores on each row of an arrival, atomically.

    Args:
        directory: The project's folder.
        model: The model's id.
        arrival: The arrival's id, not its number: an arrival that is rewritten has another id, and so no scores.
        scores: Of shape (rows, 2): the score and the predicted class, or NaN; NaN where a row was not scored.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; what was cached is still there.
    """
    import numpy as np

    content = io.BytesIO()
    np.save(content, np.asarray(scores, dtype=np.float64), allow_pickle=False)
    data = content.getvalue()
    # A changed bit would move the gate without a trace. NumPy reads the file as any other and ignores what follows.
    data += hashlib.sha256(data).digest()
    with atomic_file(scores_path(directory, model, arrival)) as draft:
        draft.write_bytes(data)
        crash_point("scores written")


def load_scores(directory: Path, model: str, arrival: str, rows: int) -> np.ndarray | None:
    """Return cached scores, of shape (rows, 2); None where there are none, or they are damaged: they can be made anew.

    Args:
        directory: The project's folder.
        model: The model's id.
        arrival: The arrival's id.
        rows: Number of the arrival's rows.
    """
    import numpy as np

    try:
        data = scores_path(directory, model, arrival).read_bytes()
        if hashlib.sha256(data[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
            return None
        scores = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return scores if scores.dtype == np.float64 and scores.shape == (rows, 2) else None


def delete_files(directory: Path, paths: Sequence[Path]) -> None:
    """Delete files, and the folders that are empty then."""
    with project_errors(directory, "Files cannot be deleted"):
        for path in paths:
            path.unlink(missing_ok=True)
        for left in {path.parent for path in paths}:
            # One that is not empty stays, and so does a link or a mount, which somebody has put there for another disk.
            with suppress(OSError):
                left.rmdir()


def serving_path(directory: Path, model: str) -> Path:
    """Return where the copy of a model is that serving reads; see :func:`keep_serving_copies`."""
    return directory / SERVING / f"{model}{ENDINGS['models']}"


def keep_serving_copies(directory: Path, models: Sequence[tuple[str, int]]) -> None:
    """Have a second copy of what serves, and of what it falls back to: damage of one file must not end serving.

    Copies of other models are deleted. Of a model whose object is damaged there is no new copy; an old one stays.

    Args:
        directory: The project's folder.
        models: Id and size in bytes of each.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; earlier copies are still there.
    """
    with project_errors(directory, "The copy that serves cannot be written"):
        for model, size in models:
            target = serving_path(directory, model)
            if quick_damage(target, size) is None or verify_object(directory, "models", model, size=size) is not None:
                continue
            with atomic_file(target) as draft:
                shutil.copyfile(object_path(directory, "models", model), draft)
        known = {serving_path(directory, model) for model, _ in models}
        # Also what a kill has left of a copy: nothing may outlive a model that was given up for the rows it knows.
        for ending in (ENDINGS["models"], _DRAFT):
            for path in (directory / SERVING).glob(f"*{ending}"):
                if path not in known:
                    path.unlink(missing_ok=True)


def renew_serving_copies(directory: Path) -> list[str]:
    """Read the copies that serve; make those anew that have changed, and return the ids of their models.

    A copy whose model is damaged itself stays: there is nothing to make it from.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    renewed = []
    with project_errors(directory, "The copy that serves cannot be written"):
        for path in sorted((directory / SERVING).glob(f"*{ENDINGS['models']}")):
            if _damage(path, path.stem) is None or verify_object(directory, "models", path.stem) is not None:
                continue
            with atomic_file(path) as draft:
                shutil.copyfile(object_path(directory, "models", path.stem), draft)
            renewed.append(path.stem)
    return renewed


def restore_from_copy(directory: Path, model: str) -> bool:
    """Put a damaged model's copy in its place, where there is an intact one, and return whether there was.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    copy = serving_path(directory, model)
    if _damage(copy, model) is not None:
        return False
    with draft_file(directory, f"restored-{model[:12]}") as draft:
        shutil.copyfile(copy, draft)
        store_object(directory, "models", draft, model)
    return True


def write_pointer(directory: Path, pointer: Mapping[str, Any]) -> None:
    """Replace ``champion.json``, which serving reads, atomically; what it holds follows from the ledger.

    Args:
        directory: The project's folder.
        pointer: ``id``, ``path`` (relative to the folder), ``round``, ``manifest``, ``promoted``, ``pinned``, and
            ``former``, the same of the model that serves where this one's file is damaged, or None.

    Raises:
        StorageError: If the disk is full or the folder cannot be written; the earlier pointer is still there.
    """
    crash_point("pointer old")
    with atomic_file(directory / POINTER) as draft:
        draft.write_text(json.dumps(pointer, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        crash_point("pointer half written")


def read_pointer(directory: Path) -> dict[str, Any] | None:
    """Return what ``champion.json`` says; None where there is none, or it is damaged: any command repairs it."""
    try:
        pointer = json.loads((directory / POINTER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return pointer if isinstance(pointer, dict) else None
