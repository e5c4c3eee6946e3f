"""Projects whose ledger and cached scores are made up: whatever a report may meet, without any training."""

import dataclasses
import math
import shutil
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np

from ledgers import TIME, arrival, digest, finished_round, model, sample
from warmstart.basics import METRICS
from warmstart.retrain._champion import repair
from warmstart.retrain._ledger import (
    LEDGER,
    ArrivalRow,
    AuditRow,
    DeletionRow,
    JudgementRow,
    Ledger,
    LicenceRow,
    ModelRow,
    RoundRow,
    SchemaRow,
    WatchRow,
)
from warmstart.retrain._objects import object_path, save_scores, scores_path
from warmstart.retrain._policy import FixedPolicy, PolicyState
from warmstart.retrain._schema import Schema
from warmstart.retrain._settings import RetrainSettings, write_project

ARMS = ("warm", "shrink-perturb:shrink=0.6", "cold")
ODD = "</script><b>|x"
CLASSES = ("no", "yes")


def schema_of(*, classes=CLASSES, group=None, targets="classes", order=None):
    fields = {"columns": [], "targets": targets, "order": order, "kind": "table"}
    return Schema.from_dict({"classes": list(classes), "group": group, "label": "y", **fields})


def metric_of(name):
    found = METRICS.get(name)
    return dataclasses.asdict(found) if found else {"name": name, "unit": "€", "higher_is_better": True}


