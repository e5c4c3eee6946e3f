"""Diagnostics: functions of a model's weights and gradients, and measurements of a round made of them."""

from ._correlation import Correlation as Correlation
from ._correlation import weight_correlation as weight_correlation
from ._correlation import weight_correlations as weight_correlations
from ._evaluation_curve import EvaluationCurve as EvaluationCurve
from ._gradients import Average as Average
from ._gradients import GradientNorms as GradientNorms
from ._gradients import gradient_norm as gradient_norm
from ._gradients import gradient_norms as gradient_norms
from ._measurement import Measurement as Measurement
from ._measurement import Moment as Moment
from ._measurement import Reading as Reading
from ._measurement import When as When
from ._shrink_curve import ShrinkCurve as ShrinkCurve
from ._weights import weight_norm as weight_norm
from ._weights import weight_norms as weight_norms
