"""The flags of `compare`, and how they become a study.

Each flag names its place in a study file. Its value stays text until the study is built, so that a flag, a line in a
file and an argument in Python are checked in one place, with one message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click

from warmstart.basics import InputError, shown

if TYPE_CHECKING:
    from warmstart.executors import Execution

Tables = dict[str, Any]


@dataclass(frozen=True)
class Flag:
    """One flag.

    Args:
        name: As typed.
        place: Key in a study file, a dot between table and option.
        values: What it takes, for the help.
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
        """The name under which click hands the value on."""
        return self.name.removeprefix("--").replace("-", "_")


FLAGS: dict[str, tuple[Flag, ...]] = {
    "Data": (
        Flag(
            "--data",
            "data.name",
            "NAME|PATH",
            "digits, cifar10, cifar100, svhn, mnist, fashion-mnist, or a path to an "
            ".npz, parquet or csv file, a folder of parquet files, or a folder of class folders with images.",
            "digits",
        ),
        Flag(
            "--data-dir",
            "data.directory",
            "DIR",
            "Where named data sets lie (DIR/NAME/*.parquet); else the variable "
            "WARMSTART_DATA; else they are downloaded from the Hugging Face hub.",
        ),
        Flag("--label", "data.label", "COLUMN", "Column with the labels, where it is not found by its name."),
        Flag("--subset", "data.subset", "N", "Only N training samples, drawn at random once for all seeds."),
        Flag(
            "--evaluate",
            "evaluation.evaluate",
            "holdout|test",
            "Evaluate on a random part of the training data, drawn "
            "for each seed (the paper), or on the official test set.",
            "holdout",
        ),
        Flag("--holdout", "evaluation.holdout", "SHARE", "Share of the training data that is held out.", "1/3"),
        Flag("--max-bytes", "data.max_bytes", "N", "Memory that reading the data may take.", "4294967296: 4 GiB"),
    ),
    "Model": (
        Flag(
            "--model",
            "model",
            "NAME|MODULE:FUNCTION",
            "resnet18, mlp or logistic, with options as in "
            "mlp:layers=3:activation=tanh; or your own function that returns an nn.Module.",
            "resnet18",
        ),
        Flag(
            "--width",
            "model.width",
            "N",
            "Width of the model: channels of resnet18's first stage (16: the paper's "
            "released code, 64: the usual), units of an mlp's layers.",
            "16 for resnet18",
        ),
    ),
    "Stream": (
        Flag(
            "--stream",
            "stream",
            "growing|two-phase|active|part",
            "Equal arrivals, round after round; a part, then all; equal arrivals that the model asks for; a part only.",
            "growing",
        ),
        Flag("--fraction", "stream.fraction", "SHARE", "two-phase: what arrives first; part: what arrives.", "0.5"),
        Flag("--arrival-size", "stream.arrival_size", "N", "growing, active: samples of an arrival."),
        Flag(
            "--rounds",
            "stream.rounds",
            "N",
            "growing, active: how many rounds.",
            "all data, or 5 without --arrival-size",
        ),
        Flag(
            "--query",
            "stream.query",
            "NAME",
            "active: margin, entropy, least-confidence or random.",
            "margin",
        ),
        Flag(
            "--source",
            "source.name",
            "NAME|PATH",
            "Other data of the same shape of input, all trained on before the stream begins (transfer).",
        ),
        Flag(
            "--train-on",
            "train_on",
            "seen|arrival",
            "What a round trains on: all that has arrived, or only what is new.",
            "seen",
        ),
    ),
    "Strategies": (
        Flag(
            "--strategies",
            "strategies",
            "LIST",
            "Separated by commas, with options as in "
            "cold,warm:train-on=arrival,shrink-perturb:shrink=0.6:perturb=0.01:noise=gaussian. "
            "`warmstart strategies` lists them.",
            "cold,warm,shrink-perturb",
        ),
        Flag(
            "--normalization",
            "carry_over.normalization",
            "recalibrate|keep|reset",
            "Running statistics of BatchNorm: "
            "estimated anew after each round, carried over, or reset before each round (the paper's code).",
            "recalibrate",
        ),
        Flag(
            "--optimizer-state",
            "carry_over.optimizer_state",
            "reset|keep",
            "A new optimizer each round, or its momentum and moments carried over.",
            "reset",
        ),
    ),
    "Training": (
        Flag("--optimizer", "recipe.optimizer", "adam|sgd", "Optimizer.", "adam"),
        Flag("--lr", "recipe.learning_rate", "NUMBER", "Learning rate.", "0.001"),
        Flag("--batch-size", "recipe.batch_size", "N", "Samples of a step, at most.", "128"),
        Flag("--weight-decay", "recipe.weight_decay", "NUMBER", "L2 term in the gradient.", "0"),
        Flag(
            "--penalty",
            "penalty",
            "NAME",
            "Added to the loss: l2, l2-init, confidence, adversarial or ewc, with options as in l2:strength=0.01.",
        ),
        Flag("--momentum", "recipe.momentum", "NUMBER", "Momentum of sgd.", "0"),
        Flag(
            "--precision",
            "recipe.precision",
            "fp32|tf32|bf16|auto",
            "Arithmetic of the steps; tf32 differs from fp32 on a GPU only; auto is bf16 where the device has "
            "instructions for it, else fp32.",
            "fp32",
        ),
        Flag(
            "--stop-accuracy",
            "stop.train_accuracy",
            "SHARE|none",
            "A round ends when training accuracy reaches it ...",
            "0.99",
        ),
        Flag("--patience", "stop.patience", "EPOCHS|none", "... or has not improved for so long ...", "20"),
        Flag("--max-epochs", "stop.max_epochs", "N", "... or at the latest after so many epochs ...", "500"),
        Flag("--max-steps", "stop.max_steps", "N|none", "... or so many steps.", "none"),
        Flag(
            "--stop-measure",
            "stop.measure",
            "running|evaluation|released-code",
            "What counts as training accuracy: that "
            "of the epoch's own steps (the paper), of a pass after it, or as the paper's code sums it.",
            "running",
        ),
    ),
    "Study": (Flag("--seeds", "seeds", "N", "Paired repetitions; they have the seeds 0, 1, ...", "8"),),
}

