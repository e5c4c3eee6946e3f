"""Optional dependencies, imported where they are used."""

import importlib
from types import ModuleType

from ._errors import InputError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or report which extra of warmstart installs it.

    Args:
        module: Dotted name of the module to import.
        extra: The extra of warmstart that installs it.
        purpose: What it is needed for, as the subject of a sentence.

    Raises:
        InputError: If the module is not installed.

    Example:
        >>> require("json", extra="data", purpose="Reading json").__name__
        'json'
        >>> require("no_such_module", extra="data", purpose="Reading parquet files")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: Reading parquet files needs 'no_such_module', ...
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Something that the module itself imports is missing: no extra would help.
        if error.name != module.split(".")[0] and error.name != module:
            raise
        raise InputError(
            f"{purpose} needs '{module}', which is not installed: pip install \"warmstart[{extra}]\"."
        ) from error
