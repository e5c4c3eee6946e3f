"""What the retrainer's policy and gate are worth: whole projects, night after night, beside fixed strategies.

    python benchmarks/retrain_study.py --data-dir DIR

runs every part, or what is left of it, into the folder ``--out``; ``--part`` chooses some of them. ``--json`` writes
the result of all that is finished there, ``--page`` the tables of the page; with ``--no-run`` nothing is trained.

Each policy of each seed is a project of its own in a temporary directory: what arrives is added, the project is
updated, and every model that was trained predicts every row of the stream. From these predictions all scores are
computed, and other gates and policies replayed. Policies of one seed have the same rows, sides of rows, and seed.
Safe to interrupt: run it again to resume, project by project.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from itertools import takewhile
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from recorded_page import write_result
from retrain_replay import FIRST_NIGHT, GATES, Run, as_run, committed, measures
from retrain_streams import Part, Stream, parts, persistence
from warmstart.basics import derived_seed
from warmstart.retrain import Retrainer
from warmstart.retrain._definition import ARMS
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._model_file import learner_of, load_model
from warmstart.retrain._objects import object_path
from warmstart.retrain._serving import as_champion
from warmstart.retrain._settings import Project
from warmstart.retrain._sides import HOLDOUT
from warmstart.statistics import mean_interval, paired_difference, paired_ratio
from warmstart.store import provenance

COLD, AUTO, SMALLER = "cold", "auto", "cold:scale=0.5"
FIXED = (COLD, *ARMS[:-1], SMALLER)
COMMITTED = "commit after three audits"
# Of a part in a result: one seed has no interval.
FEWEST = 2
WEEKS = 52
REHEARSAL, REHEARSED_SEEDS = "rehearsal.json", 4


def parts_of(options: argparse.Namespace, names: Sequence[str] = ()) -> dict[str, Part]:
    """Return the parts as the command line has them, all or some."""
    return parts(options.data_dir, weeks=options.weeks, nights=options.nights, names=names)


def about(name: str, part: Part, seed: int, policy: str) -> dict[str, Any]:
    """Return what decides a run's numbers, beside the data and the code."""
    return {"part": name, "seed": seed, "policy": policy, "tables": part.tables, "settings": dict(part.settings)}


def run_project(stream: Stream, *, tables: Mapping[str, Any], settings: Mapping[str, Any], salt: str) -> Run:
    """Run a project through all nights of a stream.

    Args:
        stream: What arrives.
        tables: Of ``project.toml``.
        settings: Of the table ``[retrain]``.
        salt: Decides the sides of rows, in place of the project's own, so that projects can be paired.
    """
    predictions: list[np.ndarray] = []
    numbers: dict[str, int] = {}
    nights: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as place:
        retrainer = Retrainer.create(Path(place) / "project", settings=settings, tables=tables, salt=salt)
        for night in range(1, len(stream.arrivals) + 1):
            began = perf_counter()
            _add(retrainer, stream, night)
            result = retrainer.update()
            seconds = perf_counter() - began
            arms: list[dict[str, Any]] = []
            for arm in result.arms:
                if arm.state != "diverged":
                    numbers[arm.model] = len(predictions)
                    predictions.append(_predicted(retrainer, arm.model, stream))
                arms.append({
                    "model": numbers.get(arm.model),
                    "strategy": arm.strategy,
                    "samples": int(arm.cost["samples"]),
                    "seconds": round(float(arm.cost["seconds"]), 3),
                    "stop_reason": arm.stop_reason,
                })  # fmt: skip
            nights.append({
                "outcome": result.outcome,
                "reason": result.reason,
                "plan": result.plan,
                "notes": list(result.notes),
                "serving": None if result.champion is None else numbers[result.champion],
                "arms": arms,
                "seconds": round(seconds, 3),
            })  # fmt: skip
        return Run(np.stack(predictions), _held_out(retrainer.project, stream), nights, {})


def _add(retrainer: Retrainer, stream: Stream, night: int) -> None:
    """Add what arrives in a night."""
    for kind, given in stream.arriving(night):
        if kind == "labels":
            retrainer.add_labels(given)
        else:
            retrainer.add(given, new_classes="grow")


def _salt(name: str, seed: int) -> str:
    """Return what decides the sides of rows of a part's seed, the same for all its projects."""
    return f"{derived_seed('retrain study', name, seed):x}"


