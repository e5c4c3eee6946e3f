"""Measures training on a GPU, cell by cell, within a time limit; run again, it resumes."""

from ._main import main as main
