"""`warmstart retrain`: the nightly job."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click

from warmstart.basics import InputError, StorageError, check_writable, checked_path, shown, write_atomically

from ._checked import CheckedCommand, CommandGroup
from ._console import check_verbosity, console, verbosity
from ._entry import DONE, say
from ._flags import FLAGS, Flag, as_typed, overlay, with_flags

if TYPE_CHECKING:
    from warmstart.retrain import Retrainer

_LATEST = "36500d"  # by which a tainted model must go
PROMOTED, KEPT, ROLLED_BACK, NOTHING_NEW = DONE, 10, 11, 99
# What a project decides itself: how data arrive, which arms there are, where the data lie.
_NOT_OF_PROJECTS = {"--data", "--data-dir", "--subset", "--test", "--width", "--evaluate", "--holdout", "--seeds"}
_OF_PROJECTS = {
    group: [flag for flag in FLAGS[group] if flag.name not in _NOT_OF_PROJECTS]
    for group in ("Data", "Tables", "Model", "Training", "Stopping")
}
_ONLY_OF_STUDIES = ("strategies", "seeds", "train_on", "stream", "evaluation", "source", "measurements", "execution")
_NOT_DATA_OF_PROJECTS = ("name", "directory", "subset", "test")
_WIDTH = [flag for flag in FLAGS["Model"] if flag.name == "--width"]
_CARRY_OVER = [flag for flag in FLAGS["Strategies"] if flag.name != "--strategies"]
_SETTINGS = (
    Flag(
        "--policy",
        "retrain.policy",
        "auto|STRATEGY",
        "What a round starts from: auto chooses by evidence; or one strategy, such as shrink-perturb:shrink=0.6.",
        "auto",
    ),
    Flag(
        "--tolerance",
        "retrain.tolerance",
        "SHARE",
        "Loss that is tolerated: of accuracy, or relative to the error of numbers, in [0, 1).",
        "0.01",
    ),
    Flag(
        "--class-tolerance",
        "retrain.class_tolerance",
        "SHARE",
        "Loss that is tolerated in a single class, in [0, 1).",
        "0.05",
    ),
    Flag("--holdout", "retrain.holdout", "SHARE", "Share of rows that judge before they are trained on.", "0.1"),
    Flag("--window", "retrain.window", "N", "Arrivals for which a held-out row judges.", "30"),
    Flag("--alpha", "retrain.alpha", "SHARE", "Error rate of the gate, in (0, 0.5).", "0.05"),
    Flag(
        "--audit-share",
        "retrain.audit_share",
        "SHARE",
        "Share of the training cost that pays for cold starts beside a licensed strategy, in [0, 1].",
        "0.2",
    ),
    Flag("--seed", "retrain.seed", "N", "Seed of every draw.", "0"),
    Flag("--threads", "retrain.threads", "N", "PyTorch threads; more than one helps large models alone.", "1"),
)
_RECIPE = (
    "Study file, such as the study.toml of a comparison, whose tables [learner], [model], [recipe], [stop], [penalty], "
    "[carry-over] and options of [data] are taken; flags override it."
)


# Of commands whose parameters in Python are called otherwise than what is typed for them.
_TYPED = {"add": {"data": "FILE"}, "predict": {"samples": "DATA"}, "promote": {"id": "ID"}}


_EXIT_CODES = (
    "Exit codes: 0 done, 1 failed or damaged, 2 bad input, 75 another process changes the project, 130 interrupted"
)


class ProjectCommand(CheckedCommand):
    """A command on a project, whose errors name what was typed."""

    exit_codes = f"{_EXIT_CODES}."

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error that begins with a parameter's name begins with the one that was typed."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            word, _, rest = str(error).partition(" ")
            typed = dict(_TYPED.get(self.name or "", {}))
            for one in self.params:
                if one.name and ctx.params.get(one.name) is not None:
                    typed[one.name] = one.opts[0] if isinstance(one, click.Option) else one.make_metavar(ctx)
            if word not in typed:
                raise
            raise InputError(f"{typed[word]} {rest.removeprefix(f'({typed[word]}) ')}") from error


@click.group(cls=CommandGroup, epilog=f"{_EXIT_CODES}.", context_settings={"help_option_names": ["-h", "--help"]})
def retrain() -> None:
    """Retrain a model whenever data arrive, and serve it only where it is not worse.

    A project is a folder. Every night: `add` what has arrived, then `update`, which trains, judges and promotes.
    `status` says how the project stands, `rollback` returns to an earlier model without training.

    Examples:
      warmstart retrain init churn --label churned --key customer
      warmstart retrain add churn january.csv
      warmstart retrain update churn
      warmstart retrain predict churn new.csv
    """


_JSON = "Print what happened as JSON: one object, on one line."


def _command(name: str, exit_codes: str = "") -> Callable[[Any], Any]:
    """Return the decorator of a command on a project: DIR first, and the options that all have.

    Args:
        name: Of the command.
        exit_codes: What it may end with besides what all of them do.
    """

    def decorate(function: Any) -> Any:
        for option in (
            click.option("--debug", is_flag=True, help="Show where an error came from."),
            click.option("--json", "as_json", is_flag=True, help=_JSON),
            click.argument("directory", metavar="DIR"),
        ):
            function = option(function)
        epilog = f"{_EXIT_CODES}{exit_codes}."
        return retrain.command(name, cls=ProjectCommand, epilog=epilog)(function)

    return decorate


def _project(directory: str) -> Retrainer:
    from warmstart.retrain import Retrainer

    return Retrainer(checked_path("DIR", directory))


def _show(found: Any, as_json: bool) -> None:
    """Print a result: its sentences, or JSON on one line."""
    if as_json:
        is_list = isinstance(found, (list, tuple))
        plain = [one.to_dict() for one in found] if is_list else found.to_dict()
        sys.stdout.write(json.dumps(plain, ensure_ascii=False, allow_nan=False) + "\n")
        sys.stdout.flush()
        return
    from warmstart.retrain import lines_of

    printed = console()
    for line in lines_of(found):
        printed.print(line, markup=False, soft_wrap=True)


def _progress(quiet: bool, verbose: bool) -> Callable[[str], None] | None:
    """Return where progress is reported: by itself on a terminal alone, since a scheduler would mail it."""
    check_verbosity({"quiet": quiet, "verbose": verbose})
    if quiet or not (verbose or sys.stderr.isatty()):
        return None
    if "torch" not in sys.modules:
        say("Starting")
    return say


@retrain.command("init", cls=ProjectCommand)
@click.argument("directory", metavar="DIR")
@with_flags(*_SETTINGS)
@with_flags(*(flag for flags in _OF_PROJECTS.values() for flag in flags), *_WIDTH, *_CARRY_OVER)
@click.option("--recipe", metavar="FILE.toml", help=_RECIPE)
@click.option("--json", "as_json", is_flag=True, help=_JSON)
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def init(directory: str, recipe: str | None, as_json: bool, debug: bool, **given: Any) -> None:
    """Make a project in DIR, which is empty or does not exist.

    Columns are named here, once; which of them are features, and which classes there are, the first arrival decides.
    All is written to DIR/project.toml, where it can be changed as long as nothing has arrived; the table [retrain] can
    be changed at any time.

    Examples:
      warmstart retrain init churn --label churned --key customer --order day
      warmstart retrain init prices --label price --learner regressor --policy warm
    """
    from warmstart.retrain import Retrainer

    own = {flag.place.partition(".")[2]: given.pop(flag.parameter) for flag in _SETTINGS}
    settings = {name: value for name, value in own.items() if value is not None}
    try:
        tables = overlay({} if recipe is None else _tables_of(recipe), given)
        _show(Retrainer.create(checked_path("DIR", directory), settings=settings, tables=tables).status(), as_json)
    except InputError as error:
        raise as_typed(error, given) from error


def _tables_of(recipe: str) -> Mapping[str, Any]:
    from warmstart.studies import read_study_file

    try:
        tables = read_study_file(recipe)
    except InputError as error:
        raise InputError(f"--recipe {shown(recipe)}: {error}") from error
    found = {key: tables[name] for name in tables if (key := name.replace("-", "_")) not in _ONLY_OF_STUDIES}
    if isinstance(data := found.get("data"), Mapping):
        # A study's own data are not the project's, but how they are read may be.
        found["data"] = {key: data[key] for key in data if key.replace("-", "_") not in _NOT_DATA_OF_PROJECTS}
    return found


@_command("add")
@click.argument("files", metavar="FILE...", nargs=-1)
@click.option("--each", is_flag=True, help="Each table of a folder is an arrival, in natural order of the names.")
@click.option("--labels", metavar="FILE", help="Labels for rows that wait for them, by key.")
@click.option(
    "--new-classes",
    metavar="refuse|grow",
    default="refuse",
    show_default=True,
    help="What happens to a class that has not been seen: the arrival is refused, or the model grows an output for it.",
)
def add(
    directory: str, files: tuple[str, ...], each: bool, labels: str | None, new_classes: str, as_json: bool, debug: bool
) -> None:
    """Add what has arrived: each FILE, a table, a folder of images, or an .npz, is an arrival.

    A share of the rows is held out to judge models. What does not fit the columns of earlier arrivals is refused whole.
    Adding the same content again changes nothing. With --json each arrival is a line.

    Examples:
      warmstart retrain add churn monday.csv tuesday.csv
      warmstart retrain add churn history/ --each
      warmstart retrain add churn --labels outcomes.csv
    """
    if bool(files) == (labels is not None):
        raise InputError("FILE or --labels FILE must be given, and not both.")
    project = _project(directory)
    if labels is not None:
        _show(project.add_labels(labels), as_json)
        return
    for file in files:  # each is shown when it is stored: the next one may be refused
        for found in project.add_files([file], each=each, new_classes=new_classes):
            _show(found, as_json)


@_command("update", exit_codes="; with --exit-code also 10, 11 and 99")
@click.option(
    "--budget",
    metavar="TIME",
    help="Time for training, such as 90s, 10m or 2h: an audit that would not fit is left out.",
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Say by the exit code what came of it: 0 promoted, 10 kept, 11 rolled back by the watch, 99 nothing new.",
)
@verbosity("Say what is under way also where output is no terminal.")
def update(
    directory: str, budget: str | None, exit_code: bool, quiet: bool, verbose: bool, as_json: bool, debug: bool
) -> int:
    """Train on what has arrived, judge the candidate, and promote it where it is not worse.

    It is safe to interrupt; run it again to resume. A second one at the same time exits with 75, and without new data
    nothing is trained.
    """
    seconds = None if budget is None else seconds_of(budget)
    report = _progress(quiet, verbose)
    found = _project(directory).update(budget_seconds=seconds, report=report)
    _show(found, as_json)
    codes = {"promoted": PROMOTED, "kept": KEPT, "rolled back": ROLLED_BACK, "nothing new": NOTHING_NEW}
    return codes[found.outcome] if exit_code else DONE


def seconds_of(text: str, flag: str = "--budget", *, most: str | None = None) -> float:
    """Return the seconds of a time such as 90s, 10m, 1.5h or 2d; a number alone is of seconds.

    Args:
        text: As typed.
        flag: Whose it is.
        most: The longest time that is allowed, such as 30d; None: any.

    Raises:
        InputError: If it is no time, not above 0, or too long.

    Example:
        >>> seconds_of("10m")
        600.0
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    unit = units.get(text.strip()[-1:].lower())
    try:
        number = float(text.strip()[:-1] if unit else text)
    except ValueError:
        number = -1.0
    seconds = number * (unit or 1)
    if not 0 < number < 1e9 or (most is not None and seconds > seconds_of(most)):
        limit = "" if most is None else f" and at most {most}"
        raise InputError(f"{flag} must be a time above 0{limit} such as 90s, 10m or 2h, got {shown(text)}.")
    return seconds


