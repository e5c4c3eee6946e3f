"""The reference of the command line: a section for each command."""

import re
from pathlib import Path

import rich_click as click

from warmstart.cli._catalogue import CATALOGUES
from warmstart.cli._main import warmstart

from ._pages import contents, prose, table

_CATALOGUES = "lists"


def pages() -> dict[str, list[str]]:
    """Return the commands on each page; groups and large commands have pages of their own."""
    found: dict[str, list[str]] = {}
    for name, command in warmstart.commands.items():
        found.setdefault(_CATALOGUES if command in CATALOGUES else name, []).append(name)
    return found


def write_commands(folder: Path) -> dict[str, str]:
    """Write the pages; return what each is about."""
    place = folder / "reference/commands"
    place.mkdir(parents=True)
    about, rows = {}, []
    for page, names in pages().items():
        sections = []
        for name in names:
            command = warmstart.commands[name]
            context = click.Context(command, info_name=name, parent=click.Context(warmstart, info_name="warmstart"))
            sections.append(_section(command, context, level=2 if page == _CATALOGUES else 1))
            rows.append((f"[warmstart {name}]({page}.md)", prose(_paragraphs(command)[0])))
            for child, owner in sorted(getattr(command, "commands", {}).items()):
                sections.append(_section(owner, click.Context(owner, info_name=child, parent=context), level=2))
                rows.append(
                    (f"[warmstart {name} {child}]({page}.md#warmstart-{name}-{child})", prose(_paragraphs(owner)[0]))
                )
        title = "# What there is by name\n\n" if page == _CATALOGUES else ""
        (place / f"{page}.md").write_text(title + "\n\n".join(sections) + "\n", encoding="utf-8")
        about[f"reference/commands/{page}"] = prose(_paragraphs(warmstart.commands[names[0]])[0])
    tree = contents(pages())
    text = (
        "# Command line\n\nFlags are listed in a terminal by `--help`. What a command needs is said in "
        "one sentence when it is "
        f"missing, and every command ends with one of these [exit "
        f"codes](../exit-codes.md).\n\n{table(('command', 'what it does'), rows)}\n\n{tree}\n"
    )
    (place / "index.md").write_text(text, encoding="utf-8")
    about["reference/commands/index"] = "every command with its flags, examples and exit codes"
    return about


def _paragraphs(command: click.Command) -> list[str]:
    text = (command.help or "").split("Examples:")[0]
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _section(command: click.Command, context: click.Context, *, level: int) -> str:
    parts = [f"{'#' * level} {context.command_path}", *map(prose, _paragraphs(command))]
    usage = " ".join(command.collect_usage_pieces(context))
    parts.append(f"```text\n{context.command_path} {usage}\n```")
    for title, options in _groups(command, context):
        rows = [_row(option, context) for option in options]
        parts.append((f"**{title}**\n\n" if title else "") + table(("flag", "value", "meaning"), rows))
    _, mark, examples = (command.help or "").partition("Examples:")
    if mark:
        lines = [line.strip() for line in examples.splitlines() if line.strip()]
        parts.append("```console\n" + "\n".join(f"$ {line}" for line in lines) + "\n```")
    return "\n\n".join(parts)


def _groups(command: click.Command, context: click.Context) -> list[tuple[str, list[click.Option]]]:
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    by_name = {name: option for option in options for name in option.opts}
    declared = click.rich_click.OPTION_GROUPS.get(context.command_path, [])
    found = []
    for group in declared:
        members = [by_name[name] for name in group.get("options", []) if name in by_name]
        found.append((str(group.get("name", "")), members))
    left = [option for option in options if not any(option in members for _, members in found)]
    return [group for group in (*found, ("Other" if found else "", left)) if group[1]]


def _row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in sorted((*option.opts, *option.secondary_opts), key=len))
    value = "" if option.is_flag else f"`{option.make_metavar(context)}`"
    text = re.sub(r"\s+", " ", option.help or "")
    shown = f" [default: {option.default}]" if option.show_default and isinstance(option.default, str | int) else ""
    return names, value, prose(text + shown)
