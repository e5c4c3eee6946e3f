"""The source folder of the site: pages of the repository, pages made from code and results, and settings."""

import shutil
from pathlib import Path

from ._api import write_api
from ._cards import write_cards
from ._commands import write_commands
from ._evidence import decision_tables
from ._files import write_files
from ._pages import copy_pages, descriptions, write_sections
from ._tables import write_tables

_MEASURED = "<!-- measured -->"


def write_source(folder: Path) -> None:
    """Write all that Sphinx reads into an empty folder."""
    folder.mkdir(parents=True)
    here = Path(__file__).parent
    shutil.copy(here / "conf.py", folder / "conf.py")
    shutil.copytree(here / "static", folder / "_static")
    copy_pages(folder)
    choosing = folder / "choosing.md"
    # What follows the mark says in the repository where the tables are.
    choosing.write_text(
        choosing.read_text(encoding="utf-8").partition(_MEASURED)[0] + decision_tables(), encoding="utf-8"
    )
    about = descriptions()
    for write in (write_api, write_commands, write_tables, write_files):
        about |= write(folder)
    cards, listing = write_cards(folder)
    write_sections(folder, {"methods": cards}, {**about, "methods": listing})
