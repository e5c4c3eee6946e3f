"""The page on the retraining study: sentences and tables from the result's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import recorded_page
from warmstart.reports._markdown import grid
from warmstart.reports.charts._style import COLOURS, SHAPES, altair
from warmstart.statistics import PairedDifference, PairedRatio, describe_difference, paired_difference, times_text

ALL = ("cold", "warm", *(f"shrink-perturb:shrink={factor}" for factor in (0.8, 0.6, 0.4)), "cold:scale=0.5", "auto")
IMAGE = "retrain-study-frontier"
MEASURES = ("promotions", "bad promotions", "shown bad", "nights below best", "nights below the best trained")


def words(found: Mapping[str, Any]) -> str:
    """Return a paired difference of accuracy in words."""
    return describe_difference(PairedDifference(*(found[key] for key in ("mean", "low", "high", "n")),
                                                detected=found["detected"]))  # fmt: skip


def margin(found: Mapping[str, Any]) -> str:
    """Return a difference in points with half of its interval."""
    if found["mean"] is None or found["low"] is None:
        return "-"
    return f"{100 * found['mean']:+.1f} ± {50 * (found['high'] - found['low']):.1f}"


def times(found: Mapping[str, Any]) -> str:
    """Return a ratio with its interval."""
    ratio = PairedRatio(*(found[key] for key in ("mean", "low", "high", "n")), detected=found["detected"])
    if ratio.mean is None or ratio.interval is None:
        return "-"
    return f"{times_text(ratio.mean)} [{', '.join(map(times_text, ratio.interval))}]"


def answers(result: Mapping[str, Any]) -> list[str]:
    """Return whether `auto` keeps its three promises, part by part, in sentences that say no more than was measured."""
    verdict = {
        "met": "**met**",
        "missed": "**missed**",
        "not shown": "**not shown**, neither met nor missed",
    }

    def badness(found: Mapping[str, Any]) -> str:
        return (
            f"{found['bad']:,} in {found['nights']:,} nights, which is {found['per 1,000']:.0f} per 1,000 (95 % bound "
            f"{found['upper']:.{1 if found['upper'] < 10 else 0}f}), at most 5: {verdict[found['verdict']]}."
        )

    lines: list[str] = []
    for name, found in result["comparisons"].items():
        part, of = result["parts"][name], found["lines"]
        score, cost, bad = of["score"], of["cost"], of["bad promotions"]
        names = ", ".join(f"`{policy}`" for policy in found["allowed"])
        allowed = f"cheaper starts are allowed ({names})" if names else "no cheaper start is allowed"
        lines.append(
            f"{part['title']} ({part['seeds']} of {part['seeds planned']} seeds, {part['nights']} nights). "
            f"Accuracy of `auto` beside always cold: {words(score)}, at most {100 * score['tolerance']:.0f} below: "
            f"{verdict[score['verdict']]}. "
            f"Cost: {times(cost)} of always cold, where {allowed}, so at most {cost['limit']}: "
            f"{verdict[cost['verdict']]}. "
            f"Bad promotions: {badness(bad)}"
        )
    if result["bad promotions"] is not None and len(lines) > 1:
        lines.append(f"All parts together. Bad promotions: {badness(result['bad promotions'])}")
    return lines


def part_table(result: Mapping[str, Any], name: str) -> str:
    """Return the table of a part: a row for each policy."""
    part, found = result["parts"][name], result["comparisons"][name]
    header = ["policy", "accuracy %", "beside always cold", "samples processed, times", "regret", "promotions",
              "bad (shown)", "below best served", "below best trained", "audits"]  # fmt: skip
    rows: list[list[str]] = []
    for policy, of in part["policies"].items():
        is_reference = policy == "cold"
        promotions, bad, shown, below, trained = (per_thousand(of, measure) for measure in MEASURES)
        mean, regret = found["means"][policy], found["regret"][policy]
        rows.append([
            f"`{policy}`" if " " not in policy else policy,
            "-" if mean["mean"] is None else f"{100 * mean['mean']:.1f}",
            "reference" if is_reference else margin(found["beside cold"][policy]["score"]),
            "1" if is_reference else times(found["beside cold"][policy]["samples"]),
            "on the frontier" if regret["beside"] == policy else f"{margin(regret)} (`{regret['beside']}`)",
            promotions,
            f"{bad} ({shown})",
            below,
            trained,
            str(sum(of["audits"])) if "audits" in of else "",
        ])  # fmt: skip
    best = f"Best fixed start in hindsight, the cheapest that loses no more than the tolerance: `{found['hindsight']}`."
    committed: dict[str, int] = {}
    for arm in part["committed to"]:
        committed[arm] = committed.get(arm, 0) + 1
    listed = ", ".join(f"`{arm}` in {count}" for arm, count in committed.items())
    notes = [best, f"Of {part['seeds']} seeds, committing after three audits ends with {listed}."]
    if "persistence" in part:
        share = 100 * sum(part["persistence"]) / len(part["persistence"])
        notes.append(f"Persistence, which knows the label half an hour before, is right in {share:.1f} %.")
    return f"{grid(header, rows)}\n\n{' '.join(notes)}"


def per_thousand(of: Mapping[str, Sequence[int]], measure: str) -> str:
    """Return a count as a rate per 1,000 nights."""
    return f"{1000 * sum(of[measure]) / sum(of['nights']):.0f}"


def gate_table(result: Mapping[str, Any]) -> str:
    """Return the table of the gates, replayed from the candidates of all policies of a part."""
    header = ["part", "gate", "accuracy %", "beside the gate", "promotions", "bad (shown)", "below best served",
              "below best trained"]  # fmt: skip
    rows: list[list[str]] = []
    for part in result["parts"].values():
        means = {gate: _mean_by_seed(of) for gate, of in part["gates"].items()}
        for gate, of in part["gates"].items():
            pooled = {
                measure: [sum(values) for values in zip(*(policy[measure] for policy in of.values()), strict=True)]
                for measure in (*MEASURES, "nights")
            }
            promotions, bad, shown, below, trained = (per_thousand(pooled, measure) for measure in MEASURES)
            difference = paired_difference(means[gate], means["the gate"])
            rows.append([
                part["title"],
                gate,
                f"{100 * sum(means[gate]) / len(means[gate]):.1f}",
                "reference" if gate == "the gate" else margin(vars(difference)),
                promotions,
                f"{bad} ({shown})",
                below,
                trained,
            ])  # fmt: skip
    return grid(header, rows)


def _mean_by_seed(of: Mapping[str, Any]) -> list[float]:
    return [sum(scores) / len(scores) for scores in zip(*(policy["score"] for policy in of.values()), strict=True)]


def missing(result: Mapping[str, Any]) -> str:
    """Return what of the study was not run."""
    parts, lines = result["parts"], list[str]()
    for name, planned in result["planned"].items():
        if name not in parts:
            lines.append(f"- {planned['title']}: not run.")
            continue
        part = parts[name]
        least = [policy for policy in ALL if policy not in part["policies"]]
        if part["seeds"] < planned["seeds"] or part["nights"] < planned["nights"] or least:
            nights = f", {part['nights']} of {planned['nights']} nights" * (part["nights"] < planned["nights"])
            without = f", without {', '.join(f'`{policy}`' for policy in least)}" if least else ""
            lines.append(f"- {part['title']}: {part['seeds']} of {planned['seeds']} seeds{nights}{without}.")
    return "What is missing:\n\n" + "\n".join(lines) if lines else "Nothing is missing."


def provenance(result: Mapping[str, Any]) -> str:
    """Return where the parts were run."""
    made = [part["provenance"] for part in result["parts"].values()]

    def all_of(key: str) -> str:
        return ", ".join(sorted({str(one[key]) for one in made}))

    seconds = [sum(sum(of["seconds"]) for of in part["policies"].values() if "seconds" in of)
               for part in result["parts"].values()]  # fmt: skip
    hours = sum(seconds) / 3600
    return (
        f"Run on {all_of('cpu')}, {all_of('cores')} cores ({all_of('workers')} processes of {all_of('threads')} "
        f"thread, beside other work), PyTorch {all_of('torch')}, Python {all_of('python')}; {hours:.1f} hours "
        "of `add` and `update`. Commits are in the file."
    )


def rehearsal_table(result: Mapping[str, Any]) -> str:
    """Return what rehearsals say of each start, and what they have cost themselves."""
    rows: list[list[str]] = []
    for part in result["parts"].values():
        found = part.get("rehearsal")
        if found is None:
            continue
        # Each seed trains every start, and the cold one.
        price = found["seeds"] * (1 + sum(arm["cost"] for arm in found["arms"]))
        for arm in found["arms"]:
            beside = f"{100 * arm['mean']:+.1f} [{100 * arm['low']:.1f}, {100 * arm['high']:.1f}]"
            is_licensed = "yes" if arm["is_licensed"] else "no"
            rows.append([part["title"], f"`{arm['strategy']}`", beside, times_text(arm["cost"]), is_licensed,
                         times_text(price)])  # fmt: skip
    header = ["stream", "start", "beside cold, points [80 %]", "cost, times", "licensed", "rehearsal's own cost, times"]
    return grid(header, rows) if rows else "Not run."


def blocks(result: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands on the page between its marks, by name."""
    found = {
        "answers": "\n".join(f"{number}. {line}" for number, line in enumerate(answers(result), 1)) or "Not run.",
        "missing": missing(result),
        "gates": gate_table(result),
        "rehearsals": rehearsal_table(result),
        "provenance": provenance(result),
        IMAGE: f"![Accuracy and cost of each policy](images/{IMAGE}.svg)",
    }
    return found | {name: part_table(result, name) for name in result["parts"]}


