"""Objects of somebody else's: by ``module:Object``, and by entry points of installed packages."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

from ._errors import InputError, shown, unknown_name


def object_path(target: str, what: str) -> tuple[str, str]:
    """Return the module of ``module:Object``, and the path of the object in it.

    Raises:
        InputError: If the target has another form.

    Example:
        >>> object_path("torch.nn:Identity", "model")
        ('torch.nn', 'Identity')
    """
    module, _, path = str(target).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
        raise InputError(f"{what} must be a known name or have the form module:Object, got '{shown(target)}'.")
    return module, path


def import_object(target: str, what: str) -> Any:
    """Return the object at ``module:Object``; the current folder is searched as well.

    Args:
        target: The module and the object's path in it.
        what: The kind of object, such as "strategy", for messages.

    Raises:
        InputError: If the module cannot be imported, or there is no such object in it.

    Example:
        >>> import_object("string:digits", "data")
        '0123456789'
    """
    name, path = object_path(target, what)
    here = str(Path.cwd())
    # Installed commands do not search the current folder, where a user's module usually is.
    sys.path.insert(0, here)
    importlib.invalidate_caches()  # the module may have been written a moment ago
    try:
        found = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
        raise InputError(f"The {what} '{shown(target)}' cannot be imported: {reason_of(error)}.") from error
    finally:
        with suppress(ValueError):  # the module has changed the path itself
            sys.path.remove(here)
    if here not in sys.path and here in map(str, Path(getattr(found, "__file__", None) or "/").parents):
        # Last, where it hides nothing: worker processes inherit the path, and must find the classes that they are sent.
        sys.path.append(here)
    for part in path.split("."):
        if not hasattr(found, part):
            if name == "__main__":
                raise InputError(
                    f"The {what} '{shown(target)}' was defined in the program that made the study, which is not this "
                    f"one: put {path} into a module, and name it module:{path}."
                )
            public = [key for key in vars(found) if not key.startswith("_")]
            raise unknown_name(f"{what} in module {name}", part, public[:20])
        found = getattr(found, part)
    return found


def offered_objects(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of installed packages by name, none of which is imported."""
    # Package by package, not by importlib's entry_points(), which one with damaged metadata breaks for all.
    found: dict[str, EntryPoint] = {}
    for distribution in distributions():
        with suppress(Exception):  # damaged metadata of a package that nobody asked for
            for entry in distribution.entry_points:
                if entry.group == group:
                    found.setdefault(entry.name, entry)
    return found


def import_offered(entry: EntryPoint, what: str) -> Any:
    """Return the object that an entry point leads to.

    Raises:
        InputError: If it cannot be imported.
    """
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # whatever the other package does when it is imported
        raise InputError(
            f"The {what} '{shown(entry.name)}' is offered by an installed package as {shown(entry.value)}, which "
            f"cannot be imported: {reason_of(error)}."
        ) from error


def reason_of(error: BaseException) -> str:
    """Return what went wrong in somebody else's code, on one line and without a period.

    Example:
        >>> reason_of(KeyError("label")), reason_of(ValueError())
        ("KeyError: 'label'", 'ValueError')
    """
    message = shown(str(error), limit=400).rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
