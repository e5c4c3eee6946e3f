"""References of files and exit codes: study.toml, project.toml, what is stored, how commands end."""

import dataclasses
import inspect
import json
import re
from pathlib import Path

import tomli_w

import warmstart as ws
from warmstart.cli import _entry, _retrain
from warmstart.cli._described import fields_of
from warmstart.cli._flags import FLAGS
from warmstart.retrain import LockedError, RetrainSettings
from warmstart.specs import KINDS, default_texts, kebab, summary_of
from warmstart.store import RoundRecord
from warmstart.studies import study_to_dict

from ._pages import ROOT, prose, table

_TABLES_OF_PROJECTS = ("data", "learner", "model", "recipe", "stop", "penalty", "carry_over")


def write_tables(folder: Path) -> dict[str, str]:
    """Write the pages; return what each is about."""
    place = folder / "reference"
    place.mkdir(exist_ok=True)
    for name, text in {
        "study-toml": _study_toml(),
        "project-toml": _project_toml(),
        "schemas": _schemas(),
        "exit-codes": _exit_codes(),
    }.items():
        (place / f"{name}.md").write_text(text, encoding="utf-8")
    return {
        "reference/study-toml": "every key of a study file, with its flag and default, and everything that has a name",
        "reference/project-toml": "every setting of a retraining project",
        "reference/schemas": "the files that studies, reports and projects write, field by field",
        "reference/exit-codes": "how commands end",
    }


def _keys() -> dict[str, list[tuple[str, str, str, str, str]]]:
    """Return the rows of each table of a study file; those without a table under an empty name."""
    found: dict[str, list[tuple[str, str, str, str, str]]] = {}
    for flags in FLAGS.values():
        for flag in flags:
            owner, _, option = flag.place.partition(".")
            key = kebab(option or owner)
            default = "" if flag.default is None else prose(flag.default)
            row = (
                f"`{key}`",
                f"`{flag.name}`",
                f"`{flag.values}`" if flag.values else "`true|false`",
                default,
                prose(flag.text),
            )
            found.setdefault(owner if option else "", []).append(row)
    return found


_HEADS = ("key", "flag", "values", "default", "meaning")


def _study_toml() -> str:
    keys = _keys()
    parts = [f"## `[{kebab(name)}]`\n\n{table(_HEADS, rows)}" for name, rows in keys.items() if name]
    study = tomli_w.dumps(study_to_dict(ws.Study([ws.Cold(), ws.Warm()], architecture=ws.MLP(), seeds=4)))
    named = []
    for kind in KINDS:
        rows = []
        for name, owner in kind.known().items():
            options = [key if text is None else f"{key}={text}" for key, text in default_texts(owner).items()]
            rows.append((f"`{name}`", prose(summary_of(owner)), ", ".join(f"`{one}`" for one in options)))
        if rows:
            named.append(
                f"### {kind.name.capitalize()}\n\n{table(('name', 'what it is', 'options and defaults'), rows)}"
            )
    return (
        "\n\n".join(
            (
                "# study.toml",
                "A study as a file: `warmstart compare --study FILE.toml` reads it, flags override it, "
                "and every result has its own "
                "`study.toml` beside it. Keys are written in kebab case or with underscores. What is "
                "left out has its default.",
                "## A whole study",
                (
                    f"As `ws.Study([ws.Cold(), ws.Warm()], architecture=ws.MLP(), seeds=4)` is "
                    f"stored:\n\n```toml\n{study.strip()}\n```"
                ),
                "## Keys without a table",
                table(_HEADS, keys[""]),
                *parts,
                "## What has a name",
                "Where a key takes a name, options follow as in `name:option=value`; or it is a table "
                "with `name` and the options. "
                "Your own: [Names and options](../names.md).",
                *named,
            )
        )
        + "\n"
    )


