"""From names to objects and back: ``name:option=value`` on a command line, tables in a file, classes in Python."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
