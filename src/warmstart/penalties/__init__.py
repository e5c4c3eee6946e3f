"""Penalties: terms that are added to the loss of a batch while a round trains."""

from ._adversarial import Adversarial as Adversarial
from ._adversarial import adversarial as adversarial
from ._adversarial import fgsm as fgsm
from ._confidence import Confidence as Confidence
from ._confidence import confidence as confidence
from ._ewc import EWC as EWC
from ._ewc import BoundEWC as BoundEWC
from ._ewc import ewc as ewc
from ._fisher import fisher_diagonal as fisher_diagonal
from ._l2 import L2 as L2
from ._l2 import l2 as l2
from ._l2_init import BoundL2Init as BoundL2Init
from ._l2_init import L2Init as L2Init
from ._l2_init import l2_init as l2_init
from ._passes import prepared_batches as prepared_batches
from ._penalty import Penalty as Penalty
