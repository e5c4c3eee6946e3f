"""What a part of the benchmark is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmstart.basics import check_at_least

from ._tables import Table


@dataclass(frozen=True)
class Setting:
    """How a part is measured.

    Args:
        threads: PyTorch threads.
        repeats: Turns that count, at least 1; the first turn of each way is dropped besides.
        quick: Whether to take less of everything, which only checks that the program runs.
    """

    threads: int = 1
    repeats: int = 5
    quick: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        check_at_least("threads", self.threads, 1)
        check_at_least("repeats", self.repeats, 1)

    def some(self, full: int, quick: int) -> int:
        """Return one of two amounts."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Part:
    """One part of the benchmark.

    Args:
        name: What it is called on the command line.
        title: Its heading on the page.
        prose: What its tables mean, as Markdown, in words that hold whatever the figures are.
        measure: Returns the figures, as plain values that JSON can hold.
        tables: Draws them.
    """

    name: str
    title: str
    prose: str
    measure: Callable[[Setting], dict[str, Any]]
    tables: Callable[[Mapping[str, Any]], Sequence[Table]]
