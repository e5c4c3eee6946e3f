"""The loop over the rounds of a trial."""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from warmstart.basics import generator_for
from warmstart.training import EpochReport, Lane, Pause, lay_out_, tried_step

from ._arrivals import Arrivals
from ._carried import Carried
from ._data import TrialData, standardized
from ._plan import plan_round
from ._round import Round, playing_round
from ._trial import Trial, check_source


def play(
    trial: Trial,
    data: TrialData,
    *,
    carried: Carried | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
    graphs: bool = False,
) -> Iterator[Round]:
    """Play a trial round by round.

    Args:
        trial: The settings.
        data: On the device where the trial is to run.
        carried: Where to go on after an interruption; the rounds that follow are those of an uninterrupted trial.
        on_epoch: Called with the round's number and each epoch's report.
        graphs: Whether steps on a GPU are recorded; see :func:`warmstart.training.fit`.

    Yields:
        Each round as it ends.

    Raises:
        InputError: If the stream, the model or the data do not fit together.
    """
    lane = Lane(playing(trial, data, carried=carried, on_epoch=on_epoch, graphs=graphs), data.pool.device)
    return (item for item in lane if isinstance(item, Round))


def playing(
    trial: Trial,
    data: TrialData,
    *,
    carried: Carried | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
    graphs: bool = False,
) -> Generator[Pause | Round, Any, None]:
    """Return the work of :func:`play`: it yields each round as it ends, and a pause wherever others may go on."""
    planned = Arrivals(trial.stream.arrivals(len(data.pool), generator=generator_for(trial.seed, "stream")))
    if data.source is not None:
        check_source(trial, data.classes, source=data.source.classes)
    data = standardized(data, planned.at(0))
    carried = carried or Carried()
    if carried.model is not None and data.pool.is_image:
        # As training left it: what was stored has another layout in memory, and sums over it would round otherwise.
        known = data.pool if data.source is None or carried.round > 1 else data.source.pool
        _, channels_last = tried_step(carried.model, known, trial.recipe.batch_size, None)
        lay_out_(carried.model, channels_last=channels_last)
    while carried.round < data.rounds_before_stream + len(planned):
        plan = plan_round(trial, data, carried, planned)
        told = None if on_epoch is None else partial(on_epoch, plan.number)
        played = yield from playing_round(trial, plan, told, graphs=graphs)
        carried = played.carried
        yield played
