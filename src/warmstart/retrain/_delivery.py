"""Messages of a project to other systems: what the outbox of its ledger holds, sent in order and at least once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import checked_path

from ._ledger import LEDGER, Ledger, OutboxRow, RoundRow, now
from ._lock import OUTBOX_LOCK, project_lock
from ._settings import read_project


@dataclass(frozen=True)
class Message:
    """What a round has to say.

    Args:
        id: The round's token, ``-`` and the kind: the same at every delivery, and like no message of any other project,
            so that a receiver knows a repetition.
        round: Number of the round.
        kind: ``round``: it has ended. ``promotion``: the candidate that it could not tell came to serve later.
        payload: ``round``, ``outcome`` (``promoted`` or ``kept``) and ``reason``.
    """

    id: str
    round: int
    kind: str
    payload: Mapping[str, Any]


def deliver(directory: str | Path, send: Callable[[Message], object]) -> tuple[Message, ...]:
    """Send what a project has not sent yet, oldest first, and note each message as sent when ``send`` has returned.

    A message whose sending was interrupted is sent again by the next call, so ``send`` must take a repetition for what
    it is. Rounds go on meanwhile; a second delivery at the same time is refused.

    Args:
        directory: The project's folder.
        send: Called with each message; what it raises ends the delivery, and this message stays unsent.

    Returns:
        The messages that were sent.

    Raises:
        InputError: If there is no project.
        LockedError: If another process is sending.
        StorageError: If the ledger is missing or damaged.

    Example:
        >>> import tempfile
        >>> from warmstart.retrain import Retrainer
        >>> project = Retrainer.create(f"{tempfile.mkdtemp()}/churn")
        >>> deliver(project.directory, print)
        ()
    """
    folder = checked_path("directory", directory)
    read_project(folder)  # else there is none
    sent = []
    with project_lock(folder, "send", name=OUTBOX_LOCK), Ledger.open(folder / LEDGER) as ledger:
        for row in ledger.unsent():
            of_round = ledger.first(RoundRow, "WHERE number = ?", row.round)
            assert of_round is not None, "a message is about a round"
            message = Message(f"{of_round.token}-{row.kind}", row.round, row.kind, row.payload)
            send(message)
            with ledger.transaction():
                ledger.change(OutboxRow, row.id, sent=now())
            sent.append(message)
    return tuple(sent)
