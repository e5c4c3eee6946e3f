"""One round of training: recipe, stop rule, fit, evaluation, carry-over."""

from ._carry_over import CarryOver as CarryOver
from ._carry_over import Normalization as Normalization
from ._carry_over import OptimizerState as OptimizerState
from ._cost import Cost as Cost
from ._data import TensorData as TensorData
from ._data import batches as batches
from ._data import smallest_batch as smallest_batch
from ._evaluate import Evaluation as Evaluation
from ._evaluate import evaluate as evaluate
from ._evaluate import mode as mode
from ._evaluate import predict as predict
from ._fit import FitResult as FitResult
from ._fit import fit as fit
from ._flops import count_flops as count_flops
from ._loss import loss_of as loss_of
from ._normalization import recalibrate_ as recalibrate_
from ._normalization import reset_statistics_ as reset_statistics_
from ._recipe import OptimizerKind as OptimizerKind
from ._recipe import Recipe as Recipe
from ._stop import Ending as Ending
from ._stop import EpochReport as EpochReport
from ._stop import Measure as Measure
from ._stop import StopRule as StopRule
