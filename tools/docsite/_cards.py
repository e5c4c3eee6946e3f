"""A card for each method: formula, one line of code, options, what was measured, when it failed, source."""

import inspect
import re
import sys
from pathlib import Path

from warmstart.cli._described import fields_of
from warmstart.specs import PENALTY, QUERY, STRATEGY, Kind, kebab, split_spec, summary_of

from ._evidence import HEADS, Measured, beside_cold, counts, findings, measured
from ._formulas import FORMULAS
from ._pages import prose, table

KINDS: dict[str, tuple[Kind, str, str]] = {
    "strategies": (STRATEGY, "Strategies", "What a round starts from."),
    "penalties": (PENALTY, "Penalties", "A term of the loss while a round trains."),
    "queries": (QUERY, "Queries", "How an active stream picks the next samples."),
}
_EXPERIMENTS = {"Margin": "active", "Random": "active"}
"""Experiments of the paper whose claims are about a query."""
_NEEDED = {"strength": "0.001", "epsilon": "0.03"}


def card_page(name: str) -> str:
    """Return the page of a method, such as ``methods/shrink-perturb``."""
    return f"methods/{name}"


def write_cards(folder: Path) -> tuple[dict[str, tuple[str, ...]], str]:
    """Write a card for each method; return their pages by caption, and the list that the section shows."""
    (folder / "methods").mkdir()
    pages, lists = {}, []
    for room, (kind, title, text) in KINDS.items():
        rows = []
        for name, owner in kind.known().items():
            (folder / f"{card_page(name)}.md").write_text(_card(room, name, owner), encoding="utf-8")
            rows.append((f"[{name}]({card_page(name)}.md)", prose(summary_of(owner)), measured_in(name, owner)))
        pages[title] = tuple(map(card_page, kind.known()))
        lists.append(f"## {title}\n\n{text}\n\n{table(('method', 'what it does', 'measured'), rows)}\n")
    return pages, "\n".join(lists)


def measured_in(name: str, owner: type) -> str:
    """Return how much was measured of a method, in a few words."""
    if count := len(_of(name)):
        return "1 comparison" if count == 1 else f"{count} comparisons"
    if claims := findings(_EXPERIMENTS.get(owner.__name__, "")):
        return f"{len(claims)} claims"
    return "not measured here"


def _card(room: str, name: str, owner: type) -> str:
    options = fields_of(room, owner.__name__)
    rows = [
        (f"`{kebab(option.name)}`", f"`{option.values or 'true|false'}`", _default(option.default), prose(option.text))
        for option in options
    ]
    listed = table(("option", "values", "default", "meaning"), rows) if rows else "None."
    return "\n\n".join(
        (
            f"# {name}",
            prose(summary_of(owner)),
            # Without one, the summary's own has to do: a new method needs no line elsewhere.
            *([f"```{{math}}\n{FORMULAS[owner.__name__]}\n```"] if owner.__name__ in FORMULAS else []),
            "## One line",
            _lines(room, name, owner),
            "## Options",
            listed,
            "## Measured",
            _results(name, owner),
            "## When it failed",
            _failures(name),
            "## Source",
            _source(owner),
            "## Reference",
            f"{{py:obj}}`warmstart.{owner.__name__}`, with every detail.",
        )
    )


def _default(default: str | None) -> str:
    return "-" if default is None else f"`{default.lower() if default in ('True', 'False') else default}`"


def _lines(room: str, name: str, owner: type) -> str:
    needed = [option for option in fields_of(room, owner.__name__) if option.name in _NEEDED and option.default is None]
    spec = ":".join((name, *(f"{option.name}={_NEEDED[option.name]}" for option in needed)))
    made = f"ws.{owner.__name__}({', '.join(f'{option.name}={_NEEDED[option.name]}' for option in needed)})"
    if room == "strategies":
        python = f"ws.renew_(model, {made}, make_model, seed=0, round=night, optimizer=optimizer)  # in your own loop"
        shell = f"warmstart compare --strategies {'cold,warm' if name in ('cold', 'warm') else f'cold,warm,{spec}'}"
    elif room == "penalties":
        arguments = ", ".join(f"{option.name}={_NEEDED[option.name]}" for option in needed)
        bound = {
            "EWC": f"ws.EWC.after(model, old_batches, {arguments})",
            "L2Init": f"ws.L2Init.toward(model, {arguments})",
        }
        python = (
            f"penalty = {bound.get(owner.__name__, made)}\nloss = loss + penalty(model, inputs, labels, "
            f"logits)  # in your own loop"
        )
        shell = f"warmstart compare --strategies cold,warm --penalty {spec}"
    else:
        python = f"chosen = {made}(logits, 100, generator=generator)  # rows of the pool, in your own loop"
        shell = f"warmstart compare --stream active --query {spec}"
    return f"```python\n{python}\n```\n\n```console\n$ {shell}\n```"


