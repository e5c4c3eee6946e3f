"""The parts of the benchmark, in the order of the page."""

from . import demo, memory, precision, profile, queries, start_up, strategies, training, workers

PARTS = {
    module.PART.name: module.PART
    for module in (training, precision, profile, demo, workers, strategies, queries, start_up, memory)
}
