"""The page of results: what each part means, and its tables."""

from collections.abc import Mapping
from typing import Any

from ._part import Part
from ._tables import as_markdown

_INTRODUCTION = """# Performance

What training, studies and commands cost on one machine, drawn by the program that measured it:

    make bench

It writes figures and page into `runs/`; `python benchmarks/run.py PART --json FILE --page FILE` repeats one part and
keeps the others.

Everything that is compared is measured in one run, in turns that go forwards and backwards by turns, so that the
noise of the machine meets all of it alike; ratios are taken turn by turn. Figures are medians, with quartiles in
brackets. The first turn of everything is dropped. Compare ratios and shares with those of another machine, not
seconds."""


def page(parts: Mapping[str, Part], results: Mapping[str, Any], source: str) -> str:
    """Return the page as Markdown.

    Args:
        parts: All parts, in the order of the page.
        results: What was measured, by part; the page leaves out what is missing.
        source: The file of the results, as the page names it.
    """
    shown = [part for part in parts.values() if part.name in results]
    sections = [_section(part, results[part.name]) for part in shown]
    return "\n\n".join([_INTRODUCTION, f"File: `{source}`.", *sections, _origins(shown, results)]) + "\n"


def _section(part: Part, result: Mapping[str, Any]) -> str:
    tables = [f"### {table.title}\n\n{as_markdown(table)}" for table in part.tables(result["measured"])]
    return "\n\n".join([f"## {part.title}", part.prose.strip(), *tables])


def _origins(shown: list[Part], results: Mapping[str, Any]) -> str:
    """Return where and when each part was measured."""
    keys = ("commit", "created", "torch", "python", "cpu", "cores", "threads", "turns", "load_before", "load_after")
    lines = [("part", *keys), ("---",) * (len(keys) + 1)]
    lines += [(part.name, *(str(results[part.name]["made"][key]) for key in keys)) for part in shown]
    text = "The load is the mean number of processes that wanted a core in the minute before a part began, and ended."
    return f"## Where and when\n\n{text}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)