def _project_toml() -> str:
    flags = {flag.place.removeprefix("retrain."): flag.name for flag in _retrain._SETTINGS}
    rows = [
        (f"`{kebab(option.name)}`", f"`{flags[option.name]}`", f"`{option.default}`", prose(option.text))
        for option in fields_of("retrain", "RetrainSettings")
    ]
    whole = tomli_w.dumps({"retrain": dataclasses.asdict(RetrainSettings())})
    others = table(
        ("table", "what it sets"),
        [(f"[`[{kebab(name)}]`](study-toml.md)", "as in a study file") for name in _TABLES_OF_PROJECTS],
    )
    return (
        "# project.toml\n\nThe settings of a retraining project; `warmstart retrain init` writes the "
        "file, and it may be edited by hand. "
        "See [the nightly job](../retraining.md).\n\n"
        f"## `[retrain]`\n\n{table(('key', 'flag of `init`', 'default', 'meaning'), rows)}\n\n"
        f"```toml\n{whole.strip()}\n```\n\n"
        f"## The other tables\n\n{others}\n\nThe name and place of the data are not set: they are added "
        f"as they arrive.\n"
    )


def _schemas() -> str:
    path = ROOT / "src/warmstart/analysis/summary.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    fields = [(f"`{name}`", prose(entry.get("description", ""))) for name, entry in schema["properties"].items()]
    arm = [
        (f"`{name}`", prose(entry.get("description", "")))
        for name, entry in schema["$defs"]["arm"]["properties"].items()
    ]
    doc = inspect.getdoc(RoundRecord) or ""
    entries = re.findall(r"^    (\w+): ((?:.*)(?:\n        .*)*)", doc.partition("Attributes:\n")[2], re.MULTILINE)
    record = [(f"`{name}`", prose(text)) for name, text in entries]
    missing = {field.name for field in dataclasses.fields(RoundRecord)} - {name for name, _ in entries}
    if missing:
        raise ValueError(f"RoundRecord's docstring lacks {sorted(missing)}.")
    heads = ("field", "what it is")
    return (
        "# Files and schemas\n\nEvery JSON file says in `schema` what form it has; a new form has "
        "another number. Which file is where: "
        "[Where results are stored](../studies.md) and [the nightly job](../retraining.md).\n\n"
        f"## summary.json: `{schema['properties']['schema']['const']}`\n\n{prose(schema['description'])} "
        f"The JSON schema is "
        "`summary.schema.json` in `warmstart.analysis`.\n\n"
        f"{table(heads, fields)}\n\nOf an arm:\n\n{table(heads, arm)}\n\n"
        f"## trials/KEY.jsonl: a round\n\nOne line of JSON per finished round; epochs and measurements "
        f"stand beside these fields.\n\n{table(heads, record)}\n\n"
        "## Others\n\n"
        + table(
            ("schema", "file", "read by"),
            [
                ("`warmstart.report/1`", "`report.json` of a study: the report as a document", "programs of your own"),
                (
                    "`warmstart.paper-results/1`",
                    "`warmstart paper export FILE`: per arm, seed and round",
                    "`warmstart paper report FILE`",
                ),
                (
                    "`warmstart.findings/1`",
                    "`findings.json` of `warmstart paper report`: claims, tables and charts",
                    "programs of your own",
                ),
            ],
        )
        + "\n"
    )


def _exit_codes() -> str:
    everywhere = [
        (_entry.DONE, "done", "every command"),
        (_entry.FAILED, "something failed, or a file is damaged; one sentence says what", "every command"),
        (
            _entry.BAD_INPUT,
            "bad input: nothing was changed; one sentence names the parameter, what is allowed and what was given",
            "every command",
        ),
        (
            _entry.INTERRUPTED,
            "interrupted with Ctrl-C; run the same command again to resume (143 after SIGTERM, 129 after SIGHUP)",
            "every command",
        ),
        (LockedError.exit_code, "another process changes the project; try again later", "`warmstart retrain`"),
        (_retrain.PROMOTED, "promoted", "`retrain update --exit-code`"),
        (_retrain.KEPT, "the champion was kept", "`retrain update --exit-code`"),
        (_retrain.ROLLED_BACK, "rolled back by the watch", "`retrain update --exit-code`"),
        (_retrain.NOTHING_NEW, "nothing new had arrived", "`retrain update --exit-code`"),
    ]
    rows = [(f"`{code}`", meaning, where) for code, meaning, where in sorted(everywhere, key=lambda row: row[0])]
    return (
        f"# Exit codes\n\n{table(('code', 'meaning', 'of'), rows)}\n\n`--debug` prints where an error came from.\n\n"
        "cron, systemd, Airflow and GitHub Actions read these codes: there is a file for each among the "
        "[examples](../examples/index.md).\n"
    )
