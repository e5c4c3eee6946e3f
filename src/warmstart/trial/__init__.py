"""A trial: one stream finished to its end with one strategy, one recipe, one seed.

The loop that everything else serves stands in :func:`run`::

    for arrival in stream:
        fresh = build_model(generator)
        start = strategy(previous, fresh)
        fit(start, seen, recipe, stop)
        record(evaluate(start), cost)
        previous = start
"""

from ._data import TrialData as TrialData
from ._round import RoundResult as RoundResult
from ._round_state import RoundState as RoundState
from ._run import run as run
from ._run import run_in_turns as run_in_turns
from ._split import Arrays as Arrays
from ._split import EvaluateOn as EvaluateOn
from ._split import EvaluationSettings as EvaluationSettings
from ._split import channels_last as channels_last
from ._split import fitted as fitted
from ._split import split as split
from ._trial import TrainOn as TrainOn
from ._trial import Trial as Trial
from ._trial import check_source as check_source
from ._trial import opening as opening