def filled(text: str, result: Mapping[str, Any]) -> str:
    """Return a page with the parts between its marks written from a result."""
    return recorded_page.filled(text, blocks(result))


def write_page(result: Mapping[str, Any], file: Path) -> None:
    """Write the parts of a page between its marks, and its chart into the folder ``images`` beside it."""
    recorded_page.write_page(file, blocks(result), {IMAGE: chart(result)})


def chart(result: Mapping[str, Any]) -> Any:
    """Return accuracy beside always cold over cost, a point for each policy, part by part."""
    alt = altair()
    rows = [
        {
            "part": result["parts"][name]["title"],
            "policy": policy,
            "cost": of["samples"]["mean"],
            **{end: 100 * (of["score"][end] or 0.0) for end in ("mean", "low", "high")},
        }
        for name, found in result["comparisons"].items()
        for policy, of in found["beside cold"].items()
    ]
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    legend = alt.Legend(orient="bottom", title=None, columns=4, labelLimit=300)

    def scale(looks: Sequence[Any]) -> Any:
        return alt.Scale(domain=policies, range=[looks[index % len(looks)] for index in range(len(policies))])

    base = alt.Chart().encode(
        x=alt.X("cost:Q", title="samples processed, times those of always cold", scale=alt.Scale(zero=False)),
        color=alt.Color("policy:N", scale=scale(COLOURS), legend=legend),
    )
    zero = alt.Chart().mark_rule(color="#8a8f94").encode(y=alt.datum(0))
    bars = base.mark_rule(strokeWidth=1.4).encode(y=alt.Y("low:Q", title="points beside always cold"), y2="high:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        y="mean:Q", shape=alt.Shape("policy:N", scale=scale(SHAPES), legend=legend)
    )
    layers = alt.layer(zero, bars, points, data=alt.Data(values=rows)).properties(width=250, height=190)
    parts = list(dict.fromkeys(row["part"] for row in rows))
    return layers.facet(facet=alt.Facet("part:N", sort=parts, title=None), columns=2).resolve_scale(
        x="independent", y="independent"
    )
