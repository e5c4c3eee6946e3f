"""The console that everything is printed on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from warmstart.basics import printable


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
