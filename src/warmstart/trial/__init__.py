"""A trial: one stream played to its end with one strategy, one recipe, one seed.

The loop that everything else serves stands in :func:`play`::

    for arrival in stream:
        fresh = build_model(generator)
        start = strategy(previous, fresh)
        fit(start, seen, recipe, stop)
        record(evaluate(start), cost)
        previous = start
"""

from ._carried import Carried as Carried
from ._data import TrialData as TrialData
from ._play import play as play
from ._play import playing as playing
from ._round import Round as Round
from ._trial import TrainOn as TrainOn
from ._trial import Trial as Trial
from ._trial import check_source as check_source
from ._trial import opening as opening
