"""Pages of the repository as pages of the site."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ._navigation import LINKS, SECTIONS

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
_ANCHOR = re.compile(r'^<a id="([\w-]+)"></a>$', re.MULTILINE)
_COPIED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table in Markdown; a bar within a cell is escaped.

    Example:
        >>> print(table(("name", "values"), [("noise", "fresh|first")]))
        | name | values |
        | --- | --- |
        | noise | fresh\|first |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def contents(pages: Iterable[str], caption: str = "") -> str:
    """Return the entry of pages in the navigation, which is not shown on the page itself."""
    return "\n".join(("```{toctree}", ":hidden:", *([f":caption: {caption}"] if caption else []), "", *pages, "```"))


def prose(text: str) -> str:
    r"""Return a docstring's text as Markdown: what is code stays code, and nothing else is markup.

    Example:
        >>> print(prose("theta <- a * b, see :func:`l2`; ``noise=FRESH`` is `the default`"))
        theta \<- a \* b, see `l2`; `noise=FRESH` is `the default`
        >>> print(prose("the *empirical* one, of (n, *shape)"))
        the *empirical* one, of (n, \*shape)
    """
    text = re.sub(r":\w+:`~?\.?([^`]*)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    # Emphasis has stars at both ends of its words.
    parts = re.split(r"(`[^`]*`|(?<!\w)\*\w[^*]*\w\*(?!\w))", text)
    return "".join(part if number % 2 else re.sub(r"([*<_\[\]$])", r"\\\1", part) for number, part in enumerate(parts))


def on_the_site(text: str, place: str) -> str:
    """Return a page with its links leading to pages of the site, and its HTML anchors as targets.

    Args:
        text: In Markdown.
        place: Folder of the page within the repository, such as ``docs``.

    Example:
        >>> on_the_site("See [a](../examples/retrain_cron.sh) and [b](data.md#files).", "docs")
        'See [a](examples/retrain_cron_sh.md) and [b](data.md#files).'
        >>> on_the_site("[c](docs/seeds.md), [d](LICENSE)", ".")
        '[c](seeds.md), [d](LICENSE)'
    """

    def moved(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(place, found[1]))
        if path.startswith("examples/") and path not in LINKS:
            path = example_page(path)
        path = LINKS.get(path, path.removeprefix("docs/"))
        return f"]({path}{found[2] or ''})"

    return _ANCHOR.sub(r"(\1)=", _LINK.sub(moved, text))


def example_page(path: str) -> str:
    """Return the page that shows an example, such as ``examples/airflow_dag_py.md``."""
    return f"{path.replace('.', '_')}.md"


def descriptions() -> dict[str, str]:
    """Return what each page of ``docs/`` is about, by name, as the README has it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[([\w-]+)\.md\]\(docs/[\w-]+\.md\) \| (.*) \|$", readme, re.MULTILINE)
    return {name: on_the_site(text, ".") for name, text in rows}


def copy_pages(folder: Path) -> None:
    """Put the pages and images of ``docs/`` and of the root into the source folder of the site."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for anchor in _ANCHOR.findall(text):
            # Targets are those of the whole site, where a page may be called the same.
            text = text.replace(f'<a id="{anchor}">', f'<a id="{page.stem}-{anchor}">').replace(
                f"](#{anchor})", f"](#{page.stem}-{anchor})"
            )
        (folder / page.name).write_text(on_the_site(text, "docs"), encoding="utf-8")
    for name, target in _COPIED.items():
        (folder / target).write_text(on_the_site((ROOT / name).read_text(encoding="utf-8"), "."), encoding="utf-8")
    for image in (ROOT / "docs/images").rglob("*.svg"):
        target = folder / "images" / image.relative_to(ROOT / "docs/images")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(image.read_bytes())


def write_sections(folder: Path, made: dict[str, dict[str, tuple[str, ...]]], about: dict[str, str]) -> None:
    """Write the first page of every section.

    Args:
        folder: Source folder of the site.
        made: Further pages of a section, by its name and the captions over them.
        about: What a page is about, by name.

    Raises:
        ValueError: If a page of ``docs/`` is in no section.
    """
    listed = {page for section in SECTIONS for page in section.pages}
    lost = {page.stem for page in (ROOT / "docs").glob("*.md")} - listed - {"index"}
    if lost:
        raise ValueError(f"These pages of docs/ are in no section of tools/docsite/_navigation.py: {sorted(lost)}.")
    for section in SECTIONS:
        groups = {"": section.pages, **made.get(section.name, {})}
        rows = [(f"[{_title(folder, page)}]({page}.md)", about.get(page, "")) for page in section.pages]
        listing = table(("page", "what it is about"), rows) if rows else ""
        trees = "\n\n".join(contents(pages, caption) for caption, pages in groups.items() if pages)
        text = f"# {section.title}\n\n{section.text}\n\n{about.get(section.name, '')}\n\n{listing}\n\n{trees}\n"
        (folder / f"{section.name}.md").write_text(text, encoding="utf-8")
    start = folder / "index.md"
    trees = contents([section.name for section in SECTIONS])
    start.write_text(f"{start.read_text(encoding='utf-8')}\n{trees}\n", encoding="utf-8")


def _title(folder: Path, page: str) -> str:
    text = (folder / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else page