@_command("status")
def status(directory: str, as_json: bool, debug: bool) -> None:
    """Say how a project stands: champion, last round, waiting data, licences, audits, deletions."""
    _show(_project(directory).status(), as_json)


@_command("history")
@click.option("--last", metavar="N", type=int, default=20, show_default=True, help="Number of rounds, or of arrivals.")
@click.option("--arrivals", is_flag=True, help="List what has arrived, with the numbers that exclude takes.")
def history(directory: str, last: int, arrivals: bool, as_json: bool, debug: bool) -> None:
    """List the last rounds: what was trained, the verdict and its reason, and what was done by hand after it."""
    project = _project(directory)
    found = project.arrivals(last=last) if arrivals else project.history(last=last)
    if arrivals and not found and not as_json:
        say("Nothing has arrived yet.")
    else:
        _show(found, as_json)


@_command("rollback")
@click.option("--to", metavar="ID", help="Model to return to. [default: the champion before]")
@click.option("--reason", metavar="TEXT", help="Kept in the history.")
def rollback(directory: str, to: str | None, reason: str | None, as_json: bool, debug: bool) -> None:
    """Serve an earlier champion, without training; it stays until `unpin`."""
    _show(_project(directory).rollback(to=to, reason=reason), as_json)


@_command("promote")
@click.argument("model", metavar="ID")
@click.option("--reason", metavar="TEXT", help="Kept in the history.")
def promote(directory: str, model: str, reason: str | None, as_json: bool, debug: bool) -> None:
    """Serve a model by hand, whatever the gate says; it stays until `unpin`."""
    _show(_project(directory).promote(model, reason=reason), as_json)