def _predicted(retrainer: Retrainer, model: str, stream: Stream) -> np.ndarray:
    """Return the class that a model predicts of each row of a stream, uint8 (rows,)."""
    with Ledger.open(retrainer.directory / LEDGER) as ledger:
        row = ledger.model(model)
    assert row is not None, "it was just trained"
    loaded = load_model(object_path(retrainer.directory, "models", model), row.manifest, digest=model)
    champion = as_champion(loaded, learner_of(row.manifest), {"id": model})
    codes = np.array([int(name) for name in champion.classes], dtype=np.uint8)
    return codes[champion.predict(stream.inputs).outputs.argmax(1)]


def _held_out(project: Project, stream: Stream) -> np.ndarray:
    """Return which rows of a stream the project held out, bool (rows,)."""
    found = np.zeros(len(stream.labels), bool)
    with Ledger.open(project.directory / LEDGER) as ledger:
        for arrival in ledger.accepted_arrivals():
            rows = [one for one in ledger.samples(arrival.number) if one.side == HOLDOUT]
            if "key" in project.tables.get("data", {}):
                found[[int(one.key) for one in rows]] = True
            else:
                found[stream.arrivals[arrival.number - 1][[one.row for one in rows]]] = True
    return found


def _run_one(options: argparse.Namespace, name: str, seed: int, policy: str) -> tuple[str, int, str, float]:
    """Run one project and store it, in a process of its own."""
    torch.set_num_threads(1)
    began, part = perf_counter(), parts_of(options)[name]
    run = run_project(
        part.stream(seed),
        tables=part.tables,
        settings={**part.settings, "policy": policy, "seed": seed},
        salt=_salt(name, seed),
    )
    settings = about(name, part, seed, policy)
    made = provenance(device="cpu", workers=options.workers, threads=1)
    Run(run.predictions, run.held_out, run.nights, {"settings": settings, "provenance": made}).save(
        path_of(options.out, name, seed, policy)
    )
    return name, seed, policy, perf_counter() - began


def path_of(folder: Path, name: str, seed: int, policy: str) -> Path:
    """Return where a run is stored."""
    return folder / name / f"seed-{seed}" / f"{policy.replace(':', '-').replace('=', '-')}.npz"


def stored(folder: Path, name: str, part: Part, seed: int, policy: str) -> Run | None:
    """Return a stored run; None: there is none.

    Raises:
        SystemExit: If it was run with other settings.
    """
    path = path_of(folder, name, seed, policy)
    if not path.exists():
        return None
    run, expected = Run.load(path), json.loads(json.dumps(about(name, part, seed, policy)))
    if run.about["settings"] != expected or len(run.nights) != part.nights:
        raise SystemExit(f"{path} was run with other settings; choose another folder with --out, or remove it.")
    return run


def run_all(options: argparse.Namespace) -> None:
    """Run the parts that the command line asks for, or what is left of them."""
    chosen = parts_of(options, options.part or ())
    # Seed by seed: whoever stops early has whole seeds of every policy.
    tasks = [
        (name, seed, policy)
        for name, part in chosen.items()
        for seed in range(options.seeds or part.seeds)
        for policy in options.policy or (*FIXED, AUTO)
        if stored(options.out, name, part, seed, policy) is None
    ]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_run_one, options, *task) for task in tasks]):
            name, seed, policy, seconds = done.result()
            print(f"{name}, seed {seed}: {policy}, {seconds:.0f} s", file=sys.stderr, flush=True)


def rehearse(options: argparse.Namespace) -> None:
    """Replay the first seed's arrivals of each part through the lab, and store what each start is said to cost."""
    for name, part in parts_of(options, options.part or ()).items():
        target = options.out / name / REHEARSAL
        if target.exists():
            continue
        began, stream = perf_counter(), part.stream(0)
        with tempfile.TemporaryDirectory() as place:
            retrainer = Retrainer.create(
                Path(place) / "project",
                settings={**part.settings, "seed": 0},
                tables=part.tables,
                salt=_salt(name, 0),
            )
            for night in range(1, len(stream.arrivals) + 1):
                _add(retrainer, stream, night)
            found = retrainer.rehearse(seeds=REHEARSED_SEEDS, workers=options.workers)
        made = provenance(device="cpu", workers=options.workers, threads=1)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_result(
            {"arrivals": found.arrivals, "rows": found.rows, "seeds": found.seeds,
             "arms": [asdict(arm) for arm in found.arms], "provenance": made},
            target,
        )  # fmt: skip
        print(f"{name}: rehearsal, {perf_counter() - began:.0f} s", *found.lines(), sep="\n", file=sys.stderr)


