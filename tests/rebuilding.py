"""The chapters from the JSON that was written of them."""

from dataclasses import replace

from warmstart.analysis import rebuilt
from warmstart.paper import Chapter
from warmstart.reports.paper._json import _KINDS, SCHEMA


def chapters_of(findings):
    """Return the chapters that ``findings.json`` holds."""
    assert findings["schema"] == SCHEMA
    kinds = {name: kind for kind, name in _KINDS.items()}
    chapters = []
    for values in findings["chapters"]:
        exhibits = [
            rebuilt(kinds[exhibit["kind"]], {name: value for name, value in exhibit.items() if name != "kind"})
            for exhibit in values["exhibits"]
        ]
        # The annotation of exhibits is a union, which does not say which of the three an exhibit is.
        chapters.append(replace(rebuilt(Chapter, {**values, "exhibits": []}), exhibits=tuple(exhibits)))
    return tuple(chapters)
