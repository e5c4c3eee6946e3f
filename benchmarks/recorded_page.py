"""What benchmarks record: a result file, and a page whose tables and charts are written from it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import write_atomically
from warmstart.reports._export import images_of


def write_result(result: Mapping[str, Any], file: Path) -> None:
    """Write a result as JSON.

    A list of numbers stands on one line: else each has a line of its own, and there are thousands.
    """
    text = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), json.dumps(result, indent=1))
    write_atomically(file, text + "\n")


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return a page with the parts between its marks written anew: ``<!-- name -->`` to ``<!-- end -->``.

    Args:
        text: The page as it stands.
        blocks: What is to stand between marks, by name; a part that has none was not run.
    """

    def block(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n\n{blocks.get(found[1], 'Not run.')}\n\n<!-- end -->"

    return re.sub(r"<!-- (?!end)([\w.-]+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def write_page(file: Path, blocks: Mapping[str, str], charts: Mapping[str, Any]) -> None:
    """Write the parts of a page between its marks, and its charts into the folder ``images`` beside it."""
    write_atomically(file, filled(file.read_text(), blocks))
    for name, content in images_of({name: drawn.to_dict() for name, drawn in charts.items()}).items():
        if name.endswith(".svg"):
            write_atomically(file.parent / "images" / name, content)
