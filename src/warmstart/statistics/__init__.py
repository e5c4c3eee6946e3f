"""What paired seeds say together: means, differences and ratios with their intervals, and the words for them."""

from ._estimate import Estimate as Estimate
from ._estimate import mean_interval as mean_interval
from ._paired import PairedDifference as PairedDifference
from ._paired import PairedRatio as PairedRatio
from ._paired import paired_difference as paired_difference
from ._paired import paired_ratio as paired_ratio
from ._scores import score_interval as score_interval
from ._scores import shared_variance as shared_variance
from ._scores import upper_confidence_sequence as upper_confidence_sequence
from ._sequential import sequential_t_interval as sequential_t_interval
from ._student import student_quantile as student_quantile
from ._words import describe_difference as describe_difference
from ._words import describe_ratio as describe_ratio
from ._words import interval_text as interval_text
from ._words import size_interval as size_interval
from ._words import times_text as times_text
from ._words import visible_digits as visible_digits
