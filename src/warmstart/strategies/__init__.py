"""Strategies between rounds: previous model + fresh model -> the model that training starts from."""

from ._cold import Cold as Cold
from ._cold import Initialization as Initialization
from ._cold import scale as scale
from ._cold import scale_ as scale_
from ._context import RoundContext as RoundContext
from ._keep_layers import KeepLayers as KeepLayers
from ._keep_layers import LayerEnd as LayerEnd
from ._keep_layers import keep_layers as keep_layers
from ._layers import head_of as head_of
from ._layers import layers_of as layers_of
from ._norm_matched import NormMatched as NormMatched
from ._norm_matched import norm_matched as norm_matched
from ._parameters import Scope as Scope
from ._parameters import gaussian_like as gaussian_like
from ._parameters import weights_in as weights_in
from ._renew import AnyStrategy as AnyStrategy
from ._renew import check_renewal as check_renewal
from ._renew import renew_ as renew_
from ._shrink_perturb import Noise as Noise
from ._shrink_perturb import ShrinkPerturb as ShrinkPerturb
from ._shrink_perturb import shrink_perturb as shrink_perturb
from ._shrink_perturb import shrink_perturb_ as shrink_perturb_
from ._strategy import Strategy as Strategy
from ._transplant import grown_place as grown_place
from ._transplant import transplant as transplant
from ._warm import Warm as Warm
