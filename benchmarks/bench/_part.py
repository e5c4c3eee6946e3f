"""What a part of the benchmark is, and which of its figures stop a release."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._turns import Setting, Spread

TOLERANCE = 0.05


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        title: What it shows, a phrase.
        header: Names of the columns.
        rows: Cells, as many in each row as there are columns.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the lines of the table, without its title.

        Example:
            >>> print(Table("sums", ["a", "b"], [["1", "2"]]).markdown())
            | a | b |
            | --- | --- |
            | 1 | 2 |
        """
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Gate:
    """A figure that stops a release: one that got worse since the last, or that exceeds its limit.

    Args:
        figure: What was measured: a ratio or a share where possible, which changes less from machine to machine.
        higher_is_better: Whether a larger one is better.
        limit: The largest that is allowed, whatever was recorded. None: not worse than what is recorded.
    """

    figure: Spread
    higher_is_better: bool = False
    limit: float | None = None

    def fails(self, recorded: "Gate | None") -> bool:
        """Return whether it is above its limit, or else worse: the median by more than 5 %, and the quartiles apart.

        Example:
            >>> steady = {"median": 1.0, "lower_quartile": 0.98, "upper_quartile": 1.02, "turns": 5}
            >>> slower = {"median": 1.2, "lower_quartile": 1.1, "upper_quartile": 1.3, "turns": 5}
            >>> Gate(slower).fails(Gate(steady)), Gate(steady).fails(Gate(slower)), Gate(slower, limit=1.25).fails(None)
            (True, False, False)
        """
        now = self.figure
        if self.limit is not None:
            return now["median"] > self.limit
        if recorded is None:
            return False
        before = recorded.figure
        if self.higher_is_better:
            apart = now["upper_quartile"] < before["lower_quartile"]
            return apart and now["median"] < (1 - TOLERANCE) * before["median"]
        apart = now["lower_quartile"] > before["upper_quartile"]
        return apart and now["median"] > (1 + TOLERANCE) * before["median"]


@dataclass(frozen=True)
class Part:
    """One part of the benchmark.

    Args:
        name: What it is called on the command line, and the mark of its tables on the page.
        measure: Returns the figures, as plain values that JSON can hold.
        tables: Draws them.
        gates: Names those that stop a release.
    """

    name: str
    measure: Callable[[Setting], dict[str, Any]]
    tables: Callable[[Mapping[str, Any]], Sequence[Table]]
    gates: Callable[[Mapping[str, Any]], Mapping[str, Gate]]
