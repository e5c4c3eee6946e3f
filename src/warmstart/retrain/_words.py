"""Results of commands as lines for a terminal."""

from __future__ import annotations

from typing import Any

from ._inspect import Change, Collected, Licence, RoundSummary, Status, Verified

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
        return [found.text]
    if isinstance(found, Verified):
        lines = [f"{found.files:,} files, {found.bytes / 1e6:,.1f} MB: {'intact' if found.is_intact else 'damaged'}."]
        lines += [f"{one.kind} {one.id[:_SHORT]}: {one.problem}. {one.way_out}" for one in found.damage]
        lines += [] if found.ledger is None else [f"The ledger is damaged: {found.ledger}."]
        lines += [f"Model {one[:_SHORT]} is intact again." for one in found.restored]
        if found.replaced is not None and found.champion is not None:
            lines.append(f"{found.champion[:_SHORT]} serves in place of {found.replaced[:_SHORT]}.")
        return lines
    if isinstance(found, Collected):
        verb = "Would remove" if found.dry_run else "Removed"
        return [
            f"{verb} {len(found.models)} models, {len(found.orphans)} files without an entry, {found.scores} files of "
            f"scores and {found.drafts} drafts, {found.bytes / 1e6:,.1f} MB in all; {found.kept_bytes / 1e6:,.1f} MB "
            "stay."
        ]
    if isinstance(found, tuple):
        return [line for one in found for line in _round_lines(one)] or ["No rounds yet."]
    return list(found.lines())


def _status_lines(found: Status) -> list[str]:
    lines = [f"Project {found.directory}, policy {found.policy}"]
    if found.champion is None:
        lines.append("No model serves yet.")
    else:
        one = found.champion
        state = "" if one.state == "champion" else f", {one.state}"
        lines.append(
            f"Champion {one.id[:_SHORT]} of round {one.round} ({one.strategy}{state}), since {one.since}"
            f"{', pinned' if found.pinned else ''}"
        )
    if found.last_round is not None:
        lines.append(f"Round {found.last_round.number}: {found.last_round.reason}")
    if found.open_round is not None:
        whose = "" if found.running is None else f", by process {found.running.pid} on {found.running.host}"
        lines.append(f"Round {found.open_round} is under way or was interrupted{whose}; `update` resumes it.")
    unlabelled = f", {found.unlabelled_rows:,} rows without labels" if found.unlabelled_rows else ""
    lines.append(
        f"{found.arrivals:,} arrivals, {found.rows:,} rows; waiting: {found.waiting_arrivals:,} arrivals, "
        f"{found.waiting_rows:,} rows{unlabelled}"
    )
    lines += [_licence_line(one) for one in found.licences if one.strategy != "cold"]
    if found.audit_account is not None and found.rounds:
        lines.append(f"Audits have {found.audit_account:,.3g} left in their account")
    if found.watch is not None:
        lines.append(f"Watch: {found.watch['mean']:+.4g} against the champion before, {found.watch['t']:,} rows since")
    lines += [f"{one['keys']:,} keys to be forgotten by {one['due']}" for one in found.deletions_due]
    return lines + [f"Damage: {one}" for one in found.damage]


def _licence_line(one: Licence) -> str:
    return f"  {one.strategy}: {one.reason or one.status}"


def _round_lines(one: RoundSummary) -> list[str]:
    trained = ", ".join(f"{model.strategy} ({model.state})" for model in one.models)
    return [f"{one.number}  {one.started}  {one.reason or f'{one.state}, not decided yet'}", f"    {trained}"]
