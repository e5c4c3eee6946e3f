"""Studies: what is compared, run, extended and read back.

Names are imported when they are first used: what reads and sums up stored results does not import PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
