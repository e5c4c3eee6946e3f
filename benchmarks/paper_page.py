"""The results on the page of the paper's experiments, written from one file of results.

    warmstart paper export results/paper/desk.json --out DIR
    python benchmarks/paper_page.py results/paper/desk.json --larger results/paper/desk-resnet18.json

What stands between two marks, such as ``<!-- claims -->`` and ``<!-- end of claims -->``, is replaced; the rest of the
page is written by hand. Verdicts are those of today's rules.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from warmstart.basics import InputError, write_atomically
from warmstart.paper import Chapter, Curves, HeatMap, Table, Verdict, read_chapters, setting_in
from warmstart.reports._document import Chart
from warmstart.reports._export import chart_images
from warmstart.reports._markdown import escaped, grid
from warmstart.reports.paper._document import counts_text, exhibit_name, paper_document, seeds_text
from warmstart.reports.paper._rows import has_points

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/paper.md"
IMAGES = "images/paper"
CLAIMS = ("experiment", "claim", "verdict", "what decides", "paper", "reproduction", "seeds")
# Of a provenance; the rest stands in the file.
MADE = ("cpu", "threads", "torch", "warmstart", "commit", "created")


def written(
    page: str, origin: str, chapters: Sequence[Chapter], *, larger: tuple[str, Sequence[Chapter]] | None = None
) -> str:
    """Return the page with the parts that are drawn from results replaced.

    Args:
        page: The page as it stands.
        origin: Where the results are from: their file and their setting, in words.
        chapters: The results.
        larger: Origin and results of the same experiments in a larger setting; None: that part stays as it is.

    Raises:
        InputError: If a mark is missing.
    """
    drawn = parts(origin, chapters)
    if larger is not None:
        drawn["larger"] = agreement(chapters, *larger)
    for name, text in drawn.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise InputError(f"The page must have the marks '{begin}' and '{end}' once each.")
        above, below = page[: page.index(begin)], page[page.index(end) :]
        page = f"{above}{begin}\n{text}\n{below}"
    return page


def parts(origin: str, chapters: Sequence[Chapter]) -> dict[str, str]:
    """Return what is drawn from results, by the name of its mark."""
    run = [chapter for chapter in chapters if chapter.exhibits]
    return {"claims": _claims(origin, chapters), "experiments": "\n".join(map(_section, run))}


def _claims(origin: str, chapters: Sequence[Chapter]) -> str:
    findings = [(chapter, finding) for chapter in chapters for finding in chapter.findings]
    rows = [
        [
            _link(chapter),
            escaped(finding.claim),
            str(finding.verdict),
            *map(escaped, (finding.deciding, finding.published, finding.reproduction)),
            seeds_text(chapter, finding),
        ]
        for chapter, finding in findings
    ]
    problems = "".join(
        f"\n\n{chapter.title}: {chapter.state}." for chapter in chapters if chapter.state.startswith("not to be")
    )
    return f"""
{origin} {counts_text(chapters)}

{_made(chapters)}{problems}

{grid(CLAIMS, rows)}
"""


def agreement(small: Sequence[Chapter], origin: str, large: Sequence[Chapter]) -> str:
    """Return whether a small setting predicts a larger one: every difference to a cold start in both, side by side.

    Args:
        small: Results of the small setting.
        origin: Where those of the larger one are from.
        large: Results of the larger one.
    """
    by_id = {chapter.id: _differences(chapter) for chapter in small}
    begun = [chapter for chapter in large if chapter.exhibits]
    large = [one for one in begun if any(text != "no pair to compare" for text in _differences(one).values())]
    unpaired = [_link(chapter) for chapter in begun if chapter not in large]
    rows, same, opposite, undetected = [], 0, 0, 0
    for chapter in large:
        for key, of_large in _differences(chapter).items():
            of_small = by_id.get(chapter.id, {}).get(key)
            if of_small is None:
                continue
            words = [text.split(" ", 1)[0] for text in (of_small, of_large)]
            if "no" in words:
                undetected += 1
                agree = "open"
            else:
                same, opposite = same + (words[0] == words[1]), opposite + (words[0] != words[1])
                agree = "same direction" if words[0] == words[1] else "opposite direction"
            rows.append([_link(chapter), escaped(", ".join(key)), escaped(of_small), escaped(of_large), agree])
    findings = {(chapter.id, finding.claim): finding for chapter in small for finding in chapter.findings}
    verdicts = [
        [_link(chapter), escaped(finding.claim), str(findings[chapter.id, finding.claim].verdict), str(finding.verdict)]
        for chapter in large
        for finding in chapter.findings
        if (chapter.id, finding.claim) in findings and finding.verdict is not Verdict.NOT_RUN
    ]
    summary = (
        f"Of {len(rows)} differences to a cold start, {same} are detected in both with the same direction, {opposite} "
        f"with opposite ones, and {undetected} are not detected in one of them or both."
    )
    if unpaired:
        summary += f" Begun there, with no seed of which two strategies have ended: {', '.join(unpaired)}."
    return f"""
{origin} {_made(large)}

{summary}

{grid(("experiment", "strategy", "small: beside a cold start", "larger: beside a cold start", "agreement"), rows)}

