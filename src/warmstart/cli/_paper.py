"""`warmstart paper`: every experiment of the paper, beside its published numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.table import Table
from rich.text import Text

from warmstart.basics import InputError, checked_path, shown, unknown_name

from ._catalogue import print_json
from ._checked import CheckedCommand, CommandGroup
from ._console import check_verbosity, say_starting, verbosity
from ._console import console as new_console
from ._flags import EXECUTION, Flag, build_execution, with_flags

if TYPE_CHECKING:
    from warmstart.paper import Experiment, Setting

OUT = "runs/paper"
AUTO = "auto"
PAPER, DESK, REHEARSAL = "paper", "desk", "rehearsal"
SETTINGS: dict[str, dict[str, Any]] = {PAPER: {}, DESK: {"desk": True}, REHEARSAL: {"scale": 0.02, "seeds": 2}}


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
def paper() -> None:
    """Run every experiment of Ash and Adams, "On Warm-Starting Neural Network Training", and judge its claims."""


@paper.command("list", cls=CheckedCommand)
@click.option("--out", metavar="DIR", default=OUT, show_default=True, help="Results to look for.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of objects, one for each experiment.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def list_experiments(out: str, as_json: bool, debug: bool) -> None:
    """List the experiments: what each asks, its setting, its cost at full scale, and what is stored of it."""
    out = str(checked_path("out", out))
    from warmstart.paper import known_experiments, progress_of

    if as_json:
        print_json(
            [
                {
                    **{name: getattr(one, name) for name in ("id", "number", "title", "where", "question")},
                    "paper_setting": one.paper_setting,
                    "full_scale": _full_scale(one),
                    "stored": progress_of(one, out),
                }
                for one in known_experiments().values()
            ]
        )
        return
    console = new_console()
    for experiment in known_experiments().values():
        console.print(f"[bold]{experiment.id}[/bold]  {experiment.title} ({experiment.where})")
        lines = {
            "asks": experiment.question,
            "paper": experiment.paper_setting,
            "full scale": _full_scale(experiment),
            f"in {out}": progress_of(experiment, out),
        }
        console.print(_definitions(lines))


def _definitions(lines: dict[str, str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    table.add_column(style="dim", no_wrap=True)
    for name, text in lines.items():
        table.add_row(Text(name), Text(text))
    return table


def _full_scale(experiment: Experiment) -> str:
    from warmstart.paper import Setting

    setting = Setting()
    cases = experiment.cases(setting)
    trials = sum(len(case.study.arms) * case.study.max_seeds for case in cases)
    samples = sum(case.most_samples(setting) for case in cases)
    studies = "1 study" if len(cases) == 1 else f"{len(cases)} studies"
    return f"{studies}, {trials} trials, at most {samples / 1e9:,.1f} G samples with every round at its limit of epochs"


@paper.command("show", cls=CheckedCommand)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def show(ids: Sequence[str], debug: bool) -> None:
    """Show settings, claims and studies of experiments."""
    from warmstart.paper import chosen_experiments

    console = new_console()
    for experiment in chosen_experiments(ids):
        console.rule(f"{experiment.id}: {experiment.title} ({experiment.where})")
        lines = [experiment.question, f"Paper: {experiment.paper_setting}", f"Here: {experiment.deviations}"]
        lines += [f"Claim: {claim.text} {claim.published}" for claim in experiment.claims]
        lines += _studies(experiment)
        for line in lines:
            console.print(line, highlight=False, markup=False)


def _studies(experiment: Experiment) -> list[str]:
    from warmstart.paper import Setting

    lines = []
    for case in experiment.cases(Setting()):
        facets = ", ".join(f"{key}={value}" for key, value in case.facets.items())
        lines.append(f"Study {facets}: {', '.join(case.study.labels)}")
    return lines


_RUN = (
    Flag(
        "--setting",
        "",
        "paper|desk|rehearsal",
        "All at once: the paper's setting; desk, small networks on images of 16x16 that two cores train in about two "
        "hours; rehearsal, 2 % of the data and 2 seeds. [default: paper]",
    ),
    Flag("--scale", "", "SHARE", "Share of the training data; 1 is the paper's setting. [default: 1]"),
    Flag(
        "--seeds",
        "",
        "N|auto",
        "Number of seeds (0 to N-1), shared by all strategies; with --setting desk also auto: twice as many where a "
        "claim is still open. [default: 5; auto with --setting desk]",
    ),
    Flag("--data-dir", "", "DIR", "Directory with the data sets; default: $WARMSTART_DATA, else they are downloaded."),
    Flag("--data", "", "NAME|PATH", "One data set in place of all the paper's."),
    Flag("--model", "", "NAME|MODULE:FUNCTION", "A model in place of ResNet-18, with options as in mlp:layers=3."),
    Flag("--width", "", "N", "Width of the network. [default: 16, the released code's; 8 at a scale below 0.05]"),
    Flag("--image-size", "", "N|HxW", "Resize images, by area. [default: as they are; 16 with --setting desk]"),
    Flag("--precision", "", "fp32|tf32|bf16|auto", "Arithmetic of training. [default: fp32; auto with --setting desk]"),
    Flag("--max-epochs", "", "N", "Limit on the epochs of a round. [default: 350 x scale; 5 at a scale below 0.05]"),
    *EXECUTION,
)


@paper.command("run", cls=CheckedCommand)
@click.argument("ids", metavar="ID...|all", nargs=-1, required=True)
@with_flags(*_RUN)
@click.option(
    "--only",
    metavar="KEY=VALUE",
    multiple=True,
    help="Only studies with this facet, such as data=cifar10; may be repeated.",
)
@click.option(
    "--out", metavar="DIR", default=OUT, show_default=True, help="Where results are stored, and resumed from."
)
@verbosity("Also say, of each round that is finished, score, time and stop reason.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def run(ids: Sequence[str], only: Sequence[str], out: str, **given: Any) -> None:
    """Run experiments, or what is left of them, and write the report.

    It is safe to interrupt; run it again to resume. `all` stands for every experiment; see `warmstart paper list`.

    Examples:
      warmstart paper run all --setting desk --data-dir DIR
      warmstart paper run table-1 --only model=mlp --only data=cifar10 --seeds 5
    """
    check_verbosity(given)
    say_starting(given)
    from warmstart.paper import UnfinishedError, chosen_experiments, has_results, run_experiments

    from ._progress import shown

    out = str(checked_path("out", out))
    execution = build_execution(given, kind="paper run")
    experiments = chosen_experiments(ids)
    setting = _setting(given)
    facets = _facets(only)
    ids = [experiment.id for experiment in experiments]
    try:
        with shown(new_console(stderr=True), quiet=given["quiet"], verbose=given["verbose"]) as listener:
            run_experiments(experiments, setting, out, only=facets, execution=execution, listener=listener)
    except UnfinishedError:
        if has_results(out):
            _write(out, ids)  # of what has run
        raise
    _write(out, ids)


def _setting(given: dict[str, Any]) -> Setting:
    from warmstart.paper import Setting
    from warmstart.specs import MODEL, build_options, from_spec

    names = {
        "scale": "scale",
        "seeds": "seeds",
        "data_dir": "directory",
        "data": "data",
        "width": "width",
        "max_epochs": "max_epochs",
        "image_size": "image_size",
        "precision": "precision",
    }
    options = {option: given[flag] for flag, option in names.items() if given[flag] is not None}
    preset = PAPER if given["setting"] is None else given["setting"]
    if preset not in SETTINGS:
        raise unknown_name("setting", preset, SETTINGS)
    if preset == REHEARSAL and "scale" in options:
        raise InputError(
            f"scale must be left out with --setting {REHEARSAL}, which is one of 0.02, got {options['scale']}."
        )
    if options.get("seeds", AUTO if preset == DESK else None) == AUTO:
        options.pop("seeds", None)
        options["auto_seeds"] = True
    options = {**SETTINGS[preset], **options}
    setting = build_options(Setting, options, kind="paper run")
    if given["model"] is None:
        return setting
    return replace(setting, model=from_spec(MODEL, given["model"]))


def _facets(texts: Sequence[str]) -> dict[str, list[str]]:
    facets: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise InputError(f"only must be KEY=VALUE, such as data=cifar10, got '{shown(text)}'.")
        facets.setdefault(key, []).append(value)
    return facets


@paper.command("export", cls=CheckedCommand)
@click.argument("file", metavar="FILE")
@click.option("--out", metavar="DIR", default=OUT, show_default=True, help="Where the results are.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def export(file: str, out: str, debug: bool) -> None:
    """Write all results into one FILE (JSON): per arm, seed and round, for `warmstart paper report FILE`."""
    from warmstart.paper import export_results

    written = export_results(checked_path("out", out), checked_path("file", file))
    new_console().print(f"Results: {written} ({written.stat().st_size / 1e3:,.0f} kB)", highlight=False, markup=False)


@paper.command("report", cls=CheckedCommand)
@click.argument("file", metavar="[FILE]", required=False)
@click.option(
    "--out",
    metavar="DIR",
    help=f"Where the results are, and the page is written. [default: {OUT}; with FILE: its name]",
)
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def report(file: str | None, out: str | None, debug: bool) -> None:
    """Rebuild the page from stored results, without training: from those in --out, or from an exported FILE."""
    if file is None:
        _write(str(checked_path("out", out or OUT)), [])
        return
    results = checked_path("file", file)
    if not results.is_file():
        raise InputError(f"FILE must be a file that 'warmstart paper export' wrote, but there is no {shown(results)}.")
    # The page would take the place of that of other results.
    folder = checked_path("out", out or results.with_suffix(""))
    if (folder / "setting.json").exists():
        raise InputError(f"out must be a directory without results of its own, got {shown(folder)}.")
    _write(str(folder), [], results)


def _write(out: str, ids: Sequence[str], file: Path | None = None) -> None:
    """Write the page, and show the verdicts of the experiments with these ids; without any, of all that have run.

    Args:
        out: Directory of the page, and of the results if there is no file.
        ids: Ids of experiments.
        file: A file with the results.
    """
    from warmstart.paper import count_trials, read_chapters, setting_in
    from warmstart.reports import write_paper_report

    from ._report import print_place

    place = file or out
    console, chapters, words = new_console(), read_chapters(place), setting_in(place).words
    files = write_paper_report(chapters, Path(out), note=f"Setting: {words}.")
    table = Table("experiment", "claim", "verdict", title=Text(words))
    for chapter in chapters:
        for finding in chapter.findings:
            if chapter.id in ids or (not ids and chapter.exhibits):
                table.add_row(chapter.id, finding.claim, finding.verdict.value)
    console.print(table)
    verdicts = Counter(finding.verdict.value for chapter in chapters for finding in chapter.findings)
    console.print(f"Claims: {', '.join(f'{count} {verdict}' for verdict, count in verdicts.most_common())}.")
    if file is None:
        planned, stored = count_trials(out)
        console.print(f"{planned:,} trials, of which {planned - stored:,} are shared between studies and were not run.")
    print_place(console, files)
