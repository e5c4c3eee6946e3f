"""The loop over the rounds of a trial."""

from collections.abc import Callable, Iterator
from functools import partial

from warmstart.basics import generator_for
from warmstart.training import EpochReport

from ._carried import Carried
from ._data import TrialData, standardized
from ._plan import plan_round
from ._round import Round, play_round
from ._trial import Trial, check_source


def play(
    trial: Trial,
    data: TrialData,
    *,
    carried: Carried | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
) -> Iterator[Round]:
    """Play a trial round by round.

    Args:
        trial: The settings.
        data: On the device where the trial is to run.
        carried: Where to go on after an interruption; the rounds that follow are those of an uninterrupted trial.
        on_epoch: Called with the round's number and each epoch's report.

    Yields:
        Each round as it ends.

    Raises:
        InputError: If the stream, the model or the data do not fit together.
    """
    planned = trial.stream.arrivals(len(data.pool), generator=generator_for(trial.seed, "stream"))
    if data.source is not None:
        check_source(trial, data.classes, source=data.source.classes)
    data = standardized(data, planned[0])
    carried = carried or Carried()
    if carried.model is not None:
        # As training left it: what was stored lies otherwise in memory, and sums over it would round otherwise.
        data.pool.laid_out_for(carried.model)
    while carried.round < data.rounds_before_stream + len(planned):
        plan = plan_round(trial, data, carried, planned)
        played = play_round(trial, plan, None if on_epoch is None else partial(on_epoch, plan.number))
        carried = played.carried
        yield played