{grid(("experiment", "claim", "verdict, small", "verdict, larger"), verdicts)}
"""


def _differences(chapter: Chapter) -> dict[tuple[str, ...], str]:
    """Return the differences to a cold start in the first table of a chapter, by what its rows are."""
    table = next((exhibit for exhibit in chapter.exhibits if isinstance(exhibit, Table)), None)
    if table is None or "difference to the reference" not in table.header:
        return {}
    strategy, difference = table.header.index("strategy"), table.header.index("difference to the reference")
    found = {}
    for row in table.rows:
        # Networks differ between the settings, and are called by what they have in common.
        facets = [
            value.partition(":")[0].replace("resnet18", "resnet").replace("resnet8", "resnet")
            for value in row[:strategy]
        ]
        if row[difference] not in ("reference", "-"):
            found[(*facets, row[strategy])] = row[difference]
    return found


def _made(chapters: Sequence[Chapter]) -> str:
    values: dict[str, list[str]] = {}
    for chapter in chapters:
        for key in MADE:
            if key in chapter.provenance:
                text = str(chapter.provenance[key])
                # Several values of one chapter are listed; a processor's name may have a comma of its own.
                values.setdefault(key, []).extend([text] if key == "cpu" else text.split(", "))
    texts = {key: " and ".join(dict.fromkeys(found)) for key, found in values.items() if key != "created"}
    # A text may be a range already: its ends are compared, not its middle.
    dates = sorted(end[:10] for text in values.get("created", []) for end in text.split(" to "))
    if dates:
        texts["run"] = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return "Measured with: " + "; ".join(f"{key} {text}" for key, text in texts.items()) + "."


def _link(chapter: Chapter) -> str:
    # Without a section of its own there is nothing to link to.
    return f"[{chapter.id}](#{chapter.id})" if chapter.exhibits else chapter.id


def _section(chapter: Chapter) -> str:
    table = next((exhibit for exhibit in chapter.exhibits if isinstance(exhibit, Table)), None)
    chart = main_chart(chapter)
    lines = [
        f'<a id="{chapter.id}"></a>\n\n### {escaped(chapter.title)}',
        f"{escaped(chapter.where)} (`{chapter.id}`). {escaped(chapter.question)}",
        f"- **Paper:** {escaped(chapter.paper_setting)}\n- **Here:** {escaped(chapter.setting)}.",
    ]
    if not chapter.complete:
        lines.append(f"Not complete: {escaped(chapter.state)}.")
    if chart is not None:
        lines += [f"![{escaped(chapter.title)}]({IMAGES}/{chapter.id}.svg)", f"*{escaped(chart.caption)}*"]
    if table is not None:
        lines += [grid(table.header, [list(map(escaped, row)) for row in table.rows]), escaped(table.caption)]
    return "\n" + "\n\n".join(lines) + "\n"


def main_chart(chapter: Chapter) -> Curves | HeatMap | None:
    """Return the first chart of a chapter that has a value; None if there is none."""
    for exhibit in chapter.exhibits:
        if isinstance(exhibit, HeatMap) or (isinstance(exhibit, Curves) and has_points(exhibit)):
            return exhibit
    return None


def images(chapters: Sequence[Chapter]) -> dict[str, bytes]:
    """Return the main chart of every experiment as SVG, by file name."""
    drawn: dict[str, Chart] = {chart.name: chart for chart in paper_document(chapters, "", "-").charts()}
    found: dict[str, bytes] = {}
    for chapter in chapters:
        chart = main_chart(chapter)
        if chart is not None:
            (svg,) = (
                content
                for name, content in chart_images([drawn[exhibit_name(chapter, chart)]]).items()
                if name.endswith(".svg")
            )
            found[f"{chapter.id}.svg"] = svg
    return found


def origin_of(file: Path) -> str:
    """Return where the results in a file are from: the file as the page cites it, and their setting."""
    name = file.resolve()
    cited = name.relative_to(ROOT) if name.is_relative_to(ROOT) else name
    return f"From `{cited.as_posix()}`: {setting_in(file).words}."


def write_page(file: Path, page: Path, larger: Path | None = None) -> None:
    """Write the page, and its charts into the folder ``images/paper`` beside it."""
    chapters = read_chapters(file)
    beside = None if larger is None else (origin_of(larger), read_chapters(larger))
    text = written(page.read_text(encoding="utf-8"), origin_of(file), chapters, larger=beside)
    folder = page.parent / IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    drawn = images(chapters)
    for old in folder.glob("*.svg"):
        if old.name not in drawn:
            old.unlink()
    for name, content in drawn.items():
        write_atomically(folder / name, content)
    write_atomically(page, text)


def main() -> None:
    """Write the page from the command line."""
    parser = argparse.ArgumentParser(description="Write the results on the page of the paper's experiments.")
    parser.add_argument("file", type=Path, help="file that 'warmstart paper export' wrote")
    parser.add_argument("--page", type=Path, default=PAGE, help="page with the marks; default: docs/paper.md")
    parser.add_argument("--larger", type=Path, help="file of the same experiments in a larger setting")
    options = parser.parse_args()
    write_page(options.file, options.page, options.larger)


if __name__ == "__main__":
    main()
