"""The parts of the benchmark, in the order of the page."""

from . import demo, memory, profile, queries, start_up, strategies, training, workers

PARTS = {
    module.PART.name: module.PART
    for module in (training, profile, demo, workers, strategies, queries, start_up, memory)
}