@_command("pin")
def pin(directory: str, as_json: bool, debug: bool) -> None:
    """Keep the champion whatever rounds find, until `unpin`."""
    _show(_project(directory).pin(), as_json)


@_command("unpin")
def unpin(directory: str, as_json: bool, debug: bool) -> None:
    """Let rounds promote again."""
    _show(_project(directory).unpin(), as_json)


@_command("exclude")
@click.argument("arrival", metavar="ARRIVAL")
def exclude(directory: str, arrival: str, as_json: bool, debug: bool) -> None:
    """Leave an arrival, by number or id, out of training and judging; models trained on it are no start any more."""
    _show(_project(directory).exclude(arrival), as_json)


@_command("forget")
@click.option("--key", "keys", metavar="FILE", required=True, help="File with the keys to forget, one per line.")
@click.option("--by", "within", metavar="TIME", default="30d", show_default=True, help="When a tainted model must go.")
def forget(directory: str, keys: str, within: str, as_json: bool, debug: bool) -> None:
    """Erase rows by key, with every file that holds them, and start the next round cold.

    The champion serves until a clean model passes the gate, or the time is over.
    """
    seconds = seconds_of(within, "--by", most=_LATEST)
    _show(_project(directory).forget(checked_path("--key", keys), within_seconds=seconds), as_json)