# Flags, values and help of how a study runs, for every command that runs one.
EXECUTION = (
    (
        "--executor",
        "processes|ray[:ADDRESS]",
        "What plays the trials: processes here, or a Ray cluster; ADDRESS is HOST:PORT of its head, or local to start "
        "one here. [default: processes]",
    ),
    (
        "--workers",
        "N",
        "Trials that train side by side, each in a process. [default: one for each core; 1 on a GPU; on Ray as many as "
        "the cluster has places for]",
    ),
    ("--threads", "N", "PyTorch threads of each. [default: 1]"),
    ("--device", "auto|cpu|cuda", "Where to train. [default: auto]"),
    ("--lanes", "N", "Trials that take turns in one process, to fill a GPU. [default: 1]"),
    (
        "--graphs",
        "",
        "Record steps on a GPU as CUDA graphs and replay them, after checking them against plain steps. [default: off]",
    ),
)
"""With no values, a flag is a switch."""


def execution_option(name: str, values: str, text: str) -> Callable[[Any], Any]:
    """Return the decorator that gives a command a flag of such a list."""
    if not values:
        return click.option(name, is_flag=True, default=None, help=text)
    return click.option(name, metavar=values, help=text)


def build_execution(given: Mapping[str, Any], *, kind: str) -> Execution:
    """Return how a study runs, from the flags of :data:`EXECUTION`.

    Args:
        given: Flag values by parameter name; None where a flag was not given.
        kind: What the command is called in messages.
    """
    from warmstart.executors import Execution
    from warmstart.specs import build_options

    names = [name.removeprefix("--") for name, _, _ in EXECUTION]
    return build_options(Execution, {name: given[name] for name in names if given[name] is not None}, kind=kind)


def study_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every flag of a study."""
    for flags in reversed(FLAGS.values()):
        for flag in reversed(flags):
            text = flag.text + (f" [default: {flag.default}]" if flag.default else "")
            command = click.option(flag.name, metavar=flag.values, help=text)(command)
    return command


def overlay(tables: Mapping[str, Any], given: Mapping[str, str | None]) -> Tables:
    """Return a study file's tables with the given flags put over them.

    Args:
        tables: As read from a file; not changed.
        given: Flag values by parameter name; None where a flag was not given.
    """
    from warmstart.studies import by_key

    merged: Tables = {key: _kebab_keys(value) for key, value in by_key(tables).items()}
    for flag in (flag for flags in FLAGS.values() for flag in flags):
        value = given.get(flag.parameter)
        if value is not None:
            _check_given_once(flag, value, given)
            _put(merged, flag.place, value)
    _share_directory(merged)
    return merged


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


def _share_directory(tables: Tables) -> None:
    """Look for the source where the data are looked for, and with their limit, unless it has its own."""
    shared = {key: _options(tables, "data").get(key) for key in ("directory", "max-bytes")}
    if "source" in tables:
        known = {key: value for key, value in shared.items() if value is not None}
        tables["source"] = {**known, **_options(tables, "source")}


def _kebab_keys(value: Any) -> Any:
    """Return a table with one spelling of its options, that of a flag; given in both they stay, to be refused."""
    if not isinstance(value, Mapping):
        return value
    keys = [str(key).replace("_", "-") for key in value]
    return dict(value) if len(set(keys)) < len(keys) else dict(zip(keys, value.values(), strict=True))


def _options(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tables.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{key} must be a table of options, got {shown(table)}.")
    return table


def _put(tables: Tables, place: str, value: str) -> None:
    table, _, option = place.partition(".")
    if place == "strategies":
        tables[place] = [text.strip() for text in value.split(",") if text.strip()]
    elif place in ("model", "stream", "penalty"):
        _name(tables, place, value)
    elif option:
        tables[table] = {**_options(tables, table), option.replace("_", "-"): value}
    else:
        tables[place] = value


def _name(tables: Tables, place: str, value: str) -> None:
    """Put a name with its options; the options of another name do not fit, so they go."""
    from warmstart.specs import known_models, split_spec

    is_target = ":" in value and "=" not in value and value.partition(":")[0] not in known_models()
    name, options = (value, {}) if is_target else split_spec(value)
    before = _options(tables, place)
    kept = before if before.get("name") == name else {}
    tables[place] = {**kept, "name": name, **options}
