"""Retrain neural networks as data arrive: warm starts, shrink-perturb, and honest comparisons with cold starts.

Names are imported when they are first used; ``import warmstart`` alone does not import PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
