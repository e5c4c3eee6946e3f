"""``python -m warmstart``: the command line."""

from warmstart.cli import main

main()
