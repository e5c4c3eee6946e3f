"""The flags of `compare`, and how they become a study.

Most are made from the fields of option classes. Each names its place in a study file. Its value stays text until the
study is built, so that a flag, a line in a file and an argument in Python are checked in one place; what an error says
of the place is put back into the words that were typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import rich_click as click

from warmstart.basics import InputError, shown

from ._described import Owner, exported, fields_of, named_datasets

if TYPE_CHECKING:
    from warmstart.executors import Execution

Tables = dict[str, Any]
OBJECT = "|MODULE:OBJECT"


class Flag(NamedTuple):
    """One flag.

    Args:
        name: As typed.
        place: Key in a study file, a dot between table and option.
        values: What it takes, for the help; a flag without any is a switch.
        text: What it means, for the help.
        default: What holds without it, for the help.
    """

    name: str
    place: str
    values: str
    text: str
    default: str | None = None

    @property
    def parameter(self) -> str:
        """The name under which click passes the value."""
        return self.name.removeprefix("--").replace("-", "_")


# Flags that are not called as their field, or whose help has more to say than their class can.
_NAMES = {
    "data.name": "--data",
    "data.directory": "--data-dir",
    "recipe.learning_rate": "--lr",
    "stop.train_accuracy": "--stop-accuracy",
    "stop.measure": "--stop-measure",
}
_VALUES = {
    "data.name": f"NAME|PATH{OBJECT}",
    "data.directory": "DIR",
    "data.label": "COLUMN",
    "data.drop": "COLUMNS",
    "data.features": "COLUMNS",
    "data.test": "FILE",
    "data.key": "COLUMN",
    "data.group": "COLUMN",
    "data.order": "COLUMN|file",
    "data.separator": "CHARACTER",
    "data.decimal": ".|,",
    "data.thousands": "CHARACTER",
    "data.missing_marks": "MARKS",
    "data.header": "true|false",
    "data.encoding": "NAME",
    "data.comment": "MARK",
    "data.image_size": "N|HxW",
    "recipe.augmentation": "flip,crop,cutout",
    "stream.query": f"NAME{OBJECT}",
    "stream.arrivals": "LISTS",
    "execution.device": "auto|cpu|cuda",
    "execution.executor": "processes|ray[:ADDRESS]",
}
_DEFAULTS = {
    "evaluation.evaluate": "holdout; test with --test FILE",
    "stream.rounds": "all data, or 5 without --arrival-size",
    "data.max_bytes": "4294967296, which is 4 GiB",
    "stream.fraction": "0.5; 1 for part",
    "execution.workers": "one per core; 1 on a GPU",
    "stop.max_steps": "none",
}
_USUAL_STREAM = "growing; time-ordered with --order and for a folder of tables"
_USUAL_MODEL = "resnet18 for images, mlp for all other data"
# Of DataSource's fields, those that only tables have.
_OF_TABLES = frozenset(
    f"--{name}"
    for name in (
        *("drop", "features", "test", "key", "group", "order", "missing", "missing-marks", "tidy-labels"),
        *("many-classes", "separator", "decimal", "thousands", "header", "encoding", "comment"),
    )
)
_IN_STUDY = {option.name: option for option in fields_of("studies", "Study")}


def _fields(table: str, room: str, owner: str) -> list[Flag]:
    """Return a flag for each field of an option class."""
    flags = []
    for field in fields_of(room, owner):
        place = f"{table}.{field.name}"
        name = _NAMES.get(place, f"--{field.name.replace('_', '-')}")
        values = _VALUES.get(place, field.values)
        default = _DEFAULTS.get(place, None if field.default == "()" else field.default)
        flags.append(Flag(name, place, values, field.text.replace("None", "none"), default))
    return flags


def _named(key: str, known: Mapping[str, Owner], *, field: str = "") -> Flag:
    """Return the flag of an object that has a name and options."""
    option = _IN_STUDY.get(field or key)
    text = f"{option.text} " if option else ""
    text += f"{', '.join(known)}; or your own, as module:Object. Options follow as in name:option=value."
    default = option.default if option and option.default in known else None
    return Flag(f"--{key}", key, f"NAME{OBJECT}", text, default)


def _stream_flags() -> list[Flag]:
    """Return the flags of all streams' options; one that several have is one flag."""
    streams = exported("streams", "Stream")
    owners: dict[str, list[tuple[str, Flag]]] = {}
    for stream, owner in streams.items():
        for flag in _fields("stream", "streams", owner.name):
            owners.setdefault(flag.name, []).append((stream, flag))
    lines = "; ".join(f"{stream}: {owner.summary.rstrip('.')}" for stream, owner in streams.items())
    flags = [Flag("--stream", "stream", f"NAME{OBJECT}", f"How data arrive. {lines}.", _USUAL_STREAM)]
    for several in owners.values():
        _, longest = max(several, key=lambda pair: len(pair[1].text))  # the others refer to it
        flags.append(longest._replace(text=f"{', '.join(stream for stream, _ in several)}: {longest.text}"))
    return flags


