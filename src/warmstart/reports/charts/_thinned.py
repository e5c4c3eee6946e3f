"""Which part of a large study is drawn: what the eye can distinguish, so that the page stays small."""

from typing import Final

from warmstart.analysis import RoundSummary, Summary

MOST_ROUNDS: Final = 200
MOST_POINTS: Final = 1000


def drawn_rounds(summary: Summary) -> list[RoundSummary]:
    """Return the rounds to be drawn, at even distances, the first and the last among them."""
    numbers = sorted({row.round for row in summary.rounds})
    # Rounded up, so that there are never more; the last one is what the report is about.
    step = max(1, -(-len(numbers) // MOST_ROUNDS))
    kept = {*numbers[:-1:step], *numbers[-1:]}
    return [row for row in summary.rounds if row.round in kept]


def drawn_seeds(summary: Summary) -> list[int]:
    """Return the seeds to be drawn as points: the first, which are as good as any, and the same of every strategy."""
    return _seeds(summary)[: max(1, MOST_POINTS // len(summary.arms))]


def words_on_rounds(summary: Summary) -> str:
    """Return a sentence on the rounds that are left out of a chart; nothing where none is."""
    count, drawn = (len({row.round for row in rows}) for rows in (summary.rounds, drawn_rounds(summary)))
    return "" if drawn == count else f" Of {count:,} rounds, {drawn} are drawn, at even distances; the table has all."


def words_on_seeds(summary: Summary) -> str:
    """Return of which seeds there are points: all, or the first of them."""
    # What is left out is said: a reader who counts points must not take the seeds for fewer than they are.
    count, drawn = len(_seeds(summary)), len(drawn_seeds(summary))
    return "per seed" if drawn == count else f"for each of the first {drawn:,} of {count:,} seeds"


def _seeds(summary: Summary) -> list[int]:
    return sorted({record.seed for record in summary.trials})
