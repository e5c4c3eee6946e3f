"""Files that are there whole or not at all."""

import os
from pathlib import Path

from ._errors import InputError


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file beside its place, then rename it: a reader never meets half of it, nor does a kill leave it.

    Args:
        path: Replaced if it exists.
        content: Text is encoded as UTF-8.

    Returns:
        The path.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(content.encode() if isinstance(content, str) else content)
    part.replace(path)
    return path


def check_writable(name: str, path: Path) -> None:
    """Raise unless a file can be written at ``path``; nothing is written.

    Raises:
        InputError: Naming the parameter, if its folder is missing or closed, or the path is a folder itself.

    Example:
        >>> check_writable("json", Path("no-such-folder/summary.json"))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: json must be a file in a folder that can be written, got ...
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{name} must be a file in a folder that can be written, got {path}.")
