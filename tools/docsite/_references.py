"""Docstrings as Sphinx needs them, and their cross-references, which name things as their own module sees them.

A docstring of a room writes ``:func:`l2```, also where the site documents the name as ``warmstart.L2``, or not at all
because only rooms use it. What is documented becomes a link, what exists is left as code, and all else is a warning.
"""

import functools
import inspect
import re
import sys
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_signature, pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import warmstart


@functools.cache
def exists(name: str) -> bool:
    """Return whether a name, with or without its module and owner, is one of the package's.

    Example:
        >>> exists("l2"), exists("warmstart.penalties.l2"), exists("Penalty.for_round"), exists("no_such_name")
        (True, True, True, False)
    """
    path = name.removeprefix("warmstart.").split(".")
    # Rooms are imported when they are used.
    rooms = [getattr(warmstart, name) for name in dir(warmstart)]
    modules = [module for known, module in list(sys.modules.items()) if known.startswith("warmstart.")]
    return any(_reaches(place, path) for place in (warmstart, *filter(inspect.ismodule, rooms), *modules))


def _reaches(place: Any, path: list[str]) -> bool:
    for part in path:
        if isinstance(place, type) and part in getattr(place, "__annotations__", {}):
            return True
        place = getattr(place, part, None)
    return place is not None


def as_sphinx_reads(what: str, lines: list[str]) -> list[str]:
    r"""Return a docstring in which only what is meant as markup is markup.

    The first words of a property, and of ``Returns:``, would count as a type up to a colon; bars, and stars without a
    partner, would begin something.

    Example:
        >>> as_sphinx_reads("property", ["Size of it: |x|, and (n, *shape)."])
        ['Size of it - \\|x\\|, and (n, \\*shape).']
    """
    found = []
    for number, line in enumerate(lines):
        after_returns = number > 0 and lines[number - 1].strip() == "Returns:"
        if after_returns or (what in ("property", "attribute") and number == 0):
            line = re.sub(r"(?<=[\w)\]]): ", " - ", line)
        is_code = line.lstrip().startswith((">>>", "..."))
        parts = [line] if is_code else re.split(r"(``[^`]*``|`[^`]*`)", line)
        for place in range(0, len(parts), 2):
            if not is_code:
                text = parts[place].replace("|", "\\|")
                # Emphasis has stars at both ends of its words.
                parts[place] = text if re.search(r"(?<!\w)\*\w[^*]*\w\*(?!\w)", text) else text.replace("*", "\\*")
        found.append("".join(parts))
    return found


def _prepared(app: Sphinx, what: str, name: str, owner: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_sphinx_reads(what, lines)


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement) -> nodes.Node | None:
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"]).lstrip("~.").removesuffix("()")
    domain = env.domains.python_domain
    short = target.removeprefix("warmstart.")
    names = [name for name in domain.objects if name == f"warmstart.{short}" or name.endswith(f".{short}")]
    # Of ``warmstart.penalties.L2`` only the last part is in the name that users import.
    names = names or [name for name in domain.objects if name == f"warmstart.{short.rpartition('.')[2]}"]
    if names:
        name = min(names, key=len)
        found = domain.objects[name]
        return nodes.reference(
            "",
            "",
            contnode,
            internal=True,
            refuri=app.builder.get_relative_uri(node["refdoc"], found.docname) + f"#{found.node_id}",
        )
    # Of a signature, also what another library calls its types; it is no prose that could be wrong.
    return contnode if exists(target) or _is_in_signature(node) else None


def _is_in_signature(node: nodes.Node) -> bool:
    above = node.parent
    while above is not None and not isinstance(above, desc_signature):
        above = above.parent
    return above is not None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the resolver with Sphinx."""
    app.connect("missing-reference", _resolve)
    app.connect("autodoc-process-docstring", _prepared, priority=400)  # before napoleon, which has 500
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
