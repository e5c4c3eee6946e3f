"""The loop over the rounds of a trial."""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from warmstart.training import EpochReport, Lane, Pause, lay_out_, tried_step

from ._data import TrialData, standardized
from ._plan import arrived, plan_round
from ._round import RoundResult, run_round
from ._round_state import RoundState
from ._trial import Trial, check_source


def run(
    trial: Trial,
    data: TrialData,
    *,
    round_state: RoundState | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
    graphs: bool = False,
) -> Iterator[RoundResult]:
    """Play a trial round by round.

    Args:
        trial: The settings.
        data: On the device where the trial is to run.
        round_state: Where to go on after an interruption; the rounds that follow are those of an uninterrupted trial.
        on_epoch: Called with the round's number and each epoch's report.
        graphs: Whether steps on a GPU are recorded; see :func:`warmstart.training.fit`.

    Yields:
        Each round as it ends.

    Raises:
        InputError: If the stream, the model or the data do not fit together.
    """
    lane = Lane(run_in_turns(trial, data, round_state=round_state, on_epoch=on_epoch, graphs=graphs), data.pool.device)
    return (item for item in lane if isinstance(item, RoundResult))


def run_in_turns(
    trial: Trial,
    data: TrialData,
    *,
    round_state: RoundState | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
    graphs: bool = False,
) -> Generator[Pause | RoundResult, Any, None]:
    """Return the work of :func:`run`: it yields each round as it ends, and a pause wherever others may go on."""
    sizes = trial.stream.sizes(len(data.pool))
    if data.source is not None:
        check_source(trial, data.classes, source=data.source.classes)
    round_state = round_state or RoundState()
    data = standardized(data, arrived(trial, data, RoundState(data.rounds_before_stream + 1)))
    if round_state.model is not None and data.pool.is_image:
        # As training left it: what was stored has another layout in memory, and sums over it would round otherwise.
        known = data.pool if data.source is None or round_state.round > 1 else data.source.pool
        _, channels_last = tried_step(round_state.model, known, trial.recipe.batch_size, None)
        lay_out_(round_state.model, channels_last=channels_last)
    seen = arrived(trial, data, round_state)
    while round_state.round < data.rounds_before_stream + len(sizes):
        plan = plan_round(trial, data, round_state, seen)
        told = None if on_epoch is None else partial(on_epoch, plan.number)
        finished = yield from run_round(trial, plan, told, graphs=graphs)
        round_state, seen = finished.round_state, plan.seen
        yield finished
