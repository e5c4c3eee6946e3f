"""Commands whose options all have a value where they are given, and whose help is laid out as it is written."""

from __future__ import annotations

import re
from typing import Any

import rich_click as click

from warmstart.basics import InputError

# A list may be empty, which its owner has a better sentence for.
_MAY_BE_EMPTY = ("strategies",)
# Without it paragraphs follow each other without a blank line between them.
click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
_EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted (143 by SIGTERM, 129 by SIGHUP)."


def laid_out(attributes: dict[str, Any], exit_codes: str) -> dict[str, Any]:
    """Return what a command is made from, so that its examples keep their lines and exit codes stand below.

    Args:
        attributes: Keyword arguments of click's class of commands.
        exit_codes: A sentence below the options.
    """
    # A paragraph that begins with \b is not wrapped; in a docstring it would have to be escaped everywhere.
    text = re.sub(r"(?m)^( *)(?=Examples:\n)", "\\1\b\n\\1", attributes.get("help") or "")
    return {"epilog": exit_codes, **attributes, "help": text or None}


class CheckedCommand(click.RichCommand):
    """A command that refuses empty texts, which would silently count as options that were not given."""

    exit_codes = _EXIT_CODES

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **laid_out(attributes, self.exit_codes))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, and check that none is empty."""
        typed = list(args)
        try:
            left = super().parse_args(ctx, args)
        except click.UsageError as error:
            if "unexpected extra argument" in error.message and any(one.endswith(",") for one in typed):
                way_out = f"{error.message.rstrip('.')}. Lists are written without spaces, as in cold,warm."
                raise click.UsageError(way_out, ctx) from None
            raise
        if ctx.resilient_parsing:  # a shell asks what could follow
            return left
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            is_empty = value == "" or (isinstance(value, tuple) and "" in value)
            if is_empty and parameter.name not in _MAY_BE_EMPTY:
                name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(ctx)
                raise InputError(f"{name} must not be empty, got ''.")
        return left


class CommandGroup(click.RichGroup):
    """A group of commands, with its help as theirs."""

    def __init__(self, name: str | None = None, **attributes: Any) -> None:
        super().__init__(name=name, **laid_out(attributes, _EXIT_CODES))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; without any, say which commands there are."""
        if not args and not ctx.resilient_parsing and not self.invoke_without_command:
            raise click.UsageError(f"A command is missing: {', '.join(self.list_commands(ctx))}.", ctx)
        return super().parse_args(ctx, args)