def _study_field(name: str, values: str = "", *, place: str = "") -> Flag:
    option, typed = _IN_STUDY[name], f"--{name.replace('_', '-')}"
    return Flag(typed, place or name, values or option.values, option.text.replace("None", "none"), option.default)


_DATA = _fields("data", "data", "DataSource")
_DATA_TEXT = (
    "A data set known by name; a path: a table (.csv, .tsv, .txt, also .gz or .zst; .parquet, .feather, .xlsx), a "
    "folder of tables that arrive one by one, an .npz, or a folder of class folders with images; or your own, as "
    "module:Object, a function or class that returns them, or the object. Options follow as in "
    "module:Object:option=value. Known: "
)
_DATA[0] = _DATA[0]._replace(text=f"{_DATA_TEXT}{', '.join(named_datasets())}.")
_WIDTH = (
    "Width of the model: channels of resnet18's first stage (16: the paper's released code, 64: the usual), units "
    "of an mlp's layers."
)
_STRATEGIES = (
    "Separated by commas, with options as in cold,warm:train-on=arrival,shrink-perturb:shrink=0.6:noise=gaussian; "
    "or your own, as module:Object. `warmstart strategies` lists them."
)
_MEASURED = "Measured besides score and cost, separated by commas. `warmstart measurements` lists them."
_LEARNER = "Builds, trains and evaluates the models; or your own, as module:Object. `warmstart learners` lists them."
FLAGS = {
    "Data": [
        *(flag for flag in _DATA if flag.name not in _OF_TABLES),
        *_fields("evaluation", "trial", "EvaluationSettings"),
    ],
    "Tables": [flag for flag in _DATA if flag.name in _OF_TABLES],
    "Model": [
        _named("model", exported("models", "Architecture"), field="architecture")._replace(default=_USUAL_MODEL),
        Flag("--width", "model.width", "N", _WIDTH, "16 for resnet18, 100 for mlp"),
        Flag("--learner", "learner", f"NAME{OBJECT}", _LEARNER, "classifier"),
    ],
    "Stream": [
        *_stream_flags(),
        _study_field("source", f"NAME|PATH{OBJECT}", place="source.name"),
        _study_field("train_on"),
    ],
    "Strategies": [
        Flag("--strategies", "strategies", "LIST", _STRATEGIES, "cold,warm,shrink-perturb"),
        *_fields("carry_over", "training", "CarryOver"),
    ],
    "Training": [
        *_fields("recipe", "training", "Recipe"),
        _named("penalty", exported("penalties", "Penalty")),
    ],
    "Stopping": _fields("stop", "training", "StoppingRule"),
    "Study": [_study_field("seeds", "N|auto"), Flag("--measurements", "measurements", "LIST", _MEASURED)],
}
# Of how a study runs, for every command that runs one.
EXECUTION = _fields("execution", "executors", "Execution")


def with_flags(*flags: Flag) -> Callable[[Any], Any]:
    """Return the decorator that gives a command these flags."""

    def decorate(command: Any) -> Any:
        for flag in reversed(flags):  # the last decorator is the first in the help
            if flag.values:
                text = flag.text + (f" [default: {flag.default}]" if flag.default else "")
                command = click.option(flag.name, metavar=flag.values, help=text)(command)
            else:
                text = f"{flag.text} [default: off]"
                command = click.option(flag.name, is_flag=True, default=None, help=text)(command)
        return command

    return decorate


