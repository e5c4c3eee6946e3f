"""Commands whose options all have a value where they are given."""

from __future__ import annotations

import rich_click as click

from warmstart.basics import InputError

# A list may be empty, which its owner has a better sentence for.
_MAY_BE_EMPTY = ("strategies",)


class CheckedCommand(click.RichCommand):
    """A command that refuses empty texts, which would silently count as options that were not given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, and check that none is empty."""
        left = super().parse_args(ctx, args)
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            is_empty = value == "" or (isinstance(value, tuple) and "" in value)
            if is_empty and parameter.name not in _MAY_BE_EMPTY:
                name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.make_metavar(ctx)
                raise InputError(f"{name} must not be empty, got ''.")
        return left