def result_of_part(options: argparse.Namespace, name: str, part: Part) -> dict[str, Any] | None:
    """Return what the finished seeds of a part gave, by policy and measure; None: there are fewer than two of them."""
    tolerance = part.settings["tolerance"]
    # A part may be run with some of the policies alone: those of its first seed.
    ran = [policy for policy in (*FIXED, AUTO) if path_of(options.out, name, 0, policy).exists()]
    if not {COLD, AUTO} <= set(ran):
        return None
    by_seed = [
        {policy: stored(options.out, name, part, seed, policy) for policy in ran}
        for seed in range(options.seeds or part.seeds)
    ]
    # Those before the first gap: policies are paired by the seeds' places.
    finished = list(takewhile(lambda runs: all(run is not None for run in runs.values()), by_seed))
    if len(finished) < FEWEST:
        return None
    policies: dict[str, list[dict[str, Any]]] = {}
    gates: dict[str, dict[str, list[dict[str, Any]]]] = {gate: {} for gate in GATES}
    others: dict[str, Any] = {"committed to": [], "poisoned": []}
    if name.startswith("elec2"):
        others["persistence"] = []
    for seed, found in enumerate(finished):
        runs = {policy: run for policy, run in found.items() if run is not None}
        stream = part.stream(seed)
        for policy, run in runs.items():
            of = measures(as_run(run), stream, tolerance=tolerance)
            of["seconds"] = round(sum(night["seconds"] for night in run.nights), 1)
            of["audits"] = sum(len(night["arms"]) == 2 for night in run.nights)
            notes = [note for night in run.nights for note in night["notes"]]
            of["rollbacks"] = sum(note.startswith("rolled back") for note in notes)
            of["at the limit"] = sum(arm["stop_reason"] == "limit" for night in run.nights for arm in night["arms"])
            of["licences"] = [note for note in notes if "licence" in note or "licensed" in note or "revoked" in note]
            policies.setdefault(policy, []).append(of)
            for gate, replay in GATES.items():
                gates[gate].setdefault(policy, []).append(measures(replay(run, stream), stream, tolerance=tolerance))
        served, end = committed(runs, [arm for arm in ARMS[:-1] if arm in runs], stream, tolerance=tolerance)
        policies.setdefault(COMMITTED, []).append(measures(served, stream, tolerance=tolerance))
        others["committed to"].append(end)
        others["poisoned"].append(list(stream.poisoned))
        if "persistence" in others:
            others["persistence"].append(persistence(stream, 3))
    made = [run.about["provenance"] for found in finished for run in found.values() if run is not None]
    rehearsal = options.out / name / REHEARSAL
    if rehearsal.exists():
        others["rehearsal"] = json.loads(rehearsal.read_text())
    return {
        "title": part.title,
        "tables": part.tables,
        "settings": dict(part.settings),
        "seeds": len(finished),
        "seeds planned": part.seeds,
        "nights": part.nights,
        "provenance": made[-1] | {"commit": sorted({one["commit"] for one in made})},
        "policies": {policy: _by_measure(each) for policy, each in policies.items()},
        "gates": {
            gate: {policy: _by_measure(each, leave_out=("scores",)) for policy, each in of.items()}
            for gate, of in gates.items()
        },
        **others,
    }


def _by_measure(seeds: Sequence[Mapping[str, Any]], leave_out: Sequence[str] = ()) -> dict[str, list[Any]]:
    return {measure: [of[measure] for of in seeds] for measure in seeds[0] if measure not in leave_out}


