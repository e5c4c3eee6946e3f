"""Two made tables on which comparisons go wrong elsewhere, as data of one's own.

To be run in this folder::

    warmstart compare --data made_tables:noisy_labels --evaluate test --seeds 10
    warmstart compare --data made_tables:rare_class --evaluate test --seeds 10 --metric balanced-accuracy
"""

from stopping import Split, noisy, rare

Arrays = dict[str, tuple]


def noisy_labels(count: int = 900) -> Arrays:
    """A fifth of the labels are flipped, so that no model can be right more often than 80 %; 2,000 test rows."""
    return _arrays(noisy(0, count))


def rare_class(count: int = 3000) -> Arrays:
    """One row in 150 is positive, and no column tells which; 3,000 test rows."""
    return _arrays(rare(0, count))


def _arrays(parts: Split) -> Arrays:
    pairs = [(part.inputs.numpy(), part.labels.numpy()) for part in parts]
    return {"train": pairs[0], "test": pairs[1]}
