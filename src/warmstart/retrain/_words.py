"""Results of commands as lines for a terminal."""

from __future__ import annotations

import shlex
from typing import Any

from ._champion import Change
from ._inspect import ArrivalSummary, RoundSummary, Status
from ._upkeep import Collected, Verified

_SHORT = 12
"""Digits of an id that people see; commands take as many as tell models apart."""


def lines_of(found: Any) -> list[str]:
    """Return a result as lines; one that has a method ``lines`` says it itself.

    Args:
        found: What a method of :class:`Retrainer` returned.
    """
    if isinstance(found, Status):
        return _status_lines(found)
    if isinstance(found, Change):
        is_new = found.pinned and found.before != found.after
        return [found.text, *(["It is pinned: no round replaces it until `unpin`."] if is_new else [])]
    if isinstance(found, Verified):
        size = f"{counted(found.files, 'file')}, {found.bytes / 1e6:,.1f} MB"
        lines = [f"{size}: {'intact' if found.is_intact else 'damaged'}."]
        lines += [f"{one.kind} {one.id[:_SHORT]}: {one.problem}. {one.way_out}" for one in found.damage]
        lines += [] if found.ledger is None else [f"The ledger is damaged: {found.ledger}."]
        lines += [f"models {one[:_SHORT]}: damaged, and restored from a copy." for one in found.restored]
        lines += [f"models {one[:_SHORT]}: the copy that serves was damaged, and is made anew." for one in found.copies]
        if found.replaced is not None and found.champion is not None:
            lines.append(f"{found.champion[:_SHORT]} serves in place of {found.replaced[:_SHORT]}.")
        return lines
    if isinstance(found, Collected):
        verb = "Would remove" if found.dry_run else "Removed"
        return [
            f"{verb} {counted(len(found.models), 'model')}, {counted(len(found.orphans), 'file')} that the ledger does "
            f"not know, {counted(found.scores, 'file')} of scores and {counted(found.drafts, 'draft')}: "
            f"{found.bytes / 1e6:,.1f} MB; {found.kept_bytes / 1e6:,.1f} MB stay."
        ]
    if isinstance(found, tuple):
        lines = [_round_lines(one) if isinstance(one, RoundSummary) else [_line_of_arrival(one)] for one in found]
        return [line for of in lines for line in of] or ["No rounds yet."]
    return list(found.lines())


def counted(count: int, noun: str) -> str:
    """Return a number of things in words.

    Example:
        >>> counted(1, "row"), counted(1200, "row")
        ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _status_lines(found: Status) -> list[str]:
    lines = [f"Project {found.directory}, policy {found.policy}"]
    if found.champion is None:
        lines.append("No model serves yet.")
    else:
        one = found.champion
        state = "" if one.state == "champion" else f", {one.state}"
        pinned = ", pinned: no round replaces it until `unpin`" if found.pinned else ""
        lines.append(
            f"Model {one.id[:_SHORT]} of round {one.round} ({one.strategy}{state}) serves since {_minutes(one.since)}"
            f"{pinned}"
        )
    if found.last_round is not None:
        lines.append(f"Round {found.last_round.number}, {_minutes(found.last_round.ended)}: {found.last_round.reason}")
    if found.open_round is not None:
        whose = "" if found.running is None else f", by process {found.running.pid} on {found.running.host}"
        lines.append(f"Round {found.open_round} is under way or was interrupted{whose}; `update` resumes it.")
    lines.append(_arrival_line(found))
    tried = [one for one in found.licences if one.strategy != "cold" and one.status != "untried"]
    for one in tried:
        audits = f"{counted(one.audits, 'audit')} counted so far"
        # The reason is of the night on which the trial began.
        lines.append(f"Policy: {f'{one.strategy} is on trial, {audits}' if one.status == 'trial' else one.reason}")
    untried = [one.strategy for one in found.licences if one.strategy != "cold" and one.status == "untried"]
    if found.champion is not None and untried:
        lines.append(f"Policy: not tried yet: {', '.join(untried)}")
    cost = found.last_round.cost.get("cost") if found.last_round is not None else None
    if cost and found.audit_account and any(one.status == "licensed" for one in tried):
        share = f"{abs(100 * found.audit_account / cost):,.0f} % of what the last round cost"
        lines.append(f"Audit account: {share} {'saved' if found.audit_account > 0 else 'overdrawn'}")
    if found.pending_audits:
        lines.append(f"Audits that wait for the next arrival: {counted(len(found.pending_audits), 'round')}")
    if found.watch is not None and found.watch["text"] is not None:
        lines.append(f"Watch: {found.watch['text']} against the model before it on {found.watch['t']:,} new samples")
    lines += [f"Deletion of {counted(one['keys'], 'key')}, to be done by {one['due']}" for one in found.deletions_due]
    return lines + [f"Damage: {one}" for one in found.damage]


def _arrival_line(found: Status) -> str:
    if not found.arrivals:
        add = f"add data with `warmstart retrain add {shlex.quote(found.directory)} FILE`"
        if found.excluded_arrivals:
            return f"Nothing that has arrived counts ({counted(found.excluded_arrivals, 'arrival')} excluded): {add}."
        return f"Nothing has arrived yet: {add}."
    waiting = "none of them waiting"
    if found.waiting_arrivals:
        arrivals = counted(found.waiting_arrivals, "arrival")
        waiting = f"{arrivals} ({counted(found.waiting_rows, 'row')}) waiting for `update`"
    unlabelled = f"; {counted(found.unlabelled_rows, 'row')} without labels" if found.unlabelled_rows else ""
    return f"{counted(found.arrivals, 'arrival')}, {counted(found.rows, 'row')}, {waiting}{unlabelled}"


def _minutes(time: str | None) -> str:
    """Return a time of the ledger for people, who need neither seconds nor the offset of UTC."""
    return "?" if time is None else f"{time[:16].replace('T', ' ')} UTC"


def _line_of_arrival(one: ArrivalSummary) -> str:
    labels = "" if one.labelled == one.rows else f", {one.labelled:,} of them with a label"
    state = "" if one.state == "accepted" else f", {one.state}"
    return f"{one.number}  {_minutes(one.received)}  {one.source}, {counted(one.rows, 'row')}{labels}{state}"


def _round_lines(one: RoundSummary) -> list[str]:
    trained = ", ".join(f"{model.strategy} {model.id[:_SHORT]} ({model.state})" for model in one.models)
    cost = f", {one.cost['seconds']:,.1f} s" if one.cost.get("seconds") else ""
    return [
        f"{one.number}  {_minutes(one.started)}  {one.reason or f'{one.state}, not decided yet'}",
        *([f"    {one.earlier}"] if one.earlier else []),
        *([f"    {trained}{cost}"] if trained else []),
        *(f"    {_minutes(command['time'])}  {command['text']}" for command in one.commands),
    ]
