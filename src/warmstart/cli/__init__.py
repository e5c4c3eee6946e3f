"""The command line. PyTorch is imported only by the commands that train, so that help comes at once."""

from ._main import main as main
