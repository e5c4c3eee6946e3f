"""Probes: what is measured at moments of a round, besides accuracy and cost."""

from ._correlation import Correlation as Correlation
from ._curve import EvaluationCurve as EvaluationCurve
from ._gradients import GradientNorms as GradientNorms
from ._probe import Moment as Moment
from ._probe import Probe as Probe
from ._probe import Reading as Reading
from ._probe import When as When
from ._shrink import ShrinkCurve as ShrinkCurve