def compared(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the comparisons of a part: each policy beside cold and beside the frontier, and the pass lines."""
    policies, tolerance = part["policies"], part["settings"]["tolerance"]
    cold = policies[COLD]
    beside = {
        policy: {
            "score": asdict(paired_difference(of["score"], cold["score"])),
            "samples": asdict(paired_ratio(of["samples"], cold["samples"])),
        }
        for policy, of in policies.items()
    }
    cost = {policy: of["samples"]["mean"] for policy, of in beside.items()}
    fixed = [policy for policy in FIXED if policy in policies]
    mean = {policy: mean_interval(policies[policy]["score"]).mean or 0.0 for policy in fixed}
    # A strategy is allowed that loses no more than the tolerance, as far as these seeds say, and is cheaper.
    allowed = [
        policy for policy in fixed if policy != COLD and mean[policy] >= mean[COLD] - tolerance and cost[policy] < 1
    ]
    regret: dict[str, Any] = {}
    for policy, of in policies.items():
        affordable = [one for one in fixed if cost[one] <= cost[policy]] or [min(fixed, key=cost.__getitem__)]
        best = max(affordable, key=mean.__getitem__)
        regret[policy] = {"beside": best, **asdict(paired_difference(policies[best]["score"], of["score"]))}
    auto = policies[AUTO]
    return {
        "beside cold": beside,
        "means": {policy: asdict(mean_interval(of["score"])) for policy, of in policies.items()},
        "allowed": allowed,
        "hindsight": min(allowed, key=cost.__getitem__) if allowed else COLD,
        "regret": regret,
        "lines": {
            "score": _score_line(beside[AUTO]["score"], tolerance),
            "cost": _cost_line(beside[AUTO]["samples"], limit=0.8 if allowed else 1.15),
            "bad promotions": _bad_line(sum(auto["bad promotions"]), sum(auto["nights"])),
        },
    }


def _score_line(found: Mapping[str, Any], tolerance: float) -> dict[str, Any]:
    low, high = found["low"], found["high"]
    verdict = "not shown" if low is None or low < -tolerance <= high else "met" if low >= -tolerance else "missed"
    return {"verdict": verdict, "tolerance": tolerance, **found}


def _cost_line(found: Mapping[str, Any], *, limit: float) -> dict[str, Any]:
    low, high = found["low"], found["high"]
    verdict = "not shown" if low is None or low <= limit < high else "met" if high <= limit else "missed"
    return {"verdict": verdict, "limit": limit, **found}


MOST_BAD = 5
"""Bad promotions per 1,000 nights that there may be."""


def _bad_line(bad: int, nights: int) -> dict[str, Any]:
    """Return whether bad promotions are rare enough, by one-sided exact bounds of 95 %."""
    from scipy.stats import beta

    rate, upper = 1000 * bad / nights, 1000 * float(beta.ppf(0.95, bad + 1, nights - bad)) if bad < nights else 1000.0
    lower = 1000 * float(beta.ppf(0.05, bad, nights - bad + 1)) if bad else 0.0
    verdict = "missed" if lower > MOST_BAD else "met" if upper <= MOST_BAD else "not shown"
    return {"verdict": verdict, "bad": bad, "nights": nights, "per 1,000": rate, "upper": upper}


def bad_promotions(parts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pass line of all parts together: what the nights of one are too few to show; None: there are none."""
    of = [part["policies"][AUTO] for part in parts.values()]
    bad, nights = (sum(sum(one[measure]) for one in of) for measure in ("bad promotions", "nights"))
    return _bad_line(bad, nights) if nights else None


def result_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is finished of all parts in the folder, as plain values without paths."""
    found = {name: result_of_part(options, name, part) for name, part in parts_of(options, options.part or ()).items()}
    finished = {name: part for name, part in found.items() if part is not None}
    return {
        "command": "python benchmarks/retrain_study.py --data-dir DIR",
        "confidence": 0.95,
        "planned": {
            name: {"title": part.title, "seeds": part.seeds, "nights": part.nights}
            for name, part in parts(options.data_dir, weeks=WEEKS).items()
        },
        "comparisons": {name: compared(part) for name, part in finished.items()},
        "bad promotions": bad_promotions(finished),
        "parts": finished,
    }


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(parts(Path(), weeks=WEEKS))
    made.add_argument("--data-dir", type=Path, default=Path(), help="with the folders cifar10 and electricity")
    made.add_argument("--out", type=Path, default=Path("runs/retrain-study"), help="where all runs are stored")
    made.add_argument("--part", action="append", choices=names, help="may be repeated (default: all)")
    made.add_argument("--policy", action="append", choices=(*FIXED, AUTO), help="may be repeated (default: all)")
    made.add_argument("--seeds", type=int, help="a part can be extended later (default: 8, of cifar10 4)")
    made.add_argument("--weeks", type=int, default=WEEKS, help=f"of elec2 (default: {WEEKS})")
    made.add_argument("--nights", type=int, default=20, help="of the other parts (default: 20)")
    made.add_argument("--workers", type=int, default=2, help="processes, of one thread each (default: 2)")
    made.add_argument("--json", type=Path, help="write the result of all that is finished here")
    made.add_argument("--page", type=Path, help="write tables of the result into this page")
    made.add_argument("--rehearse", action="store_true", help="rehearse each part, and run nothing else")
    made.add_argument("--no-run", action="store_true", help="train nothing: write what is finished")
    return made


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    options = parser().parse_args(arguments)
    if min(options.nights, options.weeks) <= FIRST_NIGHT:
        parser().error(f"--nights and --weeks must be at least {FIRST_NIGHT + 1}: nights count from the third on.")
    if options.rehearse:
        rehearse(options)
    elif not options.no_run:
        run_all(options)
    result = result_of(options)
    if options.json:
        write_result(result, options.json)
    from retrain_study_page import answers, write_page

    if options.page:
        write_page(result, options.page)
    print("\n".join(answers(result)))


if __name__ == "__main__":
    main(sys.argv[1:])
