"""Words and numbers that the parts of a project's report share."""

from collections.abc import Sequence

from warmstart.reports._document import Paragraph
from warmstart.reports._format import NOTHING
from warmstart.reports.charts import capitalized

SHORT = 12
"""Digits of a model's id that a reader sees; commands take as many as tell models apart."""


def absent(text: str) -> Paragraph:
    return Paragraph(text, "absent")


def when(time: str | None) -> str:
    """Return a time of the ledger to the minute."""
    return NOTHING if time is None else time[:16].replace("T", " ")


def sentence(text: str | None) -> str:
    found = capitalized((text or "not decided yet").strip())
    return found if found.endswith((".", "!", "?")) else f"{found}."


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def range_text(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