@_command("migrate")
@click.option("--map", "mapping", metavar="FILE.toml", required=True, help="Tables [rename], [fill] and a list drop.")
def migrate(directory: str, mapping: str, as_json: bool, debug: bool) -> None:
    """Open a new version of the schema: rename, drop or fill columns of all that is stored."""
    _show(_project(directory).migrate(checked_path("--map", mapping)), as_json)


@_command("audit")
def audit(directory: str, as_json: bool, debug: bool) -> None:
    """Train a cold start beside the strategy in the next round, whatever the account says."""
    _show(_project(directory).audit(), as_json)


@_command("rehearse")
@click.option("--seeds", metavar="N", type=int, default=8, show_default=True, help="Number of seeds.")
@click.option("--workers", metavar="N", type=int, default=1, show_default=True, help="Trials at the same time.")
@verbosity("Say what is under way also where output is no terminal.")
def rehearse(directory: str, seeds: int, workers: int, quiet: bool, verbose: bool, as_json: bool, debug: bool) -> None:
    """Replay what has arrived through the lab with paired seeds, and license strategies from it."""
    report = _progress(quiet, verbose)
    _show(_project(directory).rehearse(seeds=seeds, workers=workers, report=report), as_json)


@_command("verify")
def verify(directory: str, as_json: bool, debug: bool) -> None:
    """Check every file against its digest; a damaged champion is replaced by the last good model."""
    found = _project(directory).verify()
    _show(found, as_json)
    if not found.is_intact:
        count = len(found.damage) + (found.ledger is not None)
        raise StorageError(f"{count} file{'s are' if count > 1 else ' is'} damaged in {shown(directory)}.")


