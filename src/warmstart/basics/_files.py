"""Atomic file writes, and checks of paths before anything is written."""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from ._errors import InputError, shown

_DESCRIPTORS = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd")
# In bytes. The file system's limit of 255 also has to hold prefixes and suffixes.
_MAX_NAME_BYTES = 150
# The limit of Linux.
_MAX_LINKS = 40


def write_atomically(path: Path, content: str | bytes) -> Path:
    """Write a temporary file next to ``path``, then rename it, so that ``path`` never holds part of the content.

    Symbolic links are followed and stay; their target is replaced. Devices and FIFOs are written to directly; a FIFO
    waits for its reader.

    Args:
        path: Replaced if it exists, with the same permissions.
        content: Text is encoded as UTF-8.

    Raises:
        InputError: If ``path`` is a directory or a socket.
        OSError: If the disk is full or the directory is not writable.
    """
    data = content.encode() if isinstance(content, str) else content
    target, mode = _target(path, f"{shown(path)} must be a file to be written, got")
    if target is None:
        # Renaming would put a regular file in the place of the device. Appending keeps what an open log already holds.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            file.write(data)
        return path
    # Shortened, since the name may already be as long as the file system allows. The process id distinguishes writers.
    start = os.fsdecode(os.fsencode(target.name)[:200])
    part = target.with_name(f".{start}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        if mode is not None:
            part.chmod(stat.S_IMODE(mode))
        part.replace(target)
    except BaseException:  # also an interrupt by the user
        part.unlink(missing_ok=True)
        raise
    return path


def _target(path: Path, refusal: str) -> tuple[Path | None, int | None]:
    """Return the path behind all links, None if it must be opened directly, and the mode of what is there, if any."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
            raise InputError(f"{refusal} a {'directory' if stat.S_ISDIR(mode) else 'socket'}.")
        return None, mode
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            break
        parent = path.parent.resolve()
        # /dev/stdout and the like lead to an open file: replacing it would leave its owner writing to a deleted one.
        if _DESCRIPTORS.fullmatch(str(parent)):
            return None, mode
        path = parent / path.readlink()
    return path, mode


def checked_path(name: str, path: str | Path) -> Path:
    """Return a path that the user typed, with ``~`` expanded, whether or not anything exists there.

    Args:
        name: The parameter as the user typed it.
        path: The path as typed.

    Raises:
        InputError: If the path is empty or cannot exist: an unknown user, a name of more than 255 bytes, a path below a
            file, a loop of symbolic links.

    Example:
        >>> checked_path("out", "runs/study").name
        'study'
        >>> checked_path("out", "~nosuchuser/study")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: out must be a path, got ~nosuchuser/study: there is no such user.
    """
    if path == "":  # which Path would silently take for the current directory
        raise InputError(f"{name} must be a path, got an empty string.")
    try:
        found = Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{name} must be a path, got {shown(path)}: there is no such user.") from None
    try:
        found.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise InputError(f"{name} must be a path, got {shown(path)}: {_reason(error)}.") from error
    return found


def _reason(error: OSError | ValueError) -> str:
    text = getattr(error, "strerror", None) or str(error)  # str() alone would repeat the number and the path
    return text[:1].lower() + text[1:]


def short_name(name: str) -> str:
    """Return a file name made from what the user typed, shortened to what a file system allows.

    Example:
        >>> short_name("digits"), len(short_name("n" * 300))
        ('digits', 150)
    """
    content = os.fsencode(name)
    if len(content) <= _MAX_NAME_BYTES:
        return name
    # The digest distinguishes names that end alike.
    digest = hashlib.sha256(content).hexdigest()[:8]
    return content[9 - _MAX_NAME_BYTES :].decode(errors="ignore") + "-" + digest


def check_writable(name: str, path: Path) -> None:
    """Raise unless a file can be written at ``path``, which is tried with a temporary file next to it.

    Raises:
        InputError: If the directory does not exist or is not writable, or ``path`` is a directory or a socket.

    Example:
        >>> check_writable("json", Path("no-such-directory/summary.json"))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: json must be a file in a writable directory, got ...
    """
    refusal = f"{name} must be a file in a writable directory, got {shown(path)}"
    try:
        target, mode = _target(path, f"{refusal}, which is")
        if target is not None:
            _try_writing(target.parent)
        # Not opened, since a FIFO would wait for its reader.
        if (target is None or mode is not None) and not os.access(target or path, os.W_OK):
            raise InputError(f"{refusal}, which is not writable.")
    except OSError as error:
        raise InputError(f"{refusal}: {_reason(error)}.") from error


def check_directory_path(name: str, path: Path) -> None:
    """Raise unless files can be written to the directory ``path``, which may not exist yet, nor its parents.

    Raises:
        InputError: If a file is in the way or the directory is not writable.

    Example:
        >>> check_directory_path("out", Path(__file__))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: out must be a directory, got ..., which is a file.
    """
    if path.is_symlink() and not path.exists():
        raise InputError(f"{name} must be a directory, got {shown(path)}, a dangling symbolic link.")
    nearest = path
    while not nearest.exists() and not nearest.is_symlink() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        where = "which" if nearest == path else f"but {shown(nearest)}"
        raise InputError(f"{name} must be a directory, got {shown(path)}, {where} is a file.")
    try:
        _try_writing(nearest)
    except OSError as error:
        raise InputError(f"{name} must be a writable directory, got {shown(path)}: {_reason(error)}.") from error


def _try_writing(directory: Path) -> None:
    # Permissions alone are not enough: root has all of them, even on a read-only file system.
    with tempfile.TemporaryFile(dir=directory):
        pass
