"""The parts of the benchmark, in the order of the page."""

from . import demo, growth, memory, start_up, strategies, training, workers

PARTS = {module.PART.name: module.PART for module in (training, demo, workers, strategies, start_up, memory, growth)}
