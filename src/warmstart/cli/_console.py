"""The console that everything is printed on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import rich_click as click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from warmstart.basics import InputError, printable


class SafeConsole(Console):
    """A console that shows control characters instead of obeying them.

    Names of files, columns and classes come from anywhere, and may hold what moves the cursor or changes colours.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with all that is text made printable; the console's own control codes are no text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def console(*, stderr: bool = False) -> Console:
    """Return the console for tables and lines."""
    return SafeConsole(stderr=stderr, highlight=False)


_TO_LINE_START = "\r\x1b[K"  # and erase what stands there


def say_starting(given: Any) -> None:
    """Say that a command starts, before PyTorch is imported, which takes seconds; nothing where it is there already.

    Args:
        given: Values of the command's flags by name; with ``quiet`` nothing is said.
    """
    if "torch" in sys.modules or given["quiet"]:
        return
    try:
        if sys.stderr.isatty():
            # The next line that is written takes its place.
            sys.stderr.write("Starting")
            sys.stderr.flush()
            import torch  # noqa: F401

            sys.stderr.write(_TO_LINE_START)
        else:
            sys.stderr.write("Starting\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # closed, or its reader gone
        pass


def verbosity(more: str) -> Callable[[Any], Any]:
    """Return the decorator that gives a command the switches -q and -v.

    Args:
        more: What the second one adds.
    """
    text = "Say nothing but results and errors: no progress, no notes."

    def decorate(command: Any) -> Any:
        command = click.option("-v", "--verbose", is_flag=True, help=more)(command)
        return click.option("-q", "--quiet", is_flag=True, help=text)(command)

    return decorate


def check_verbosity(given: Any) -> None:
    """Raise where a command is to be both quiet and verbose."""
    if given["quiet"] and given["verbose"]:
        raise InputError("--quiet must be left out with --verbose.")