def simulate(directory, *, rounds, rows=24, window=30, metric="accuracy", policy="auto", name="{}.csv", group=None,
             classes=CLASSES, refuse=lambda number: number % 4 == 0, audited=range(2, 400)):  # fmt: skip
    """Fill a project: each round trains a candidate, which takes over unless it is refused; an arrival waits."""
    is_error = metric in ("rmse", "mae")
    write_project(directory, RetrainSettings(policy=policy, window=window, tolerance=0.05), {"data": {"label": "y"}})
    state = PolicyState.initial(ARMS) if policy == "auto" else FixedPolicy(policy)
    champion = previous = anchor = None
    served = []
    with Ledger.create(directory / LEDGER) as ledger, ledger.transaction():
        found = schema_of(classes=() if is_error else classes, group=group, targets="values" if is_error else "classes")
        ledger.insert(SchemaRow(1, found.to_dict(), TIME))
        for number in range(1, rounds + 2):
            add_arrival(ledger, number, rows=rows, classes=classes, is_error=is_error, source=name.format(number))
            if number > rounds:
                break
            plan = state.plan(number=number, can_continue=number > 1, cold_cost=None)
            plan = dataclasses.replace(plan, audit=plan.audit and number in audited)
            arms = [plan.arm, *(["cold"] if plan.audit else [])]
            is_refused = champion is not None and refuse(number)
            reason = f"{'kept' if is_refused else 'promoted'}: +{number / 10:.1f} [-1.0, 2.0] points on {rows} {ODD}"
            models = [f"{digest(f'{directory.name} {number} {arm}')}" for arm in arms]
            row = dataclasses.replace(
                finished_round(number, state="kept" if is_refused else "promoted"),
                plan={"arm": plan.arm, "audit": plan.audit, "reason": plan.reason, "begins_trial": plan.begins_trial},
                champion_before=champion,
                champion_after=champion if is_refused else models[0],
                verdict="worse" if is_refused else "promote",
                reason=reason,
            )
            ledger.insert(row)
            costs = {}
            for arm, one in zip(arms, models, strict=True):
                costs[arm] = (10.0 if arm == "cold" else 3.0) * number * rows
                counts = {"rows": number * rows, "steps": costs[arm], "seconds": 0.01 * costs[arm]}
                made = model(one, number, strategy=arm, start=previous if arm != "cold" else None, state="candidate")
                manifest = {"metric": metric_of(metric), "classes": list(classes)}
                ledger.insert(
                    dataclasses.replace(
                        made, manifest=manifest, cost={"cost": costs[arm], **counts}, stop_reason="plateau"
                    )
                )
                against = champion or "majority"
                role, detail = ("champion", "") if champion else ("baseline", "majority")
                ledger.insert(JudgementRow(number, one, against, role, detail, rows, 0.01, -0.02, 0.04, 0.05))
                if champion:
                    ledger.insert(
                        JudgementRow(number, one, champion, "class", str(classes[0]), 30, 0.0, -1e300, 1e300, 0.05)
                    )
                if is_refused:
                    ledger.change(ModelRow, one, state="worse")
                elif arm != plan.arm:
                    ledger.change(ModelRow, one, state="undecided")
            ledger.join(number, number, window)
            state = state.after_training(plan, costs)
            if plan.audit:
                difference = round(Random(f"{number} {policy}").gauss(-0.002, 0.012), 4)
                ledger.insert(AuditRow(number, plan.arm, models[0], models[1], number + 1, difference, rows))
                state, sentences = state.after_difference(plan.arm, difference, number=number, tolerance=0.05)
                for sentence in sentences:
                    ledger.add_event("licence", sentence, round_number=number)
            ledger.insert(LicenceRow(number, state.to_dict()))
            ledger.add_event("round", reason, round_number=number)
            if champion is not None and served[-2:-1]:
                upper = None if number < 4 else 0.02
                ledger.insert(WatchRow(number, number, rows, -0.004 * number, upper, 0.05, alarm=False))
            if not is_refused:
                previous = models[0]
                is_anchor = anchor is None or number % 3 == 0
                ledger.promote(models[0], kind="gate", reason=reason, round_number=number, as_anchor=is_anchor)
                anchor = models[0] if is_anchor else anchor
                champion = models[0]
                served.append((champion, number))
    score_served(directory, served, rounds, window=window, is_error=is_error)
    with Ledger.open(directory / LEDGER) as ledger:
        objects = [("arrivals", one.id) for one in ledger.accepted_arrivals()]
        objects += [("models", one.id) for one in ledger.models()]
    for kind, one in objects:
        path = object_path(directory, kind, one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    repair(directory)
    return [one for one, _ in served]


def add_arrival(ledger, number, *, rows=24, classes=CLASSES, is_error=False, source=None, **options):
    """Add an arrival with labels of both classes, or values, whose every third row judges."""
    row = dataclasses.replace(arrival(number, rows=rows, **options), source=source or f"{number}.csv")
    ledger.insert(dataclasses.replace(row, note=f"Column <i>x</i> of {ODD} is ignored." if number % 2 else ""))
    random = Random(number)
    for place in range(rows):
        label = repr(random.gauss(10, 2)) if is_error else random.choice([*classes, classes[0]])
        side = "holdout" if place % 3 == 0 else "train"
        ledger.add_samples([sample(number, place, side=side, label=label)])
    ledger.add_event("add", "", arrival=number, rows=rows, duplicates=number % 3)


def score_served(directory, served, rounds, *, window, is_error):
    """Cache what each champion scored: on the arrivals that judged it, until the one that came when it was replaced."""
    with Ledger.open(directory / LEDGER) as ledger:
        arrivals = ledger.accepted_arrivals()
        codes = {one.number: [row.label for row in ledger.samples(one.number)] for one in arrivals}
    ends = [*(number for _, number in served[1:]), rounds + 1][: len(served)]
    for place, ((name, number), end) in enumerate(zip(served, ends, strict=True)):
        quality = 0.6 + 0.35 * (1 - math.exp(-place / 3))
        for one in arrivals:
            if number - window < one.number <= end:
                save_scores(directory, name, one.id, made_scores(name, codes[one.number], quality, is_error=is_error))


def made_scores(name, labels, quality, *, is_error):
    random, scores = Random(name), []
    for label in labels:
        right = random.random() < quality
        predicted = CLASSES.index(label) if label in CLASSES else 0
        scores.append((random.gauss(2 - quality, 0.2) ** 2, np.nan) if is_error else (right, predicted ^ (not right)))
    return np.array(scores, dtype=np.float64)


def with_ledger(directory, change):
    with Ledger.open(directory / LEDGER) as ledger, ledger.transaction():
        change(ledger)


def empty(directory):
    write_project(directory, RetrainSettings(), {})
    Ledger.create(directory / LEDGER).close()


def waiting(directory):
    simulate(directory, rounds=0)
    with_ledger(directory, lambda ledger: ledger.set_config("asked", "audit"))


def diverged(directory):
    simulate(directory, rounds=2)
    name = "3-warm-diverged"

    def change(ledger):
        row = dataclasses.replace(
            finished_round(3), champion_after=ledger.champion().id, reason="kept: training diverged"
        )
        ledger.insert(row)
        lost = model(name, 3, state="diverged")
        ledger.insert(dataclasses.replace(lost, manifest={}, cost={}, stop_reason="diverged"))

    with_ledger(directory, change)


def nothing_served(directory):
    """Make a project whose only candidate was not shown to beat what learns nothing."""
    simulate(directory, rounds=1)

    def change(ledger):
        for table in ("promotion", "licence"):
            ledger.execute(f"DELETE FROM {table}")
        ledger.change(RoundRow, 1, state="kept", champion_after=None, verdict="undecided", reason="kept: no better")
        ledger.execute("UPDATE model SET state = 'undecided'")

    with_ledger(directory, change)


def rolled_back(directory):
    """Make a project with a rollback by the watch, one by hand with a pin, an exclusion and a deletion."""
    names = simulate(directory, rounds=7)

    def change(ledger):
        ledger.change(WatchRow, 7, alarm=True)
        ledger.promote(
            names[-2], kind="watch", reason="rolled back: 5.0 points worse", round_number=None, as_anchor=False
        )
        ledger.add_event("watch", "rolled back: 5.0 points worse")
        ledger.promote(names[0], kind="rollback", reason=f"Rolled back: {ODD}", round_number=None, as_anchor=False)
        ledger.set_config("pinned", names[0])
        ledger.add_event("rollback", f"Rolled back: {ODD}")
        ledger.change(ArrivalRow, ledger.arrival(3).id, state="excluded")
        ledger.insert(DeletionRow(TIME, "2026-02-01T00:00:00+00:00", 3, "open"))

    with_ledger(directory, change)
    repair(directory)


def damaged(directory):
    """Damage the scores of every second champion, and remove those of the first, with all arrivals."""
    names = simulate(directory, rounds=6, refuse=lambda _: False)
    shutil.rmtree(directory / "arrivals")
    for place, name in enumerate(names):
        for path in scores_path(directory, name, "x").parent.glob("*.npy"):
            if place == 0:
                path.unlink()
            elif place % 2:
                path.write_bytes(path.read_bytes()[:50])


PROJECTS = {
    "empty": empty,
    "waiting": waiting,
    "nothing served": nothing_served,
    "one round": lambda directory: simulate(directory, rounds=1),
    "nine rounds": lambda directory: simulate(directory, rounds=9),
    "refused": lambda directory: simulate(directory, rounds=5, refuse=lambda _: True),
    "watched": lambda directory: simulate(directory, rounds=9, refuse=lambda number: number > 3),
    "diverged": diverged,
    "rolled back": rolled_back,
    "errors": lambda directory: simulate(directory, rounds=9, metric="rmse"),
    "groups": lambda directory: simulate(directory, rounds=6, group="shop"),
    "fixed": lambda directory: simulate(directory, rounds=6, policy="warm"),
    "own metric": lambda directory: simulate(directory, rounds=6, metric="profit"),
    "odd names": lambda directory: simulate(directory, rounds=12, name=f"{ODD}{{}}.csv", classes=(ODD, "yes")),
    "damaged": damaged,
    "300 rounds": lambda directory: simulate(directory, rounds=300, rows=9, window=2),
}


def made(name, directory: Path):
    """Make a project by its name, and return its folder."""
    folder = directory / (ODD.replace("/", "") if name == "odd names" else name)
    # Hundreds of small files need not outlive a power cut, which takes 9 ms each.
    with mock.patch("os.fsync"):
        PROJECTS[name](folder)
    return folder
