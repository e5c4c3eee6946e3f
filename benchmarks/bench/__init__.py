"""The benchmark that a release waits for: every figure is a median of turns, taken beside what it is compared with."""

from ._main import main as main
