"""Pages that show files of the repository: the examples, and what the result files hold."""

import json
import re
from pathlib import Path

from ._evidence import described
from ._pages import ROOT, contents, example_page, prose, table

_LANGUAGES = {".py": "python", ".sh": "bash", ".yml": "yaml", ".service": "ini", ".timer": "ini"}


def write_files(folder: Path) -> dict[str, str]:
    """Write the pages; return what each is about."""
    (folder / "examples").mkdir()
    rows, names = [], []
    for path in sorted((ROOT / "examples").iterdir()):
        if path.suffix not in _LANGUAGES:
            continue
        text = path.read_text(encoding="utf-8")
        page = example_page(f"examples/{path.name}").removeprefix("examples/")
        names.append(page.removesuffix(".md"))
        rows.append((f"[{path.name}]({page})", prose(_question(text))))
        fenced = (
            f"# {path.name}\n\n`examples/{path.name}` in the "
            f"repository.\n\n````{_LANGUAGES[path.suffix]}\n{text.rstrip()}\n````\n"
        )
        (folder / "examples" / page).write_text(fenced, encoding="utf-8")
    tree = contents(names)
    index = (
        f"# Examples\n\nOne file, one question; to be copied.\n\n{table(('file', 'what it shows'), rows)}\n\n{tree}\n"
    )
    (folder / "examples/index.md").write_text(index, encoding="utf-8")
    (folder / "result-files.md").write_text(_result_files(), encoding="utf-8")
    return {
        "examples/index": "learners for a plain loop, Lightning and `Trainer`; cron, systemd, Airflow, GitHub Actions",
        "result-files": "every result file of the repository: what it holds, when it was made, which page shows it",
    }


def _question(text: str) -> str:
    """Return the first sentence or line of a file's docstring or comment."""
    lines = [line.strip().strip('"#').strip() for line in text.splitlines() if not line.startswith("#!")]
    first = " ".join(lines[: lines.index("")] if "" in lines else lines[:1])
    return re.split(r"(?<=[.?]) |    ", first)[0]


def _result_files() -> str:
    pages = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
    rows = []
    for path in sorted((ROOT / "results").rglob("*.json")):
        name = path.relative_to(ROOT).as_posix()
        content = json.loads(path.read_text(encoding="utf-8"))
        shown = ", ".join(
            f"[{page.removesuffix('.md')}]({page})" for page, text in pages.items() if f"`{name}`" in text
        )
        rows.append((f"`{name}`", _holds(content), *_made(content), shown))
    heads = ("file", "what it holds", "made", "by commit", "shown on")
    return (
        "# Result files\n\nNumbers on this site come from these files of the repository; tests hold the "
        "pages to them. Each has the settings, "
        f"the seeds, versions and hardware.\n\n{table(heads, rows)}\n"
    )


def _holds(content: dict) -> str:
    schema = str(content.get("schema", ""))
    if schema.startswith("warmstart.summary/"):
        arms = ", ".join(f"`{arm['arm']}`" for arm in content["arms"])
        return f"{described(content['study'], content['data'])}; {content['seeds_expected']} seeds; {arms}"
    if schema.startswith("warmstart.paper-results/"):
        return f"the paper's experiments, {len(content['experiments'])} of them, {len(content['studies'])} studies"
    if schema.startswith("warmstart.findings/"):
        return f"{content['title']}: {', '.join(chapter['id'] for chapter in content['chapters'])}"
    return f"`{content['command']}`" if "command" in content else "a recorded project, night by night"


def _made(content: dict) -> tuple[str, str]:
    found = content.get("provenance")
    if found is None:
        several = [*content.get("studies", {}).values(), *content.get("parts", {}).values()]
        found = next((one["provenance"] for one in several if "provenance" in one), {})
    commit = found.get("commit", "")
    first = commit[0] if isinstance(commit, list) else str(commit)
    return str(found.get("created", ""))[:10], f"`{first[:12]}`" if first else ""
