"""The result table for the terminal."""

from typing import TYPE_CHECKING

from warmstart.studies._summary import Summary

from ._tables import results

if TYPE_CHECKING:
    from rich.table import Table


def result_table(summary: Summary) -> "Table":
    """Return one row per strategy, ready for a rich console.

    Columns: accuracy with half its interval, the difference to the reference in words, steps over all rounds and of the
    last round with their factor, seconds over all rounds, and how the rounds ended.

    Args:
        summary: What the study says; complete or not.

    Returns:
        The table; labels are shown as they are, also where they look like markup.
    """
    from rich.table import Table
    from rich.text import Text

    content = results(summary)
    table = Table(caption=f"{100 * summary.confidence:g} % intervals over seeds, after round {summary.compared_round}")
    for index, title in enumerate(content.header):
        table.add_column(title, justify="right" if 3 <= index <= 5 else "left", overflow="fold")
    for row in content.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