def _of(name: str) -> list[Measured]:
    """Return what was measured of a strategy or penalty."""
    found = []
    for row in measured():
        # What is no strategy by name, such as the cold start with a reduced budget, is none of a card's own.
        owner, options = (row.arm, {}) if " " in row.arm else split_spec(row.arm)
        if options.get("penalty", owner) == name:
            found.append(row)
    return found


def _results(name: str, owner: type) -> str:
    if rows := _of(name):
        regimes = list(dict.fromkeys(row.regime for row in rows))
        against = {regime: beside_cold([row for row in rows if row.regime == regime]) for regime in regimes}
        totals = [(regime, *counts(found)) for regime, found in against.items() if found]
        parts = [table(("beside a cold start", *HEADS), totals)] if totals else []
        for regime in regimes:
            lines = [
                (
                    f"`{row.arm}`",
                    row.setting,
                    f"`{row.reference}`",
                    row.difference_text,
                    f"{row.cost_text}",
                    str(row.difference.n),
                )
                for row in rows
                if row.regime == regime
            ]
            heads = ("start", "setting", "beside", "difference of the score", "cost", "seeds")
            parts.append(f"### {regime}\n\n{table(heads, lines)}")
        return _up("\n\n".join(parts)) + (
            "\n\nIntervals are 95 %, Student's t, paired by seed, each by itself; in bold where they "
            "exclude zero. Cost: steps of the "
            "last round; in a retraining project samples processed over all nights."
        )
    claims = findings(_EXPERIMENTS.get(owner.__name__, ""))
    if not claims:
        return "Not measured here: no result file has it."
    lines = [(prose(one.claim), one.verdict.value, prose(one.reasons[0] if one.reasons else "")) for one in claims]
    return f"In the paper's [active experiment](#paper-active):\n\n{table(('claim', 'verdict', 'what decides'), lines)}"


def _failures(name: str) -> str:
    rows = _of(name)
    if not rows:
        return "Nothing is known: it was not compared here."
    lost = [row for row in rows if row.outcome < 0]
    if not lost:
        return (
            f"No loss of score was detected in {len(rows)} comparisons; their intervals say how large one may still be."
        )
    lines = [f"- `{row.arm}` beside `{row.reference}`: {row.difference_text} ({row.setting})" for row in lost]
    return _up(
        f"Shown to be worse than its reference in {len(lost)} of {len(rows)} comparisons:\n\n" + "\n".join(lines)
    )


def _source(owner: type) -> str:
    doc = inspect.getdoc(owner) or ""
    found = re.search(r"^Reference:\n((?:    .*\n?|\n)+)", doc, re.MULTILINE)
    if found is None:
        module = inspect.getdoc(sys.modules[owner.__module__]) or ""
        found = re.search(r"^Reference:\n((?:    .*\n?|\n)+)", _functions(owner), re.MULTILINE)
        return prose(found[1]) if found else f"This package. {prose(module.split(chr(10))[0])}"
    return prose(found[1])


def _functions(owner: type) -> str:
    """Return the docstrings of the public functions beside a class, which may cite for it."""
    found = vars(sys.modules[owner.__module__]).values()
    functions = [one for one in found if inspect.isfunction(one) and one.__module__ == owner.__module__]
    return "\n".join(inspect.getdoc(one) or "" for one in functions if not one.__name__.startswith("_"))


def _up(text: str) -> str:
    """Return Markdown with its links seen from a folder below."""
    return re.sub(r"\]\((?!#|https?:)", "](../", text)
