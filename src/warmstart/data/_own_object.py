"""Data that a name leads to: ``module:Object`` of the user's own, or the entry point of another package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, import_object, import_offered, reason_of

from ._named import OUR_DATASETS, offered_datasets

_TARGET = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")


def is_own(name: str) -> bool:
    """Return whether a name is ``module:Object`` or another package's, and no data set of ours and no path.

    Example:
        >>> is_own("string:digits"), is_own("digits"), is_own("digits.csv")
        (True, False, False)
    """
    if any(name == ours.name for ours in OUR_DATASETS):
        return False
    # A path first, whatever other packages offer: to install one must not change what a study reads.
    try:
        if Path(name).exists():
            return False
    except (OSError, ValueError):  # longer than any path
        pass
    return _TARGET.fullmatch(name) is not None or name in offered_datasets()


def own_target(name: str) -> Any:
    """Return what such a name leads to; of modules, the current folder is searched first.

    Raises:
        InputError: If it cannot be imported.

    Example:
        >>> own_target("string:digits")
        '0123456789'
    """
    return import_object(name, "data") if _TARGET.fullmatch(name) else import_offered(offered_datasets()[name], "data")


def takes_options(target: Any) -> bool:
    """Return whether data are made by a call; an instance may be callable and a data set."""
    return isinstance(target, type) or (callable(target) and not hasattr(target, "__getitem__"))


def own_object(name: str, options: Mapping[str, Any]) -> Any:
    """Return the data that such a name leads to; functions and classes are called with the options.

    Raises:
        InputError: If it cannot be imported, or the call fails.
    """
    found = own_target(name)
    if takes_options(found):
        try:
            found = found(**options)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"The data '{name}' cannot be made: {reason_of(error)}.") from error
    elif options:
        raise InputError(f"options must be left out for '{name}', which is no function, got {', '.join(options)}.")
    if found is None:
        raise InputError(f"The data '{name}' must be a data set, got None.")
    return found
