"""Two made tables on which comparisons go wrong elsewhere, as data of one's own.

To be run in this folder::

    warmstart compare --data made_tables:noisy_labels --evaluate test --seeds 10
    warmstart compare --data made_tables:rare_class --evaluate test --seeds 10 --metric balanced-accuracy
"""

import torch

from warmstart.basics import generator_for

Arrays = dict[str, tuple]


def noisy_labels(count: int = 900) -> Arrays:
    """The class is the sign of the sum of eight Gaussian columns.

    A fifth of the labels are flipped, so that no model can be right more often than 80 %; 2,000 test rows.
    """
    generator = generator_for(0, "noisy")
    columns = torch.randn(count + 2000, 8, generator=generator)
    flipped = torch.rand(len(columns), generator=generator) < 0.2
    return _arrays(columns, ((columns.sum(1) > 0) ^ flipped).long(), count)


def rare_class(count: int = 3000) -> Arrays:
    """One row in 150 is positive, and no column tells which; 3,000 test rows."""
    columns = torch.randn(count + 3000, 3, generator=generator_for(0, "rare"))
    return _arrays(columns, (torch.arange(len(columns)) % 150 == 0).long(), count)


def _arrays(columns: torch.Tensor, labels: torch.Tensor, count: int) -> Arrays:
    inputs, targets = columns.numpy(), labels.numpy()
    return {"train": (inputs[:count], targets[:count]), "test": (inputs[count:], targets[count:])}
