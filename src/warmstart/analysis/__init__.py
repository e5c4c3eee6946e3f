"""What stored trials say: pairing, intervals, the verdict in words.

Nothing here imports PyTorch.
.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
