"""The command line. PyTorch is imported only by the commands that train, so that help comes at once."""

from ._entry import main as main
