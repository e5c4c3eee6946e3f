"""Bridges to other libraries, each imported when its name is first used: scikit-learn and MLflow are optional."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
