"""The README as the package index shows it: links to files of the repository lead there."""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\]\((?!https?://|#)([^)\s]+)\)")


def with_absolute_links(text: str, base: str) -> str:
    """Return Markdown in which links to files are below an address."""
    return _LINK.sub(lambda found: f"]({base}/{found[1]})", text)


class CustomMetadataHook(MetadataHookInterface):
    """Fills in the field ``readme``, which is why pyproject.toml calls it dynamic."""

    def update(self, metadata: dict) -> None:
        """Put the README into the metadata, with the files of this version as the targets of its links."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        base = f"{metadata['urls']['Homepage']}/blob/v{metadata['version']}"
        metadata["readme"] = {"content-type": "text/markdown", "text": with_absolute_links(text, base)}
