"""Reports of studies, of projects and of the paper's experiments, from what is stored: pages, charts, Markdown, JSON.

Names are imported when they are first used: those of studies and projects import neither PyTorch nor the paper's rooms.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
