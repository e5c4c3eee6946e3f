"""Diagnostics: functions that look at a model's weights and gradients, and leave it as it is."""

from ._correlation import weight_correlation as weight_correlation
from ._correlation import weight_correlations as weight_correlations
from ._gradients import Average as Average
from ._gradients import gradient_norm as gradient_norm
from ._gradients import gradient_norms as gradient_norms
from ._weights import weight_norm as weight_norm
from ._weights import weight_norms as weight_norms
