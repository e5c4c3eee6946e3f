"""The report of a retraining project as a document: what serves and why, scores, costs, audits, decisions, arrivals."""

from collections.abc import Sequence
from typing import Final

from warmstart.reports._document import Block, Document, Group, Note, Paragraph, settings_table
from warmstart.retrain import ProjectReport

from ._audits import audit_blocks, watch_block
from ._scores import arrivals_block, cost_block, held_out_block
from ._tables import arrival_blocks, champion_blocks, deletion_block, event_blocks, round_blocks
from ._words import SHORT, counted, sentence, when

_MOST_DAMAGE: Final = 5


def retrain_document(report: ProjectReport) -> Document:
    """Return the report of a retraining project; its charts need the extra ``report``."""
    status = report.status
    sections: dict[str, Sequence[Block]] = {
        "Score": [held_out_block(report), arrivals_block(report)],
        "Cost": [cost_block(report)],
        "Audits and licences": audit_blocks(report),
        "Watch": [watch_block(report)],
        "Promotions and refusals": round_blocks(report),
        "Champions": champion_blocks(report),
        "Arrivals": arrival_blocks(report),
        "Deletions": [deletion_block(report)],
        "Events": event_blocks(report),
        "How to read it": [Paragraph(text) for text in _how_to_read(report)],
        "Details": [Group("fold", (settings_table(report.settings),), "Settings")],
    }
    counts = f"{counted(status.rounds, 'round')}, {counted(status.arrivals, 'arrival')}, {status.rows:,} rows"
    return Document(
        kicker="Retraining project",
        title=report.name,
        subtitle=f"{counts}; policy {status.policy}",
        blocks=(_headline(report), *(Group("section", tuple(blocks), title) for title, blocks in sections.items())),
    )


def _headline(report: ProjectReport) -> Note:
    """Return what serves, since when and why, the last verdict, and what waits."""
    status, last = report.status, report.status.last_round
    text = "No model serves yet."
    if status.champion is not None and report.promotions:
        one, serving = status.champion, report.promotions[-1].row
        state = "" if one.state == "champion" else f", {one.state}"
        pinned = ", and is pinned" if status.pinned else ""
        text = (
            f"Model {one.id[:SHORT]} ({one.strategy}, round {one.round}{state}) serves since "
            f"{when(serving.time)}{pinned}. {sentence(serving.reason or f'promoted by {serving.kind}')}"
        )
    verdict = () if last is None else (f"Last round, {last.number} ({when(last.ended)}): {sentence(last.reason)}",)
    waiting = f"{counted(status.waiting_arrivals, 'arrival')} with {status.waiting_rows:,} rows"
    remarks = [f"Waiting for the next round: {waiting}." if status.waiting_arrivals else "No arrival waits."]
    if status.unlabelled_rows:
        remarks.append(f"{status.unlabelled_rows:,} rows wait for their labels.")
    if status.open_round is not None:
        remarks.append(f"Round {status.open_round} is under way or was interrupted; `update` resumes it.")
    if status.pending_audits:
        remarks.append(f"Audits that wait for the next arrival: of round {', '.join(map(str, status.pending_audits))}.")
    remarks += [
        f"{counted(one['keys'], 'key')} must be forgotten by {when(one['due'])}." for one in status.deletions_due
    ]
    remarks += [f"Damage: {one}." for one in status.damage[:_MOST_DAMAGE]]
    if len(status.damage) > _MOST_DAMAGE:
        remarks.append(f"{len(status.damage) - _MOST_DAMAGE:,} more files are damaged; `verify` lists all of them.")
    return Note("Champion", text, tuple(remarks), verdict)


def _how_to_read(report: ProjectReport) -> list[str]:
    settings = report.settings["retrain"]
    units = "groups" if report.grouped else "rows"
    return [
        f"A share of {100 * settings['holdout']:g} % of the {units} is held out: it judges for {settings['window']:,} "
        "arrivals, and is trained on afterwards. Which side a row is on never changes before that.",
        "A candidate is promoted where the interval of its difference to the champion, and to the anchor, the best "
        "model ever shown, leaves no room for a loss beyond the tolerance. It is kept out as 'worse' where such a loss "
        "is shown, and otherwise since the rows cannot tell.",
        "The score on an arrival is that of the model that served when it came, before any model was trained on it. "
        "Predictors that learn nothing are the largest class or the mean of what that model was trained on, and, where "
        "rows have an order in time, the label before.",
        "An audit trains a cold start beside the strategy, on the same data with the same seed. Their difference is "
        "taken on the rows held out so far and the next arrival; its intervals hold for all looks of a trial together.",
        "Costs cover training alone, without loading, judging and scoring.",
    ]
