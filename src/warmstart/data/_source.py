"""Where data come from, as settings of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from warmstart.basics import InputError, added_later, check_at_least, check_integer

from ._raw import is_displayable, shown

MAX_BYTES = 4 * 2**30


class Options(dict[str, Any]):
    """A dict that has a hash: a dataclass takes no other as a default, and sources are kept in sets."""

    # By names only, as a value may have no hash. Any, since dict declares that its own is None.
    __hash__: ClassVar[Any] = lambda self: hash(frozenset(self))


@dataclass(frozen=True)
class DataSource:
    """Where data come from.

    Args:
        name: A data set known by name (see :func:`known_datasets`), or a path: an ``.npz``, ``.parquet`` or ``.csv``
            file, a folder of parquet files, or a folder of class folders with images. Or ``module:Object``, data of
            your own, with the current folder on the search path: a function or class that returns them, or the object.
            They are anything that :func:`as_dataset` takes, and must be the same at every call.
        directory: Folder of the data sets known by name, which are not downloaded then. None: the environment variable
            ``WARMSTART_DATA``, read when data are loaded. Paths and ``digits`` do not depend on it.
        subset: Number of training samples to load, at least 1, drawn without replacement and always the same; a larger
            subset contains the smaller ones. None: all. The test set is always loaded whole.
        label: Column (in an ``.npz``: array) of the labels. None: detected by name.
        max_bytes: Memory that reading one set of samples may take, in bytes, at least 1, by default 4 GiB; estimated
            from what the files declare before it is allocated, so that a small file cannot expand without limit. Data
            of your own are not limited by it.
        options: What a function or class of your own is called with, by name; keyword-only.

    Raises:
        InputError: If a value has the wrong type or is out of range.

    Example:
        >>> DataSource("cifar10", subset=6000)
        DataSource(name='cifar10', directory=None, subset=6000, label=None, max_bytes=4294967296, options={})
    """

    name: str = "digits"
    directory: str | None = None
    subset: int | None = None
    label: str | None = None
    # Added after studies had been stored: at its default it is not stored, so those are still the same studies.
    max_bytes: int = added_later(MAX_BYTES)
    _: KW_ONLY
    options: Mapping[str, Any] = added_later(Options())

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"data must be the name of a data set or a path, got {self.name!r}.")
        for setting, value in (("directory", self.directory), ("label", self.label)):
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError(f"{setting} must be a non-empty string or left out, got {value!r}.")
        for setting, value in (("data", self.name), ("directory", self.directory), ("label", self.label)):
            # Refused now: it could not be written to the study file later.
            if value is not None and not is_displayable(value):
                raise InputError(f"{setting} must be UTF-8 text, got '{shown(value)}': rename it.")
        check_at_least("subset", self.subset, 1)
        check_integer("max_bytes", self.max_bytes, 1)
        if not isinstance(self.options, Mapping) or not all(isinstance(name, str) for name in self.options):
            raise InputError(f"options must be a mapping of names to values, got {shown(self.options, 100)}.")
        object.__setattr__(self, "options", Options(self.options))
