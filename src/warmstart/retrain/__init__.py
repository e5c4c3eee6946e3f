"""Retraining projects: a folder that is retrained whenever data arrive, and never serves a worse model.

Names are imported when they are first used: the status of a project and a rollback do not import PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
