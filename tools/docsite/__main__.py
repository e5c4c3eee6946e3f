"""Build the site: ``python -m docsite --out site``."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

from ._pages import ROOT
from ._source import write_source


def run_sphinx(source: Path, out: Path) -> int:
    """Build the pages in a folder, and return Sphinx's exit code; warnings are errors."""
    doctrees = ("-d", str(source.parent / "doctrees"))
    return build_main(["-q", "-W", "--keep-going", "-E", "-b", "html", *doctrees, str(source), str(out)])


def build(out: Path, *, source: Path) -> int:
    """Write the source of the site into an empty folder, build it, and return Sphinx's exit code."""
    write_source(source)
    draft = source.parent / "html"
    code = run_sphinx(source, draft)
    if code == 0:
        # For debuggers of the theme and templates of its authors: not for readers.
        shutil.rmtree(draft / "_sources", ignore_errors=True)
        for left in (draft / ".buildinfo", draft / "_static/webpack-macros.html", *draft.rglob("*.map")):
            left.unlink(missing_ok=True)
        # Only a whole site takes the place of an earlier one.
        if out.exists():
            shutil.rmtree(out)
        shutil.move(draft, out)
    return code


def main() -> int:
    """Build the site as the command line says."""
    parser = argparse.ArgumentParser(prog="docsite", description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="where the site is written")
    parser.add_argument("--source", type=Path, help="keep the pages that it is built from in this new folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return build(options.out.resolve(), source=options.source or Path(folder) / "source")


if __name__ == "__main__":
    sys.exit(main())
