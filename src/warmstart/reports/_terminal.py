"""The result table for the terminal."""

from typing import TYPE_CHECKING

from warmstart.analysis import Summary

from ._tables import results

if TYPE_CHECKING:
    from rich.table import Table


def result_table(summary: Summary) -> "Table":
    """Return one row per strategy, ready for a rich console and fit for one of 80 columns.

    Columns: accuracy with half its interval, the difference to the reference in words, steps of the last round with
    their factor, seconds over all rounds, and how the rounds ended.

    Args:
        summary: What the study says; complete or not.

    Returns:
        The table; labels are shown as they are, also where they look like markup.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    content = results(summary)
    intervals = f"{100 * summary.confidence:g} % intervals over seeds"
    caption = f"{intervals}, after round {summary.compared_round}; n.d.: no difference detected"
    table = Table(caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown = [index for index, title in enumerate(content.header) if title not in _IN_THE_REPORT_ONLY]
    label_width = min(max(len(row[0]) for row in content.rows), 16)
    for index in shown:
        width = label_width if index == 0 else None
        justify = "right" if 3 <= index <= 5 else "left"
        table.add_column(
            _stacked(content.header[index].replace("rounds ended", "ended"), ", "), justify=justify, min_width=width
        )
    for row in content.rows:
        table.add_row(*(Text(row[index] if index == 0 else _stacked(row[index]), overflow="fold") for index in shown))
    return table


_IN_THE_REPORT_ONLY = ("steps, all rounds",)


def _stacked(cell: str, *breaks: str) -> str:
    """Put what stands in brackets on a line of its own: narrow columns, and no word broken."""
    cell = cell.replace("(no difference detected)", "(n.d.)")
    for mark in (" [", " (", *breaks):
        cell = cell.replace(mark, f"{mark.rstrip(' [(')}\n{mark.strip(' ,')}")
    return cell
