"""Projects on a small table that arrives in parts, for tests of whole updates."""

from typing import Any

import numpy as np
import pandas as pd

from warmstart.retrain import Retrainer

TABLES: dict[str, Any] = {
    "data": {"label": "churned", "key": "customer", "features": ["age", "use", "pay"]},
    "model": {"name": "logistic"},
    "stop": {"max_epochs": 3},
    "recipe": {"batch_size": 64, "learning_rate": 0.05},
}


def customers(count=300, *, first=0, classes=("no", "yes"), prefix="customer", **columns):
    """A table whose label follows from its columns; ``columns`` replace or add some."""
    random = np.random.default_rng([7, first])
    values = random.normal(size=(count, 3)).round(4)
    cuts = np.linspace(-1, 1, len(classes) + 1)[1:-1] if len(classes) > 2 else [0.0]
    place = np.searchsorted(cuts, values[:, 0] + values[:, 1] + 0.2 * random.normal(size=count))
    frame = {"customer": [f"{prefix}-{number}" for number in range(first, first + count)]}
    frame |= dict(zip(("age", "use", "pay"), values.T, strict=True))
    return pd.DataFrame(frame | {"churned": np.array(classes, object)[place]} | columns)


def project(directory, *, arrivals=0, tables=None, **settings):
    """Make a project, and let arrivals of 300 rows each come in and be trained on, one by one."""
    settings, tables = {"holdout": 0.3, **settings}, TABLES | (tables or {})
    # Else each run would hold out other rows.
    made = Retrainer.create(directory, settings=settings, tables=tables, salt="the same in every run")
    for number in range(arrivals):
        made.add(customers(first=300 * number))
        made.update()
    return made
