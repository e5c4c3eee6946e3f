"""Atomic file writes, and checks of the places they go to."""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from ._errors import InputError, shown

_DESCRIPTORS = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd")
_LONGEST_NAME = 150  # in bytes; the system's 255 also have to hold what is put before and behind it
_MOST_LINKS = 40  # as Linux has it


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a file beside its place, then rename it: a reader never meets half of it, nor does a kill leave it.

    Links are followed: what they lead to is replaced, and they stay. What is no regular file (a device, a FIFO) is
    written to as it stands, for a regular file in its place would destroy it; a FIFO waits for its reader.

    Args:
        path: Replaced if it exists; its permissions stay.
        content: Text is encoded as UTF-8.

    Returns:
        The path.

    Raises:
        InputError: If a folder or a socket is at the path.
        OSError: If the disk is full or its folder cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    target, mode = _target(path)
    if mode is not None and (stat.S_ISDIR(mode) or stat.S_ISSOCK(mode)):
        raise InputError(f"{shown(path)} must be a file to be written, got a {_kind(mode)}.")
    if target is None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            file.write(data)
        return path
    # A name of the system's greatest length has no room for more.
    start = os.fsdecode(os.fsencode(target.name)[:200])
    part = target.with_name(f".{start}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if mode is not None:
            part.chmod(stat.S_IMODE(mode))
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


def _target(path: Path) -> tuple[Path | None, int | None]:
    """Return the place behind all links, None where the path must be opened as it stands; and what is there, its mode.

    /dev/stdout and its like lead to an open file: a new file in the place of that one would be another.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        return None, mode
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            break
        folder = path.parent.resolve()
        if _DESCRIPTORS.fullmatch(str(folder)):
            return None, mode
        path = folder / path.readlink()
    return path, mode


def _kind(mode: int) -> str:
    """Return what a file is that is no regular one."""
    kinds = {stat.S_ISDIR: "folder", stat.S_ISSOCK: "socket", stat.S_ISFIFO: "FIFO"}
    return next((kind for is_kind, kind in kinds.items() if is_kind(mode)), "device")


def checked_path(name: str, path: str | Path) -> Path:
    """Return a path that the user typed, with ``~`` for the home folder; whether anything is there does not matter.

    Args:
        name: The parameter as the user knows it.
        path: As typed.

    Raises:
        InputError: Naming the parameter, if it is empty, or no file system can have such a path: a user of whom there
            is none, a name of more than 255 bytes, a path below a file, links in a circle.

    Example:
        >>> checked_path("out", "runs/study").name
        'study'
        >>> checked_path("out", "~nosuchuser/study")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: out must be a path, got ~nosuchuser/study: there is no such user.
    """
    if path == "":  # which would silently be the current folder
        raise InputError(f"{name} must be a path, got an empty text.")
    try:
        found = Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{name} must be a path, got {shown(path)}: there is no such user.") from None
    try:
        found.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name} must be a path, got {shown(path)}: {_lower(str(reason))}.") from error
    return found


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def short_name(name: str) -> str:
    """Return a name for a file that is made of what the user typed, cut where a file system would not take it.

    Example:
        >>> short_name("digits"), len(short_name("n" * 300))
        ('digits', 150)
    """
    content = os.fsencode(name)
    if len(content) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(content).hexdigest()[:8]
    return content[9 - _LONGEST_NAME :].decode(errors="ignore") + "-" + digest


def check_writable(name: str, path: Path) -> None:
    """Raise unless a file can be written at ``path``: tried with a file beside it that is gone afterwards.

    A FIFO is not opened, which would wait for its reader.

    Raises:
        InputError: Naming the parameter, if its folder is missing or closed, or the path is a folder or a socket.

    Example:
        >>> check_writable("json", Path("no-such-folder/summary.json"))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: json must be a file in a folder that can be written, got ...
    """
    refusal = f"{name} must be a file in a folder that can be written, got {shown(path)}"
    try:
        target, mode = _target(path)
        if mode is not None and (stat.S_ISDIR(mode) or stat.S_ISSOCK(mode)):
            raise InputError(f"{refusal}, a {_kind(mode)}.")
        if target is None:
            if not os.access(path, os.W_OK):
                raise InputError(f"{refusal}, which may not be written.")
        else:
            _try_writing(target.parent)
            if mode is not None and not os.access(target, os.W_OK):
                raise InputError(f"{refusal}, which may not be written.")
    except OSError as error:
        raise InputError(f"{refusal}: {_lower(error.strerror or str(error))}.") from error


def check_directory_path(name: str, path: Path) -> None:
    """Raise unless files can be written into the folder at ``path``, which may have to be made with those around it.

    Raises:
        InputError: Naming the parameter, if a file is in the way or the folder cannot be written.

    Example:
        >>> check_directory_path("out", Path(__file__))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: out must be a directory, got ..., which is a file.
    """
    if path.is_symlink() and not path.exists():
        raise InputError(f"{name} must be a directory, got {shown(path)}, a link to what does not exist.")
    nearest = path
    while not nearest.exists() and not nearest.is_symlink() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        where = "which" if nearest == path else f"but {shown(nearest)}"
        raise InputError(f"{name} must be a directory, got {shown(path)}, {where} is a file.")
    try:
        _try_writing(nearest)
    except OSError as error:
        reason = _lower(error.strerror or str(error))
        raise InputError(f"{name} must be a directory that can be written, got {shown(path)}: {reason}.") from error


def _try_writing(folder: Path) -> None:
    """Make a file and delete it: permissions alone do not tell, for root has them all, on a read-only disk as well."""
    with tempfile.TemporaryFile(dir=folder):
        pass