@_command("gc")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
def gc(directory: str, dry_run: bool, as_json: bool, debug: bool) -> None:
    """Remove models and drafts that nothing needs any more."""
    _show(_project(directory).gc(dry_run=dry_run), as_json)


@_command("check")
def check(directory: str, as_json: bool, debug: bool) -> None:
    """Run all of the learner on 64 rows: determinism, save and load, scores, inputs untouched."""
    found = _project(directory).check()
    _show(found, as_json)
    if not found.is_passed:
        raise InputError(found.sentence)


@_command("predict")
@click.argument("data", metavar="DATA")
@click.option("--out", metavar="FILE", default="-", help="CSV file to write; - for standard output. [default: -]")
def predict(directory: str, data: str, out: str, as_json: bool, debug: bool) -> None:
    """Predict new samples with the champion.

    DATA is a table with the project's columns, in any order and without labels, or a folder of images. Only
    DIR/champion.json and the model's file are read. The output has one line per sample: its row or file, the
    prediction, and for classes their probabilities.

    Examples:
      warmstart retrain predict churn tomorrow.csv --out predictions.csv
    """
    from ._predict import predictions_text

    path = None if out == "-" else checked_path("--out", out)
    if path is not None:
        check_writable("--out", path)
    model = _project(directory).champion()
    if not checked_path("DATA", data).exists():
        raise InputError(f"DATA must be a file or folder that exists, got {shown(data)}.")
    found, files = model.predict(model.read(data)), [str(file) for file in model.files(data)]
    result: dict[str, Any] = {"model": model.id, "round": model.round, "samples": len(found)}
    if path is not None:
        try:
            write_atomically(path, predictions_text(found, files))
        except OSError as error:
            raise StorageError(f"The predictions cannot be written to {shown(path)} ({error.strerror}).") from error
        result["out"] = str(path)
        text = f"{len(found):,} predictions of model {model.id[:12]} in {shown(path)}\n"
    else:
        values = found.outputs.tolist()
        result |= {"classes": found.classes, "predictions": found.labels if found.classes else values}
        result |= {"probabilities": values} if found.classes else {}
        text = predictions_text(found, files)
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n" if as_json else text)


@_command("report")
@click.option("--out", metavar="FILE.html", help="Where to write it. [default: DIR/report/index.html]")
def report(directory: str, out: str | None, as_json: bool, debug: bool) -> None:
    """Write the project's report: one page that needs no network."""
    from warmstart.reports import write_retrain_report

    path = None if out is None else checked_path("--out", out)
    if path is not None:
        check_writable("--out", path)
    _show(write_retrain_report(checked_path("DIR", directory), path), as_json)


@_command("export")
@click.argument("folder", metavar="FOLDER")
def export(directory: str, folder: str, as_json: bool, debug: bool) -> None:
    """Copy the champion to a folder that serves by itself: weights, what it takes, and where it came from."""
    _show(_project(directory).export(checked_path("FOLDER", folder)), as_json)
