"""What commands on a project return."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ._ledger import JudgementRow


@dataclass(frozen=True)
class Plain:
    """A result as plain values."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as nested plain values, fit for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class TrainedArm:
    """A model that a round has trained.

    Attributes:
        strategy: What it started from, as a spec.
        model: Its id.
        stop_reason: Why training ended.
        state: ``champion``, ``undecided``, ``worse`` or ``diverged``.
        cost: By name: ``steps``, ``samples``, ``flops``, ``seconds``, ``rows``, and ``cost``, the one that is compared.
        judgements: Its comparisons.
    """

    strategy: str
    model: str
    stop_reason: str
    state: str
    cost: Mapping[str, Any]
    judgements: tuple[JudgementRow, ...] = ()


@dataclass(frozen=True)
class UpdateResult:
    """What an update has done.

    Attributes:
        outcome: ``promoted``, ``kept``, ``rolled back`` by the watch, or ``nothing new``.
        round: Number of the round; None: there was none.
        champion: Id of the model that serves; None: there is none yet.
        reason: Why, in one sentence.
        plan: Why the round trained what it trained.
        arms: What it trained.
        notes: What a reader should know, one sentence each.
    """

    outcome: Literal["promoted", "kept", "rolled back", "nothing new"]
    round: int | None
    champion: str | None
    reason: str
    plan: str = ""
    arms: tuple[TrainedArm, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        if self.round is None:
            return [*self.notes, self.reason]
        trained = [
            f"  {arm.strategy}: {arm.cost.get('rows', 0):,.0f} rows, "
            # A learner of the user's own may count no steps.
            f"{f'{steps:,.0f} steps, ' if (steps := arm.cost.get('steps')) else ''}"
            f"{arm.cost.get('seconds', 0.0):.1f} s, {arm.stop_reason}; model {arm.model[:12]} is {arm.state}"
            for arm in self.arms
        ]
        serving = "No model serves yet." if self.champion is None else f"Model {self.champion[:12]} serves."
        plan = [f"  {self.plan}"] if self.plan else []
        return [*self.notes, f"Round {self.round}: {self.reason}", *plan, *trained, f"  {serving}"]
