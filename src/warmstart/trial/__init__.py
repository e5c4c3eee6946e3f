"""A trial: one stream run to its end with one strategy, one learner, one seed.

The loop that everything else serves is :func:`run`::

    previous = None
    for arrival in stream:
        fresh = learner.build(data, seed)
        start = strategy(previous, fresh, context)
        learner.train(start, round)
        record(learner.evaluate(start, held_out), cost)
        previous = start
"""

from ._data import TrialData as TrialData
from ._data import preparation_of as preparation_of
from ._data import scaled_like as scaled_like
from ._data import taken as taken
from ._result import RoundResult as RoundResult
from ._round_state import RoundState as RoundState
from ._run import RoundPlan as RoundPlan
from ._run import encoded as encoded
from ._run import first_start as first_start
from ._run import run as run
from ._run import run_in_turns as run_in_turns
from ._run import run_round as run_round
from ._split import Arrays as Arrays
from ._split import EvaluateOn as EvaluateOn
from ._split import EvaluationSettings as EvaluationSettings
from ._split import arrival_sizes as arrival_sizes
from ._split import as_tensors as as_tensors
from ._split import channels_last as channels_last
from ._split import fitted as fitted
from ._split import rows_of as rows_of
from ._split import split as split
from ._trial import TrainOn as TrainOn
from ._trial import Trial as Trial
from ._trial import check_source as check_source
