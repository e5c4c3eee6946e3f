"""Where data come from, as settings of a study."""

from __future__ import annotations

from dataclasses import dataclass

from warmstart.basics import InputError, check_at_least


@dataclass(frozen=True)
class DataSource:
    """Where data come from.

    Args:
        name: A data set known by name (see :func:`known_datasets`), or a path: an ``.npz``, ``.parquet`` or ``.csv``
            file, a folder of parquet files, or a folder of class folders with images.
        directory: Where data sets known by name lie, instead of being downloaded. None stands for the environment
            variable ``WARMSTART_DATA``, read when data are loaded. Paths and ``digits`` do not depend on it.
        subset: Load only this many training samples, at least 1: drawn at random without replacement, always the same
            ones; a larger subset holds the smaller ones. None loads all. The test set is never cut.
        label: Column (in an ``.npz``: array) that holds the labels, where its name is not a usual one.

    Raises:
        InputError: If a value is of the wrong kind or out of range.

    Example:
        >>> DataSource("cifar10", subset=6000)
        DataSource(name='cifar10', directory=None, subset=6000, label=None)
    """

    name: str = "digits"
    directory: str | None = None
    subset: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"data must be the name of a data set or a path, got {self.name!r}.")
        for setting, value in (("directory", self.directory), ("label", self.label)):
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError(f"{setting} must be a text that is not empty, or be left out, got {value!r}.")
        check_at_least("subset", self.subset, 1)
