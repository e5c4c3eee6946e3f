"""What is kept of trials: rounds, checkpoints, provenance; safe against being killed at any moment.

Names are imported when they are first used: reading results does not import PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
