"""Queries: how an active stream picks its next samples from what the current model says about them."""

from ._entropy import Entropy as Entropy
from ._entropy import entropy_scores as entropy_scores
from ._least_confidence import LeastConfidence as LeastConfidence
from ._least_confidence import least_confidence_scores as least_confidence_scores
from ._margin import Margin as Margin
from ._margin import margin_scores as margin_scores
from ._query import Query as Query
from ._query import most_wanted as most_wanted
from ._random import Random as Random