def build_execution(given: Mapping[str, Any], *, kind: str) -> Execution:
    """Return how a study runs, from the flags of :data:`EXECUTION`.

    Args:
        given: Flag values by parameter name; None where a flag was not given.
        kind: What the command is called in messages.
    """
    from warmstart.executors import Execution
    from warmstart.specs import build_options

    options = {flag.parameter: given[flag.parameter] for flag in EXECUTION if given[flag.parameter] is not None}
    return build_options(Execution, options, kind=kind, prefix="--")


def overlay(tables: Mapping[str, Any], given: Mapping[str, str | None]) -> Tables:
    """Return a study file's tables with the given flags put over them.

    Args:
        tables: As read from a file; not changed.
        given: Flag values by parameter name; None where a flag was not given.
    """
    from warmstart.studies import by_key

    merged: Tables = by_key(tables)
    for key, table in merged.items():
        if isinstance(table, Mapping):
            # One spelling of the options, that of a flag; an option given in both stays, to be refused.
            spelled = {str(option).replace("_", "-"): value for option, value in table.items()}
            merged[key] = spelled if len(spelled) == len(table) else dict(table)
    for flag in (flag for flags in FLAGS.values() for flag in flags):
        value = given.get(flag.parameter)
        if value is not None:
            _check_given_once(flag, value, given)
            _put(merged, flag.place, value)
    target = given.get("stop_accuracy")
    if target is not None and target != "none" and given.get("early_stopping") is None:
        # A target that was typed applies, where tables would otherwise stop by their validation loss.
        merged["stop"] = {"early-stopping": "off", **_options(merged, "stop")}
    if "source" in merged:
        # The source is looked for where the data are, and with their limit, unless it has its own.
        shared = {key: _options(merged, "data").get(key) for key in ("directory", "max-bytes")}
        known = {key: value for key, value in shared.items() if value is not None}
        merged["source"] = {**known, **_options(merged, "source")}
    return merged


def as_typed(error: InputError, given: Mapping[str, str | None]) -> InputError:
    """Return an error that begins with a place in a study file with the flag that was typed for it instead."""
    word, _, rest = str(error).partition(" ")
    if word == "Unknown":
        place, _, rest = rest.partition(" ")
        for flag in (flag for flags in FLAGS.values() for flag in flags if "." in flag.place):
            if place.replace("-", "_") == flag.place and given.get(flag.parameter) is not None:
                return InputError(f"Unknown value of {flag.name} {rest}")
        return error
    for flag in (flag for flags in FLAGS.values() for flag in flags):
        table, _, option = flag.place.partition(".")
        # Errors that only the data reveal name the option alone, without its table.
        places = (flag.place, option) if table in ("stream", "data", "recipe", "evaluation") else (flag.place,)
        if given.get(flag.parameter) is not None and word.replace("-", "_") in places:
            # Messages raised outside of the command line name the flag behind the option: once is enough.
            return InputError(f"{flag.name} {rest.removeprefix(f'({flag.name}) ')}")
    return error


def _check_given_once(flag: Flag, value: str, given: Mapping[str, str | None]) -> None:
    """Raise where a flag contradicts an option behind a name, as in ``--model mlp:width=3 --width 5``."""
    table, _, option = flag.place.partition(".")
    owner = given.get(table)
    if option and owner is not None and ":" in owner and "=" in owner:
        from warmstart.specs import kebab, split_spec

        within = split_spec(owner)[1].get(kebab(option), value)
        if within != value:
            raise InputError(
                f"{kebab(option)} must be given once, got {within} in --{table} and {value} in {flag.name}."
            )


def _options(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tables.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{key} must be a table of options, got {shown(table)}.")
    return table


def _put(tables: Tables, place: str, value: str) -> None:
    from warmstart.specs import split_data, split_outside, split_spec

    table, _, option = place.partition(".")
    if place in ("strategies", "measurements"):
        tables[place] = [text for text in split_outside(value, ",") if text]
    elif place in ("model", "stream", "penalty", "learner"):
        name, options = split_spec(value)
        # The options of another name do not fit the new one, so they go.
        before = _options(tables, place)
        tables[place] = {**(before if before.get("name") == name else {}), "name": name, **options}
    elif option == "name" and (options := split_data(value)[1]):
        tables[table] = {"name": split_data(value)[0], **options}
    elif option:
        tables[table] = {**_options(tables, table), option.replace("_", "-"): value}
    else:
        tables[place] = value
