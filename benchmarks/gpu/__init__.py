"""Measures training on a GPU, cell by cell, within a time, going on where it was."""

from ._main import main as main
