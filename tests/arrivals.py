"""Tables as they arrive night by night, for tests of the retraining project."""

from typing import Any

import numpy as np
import pandas as pd

from warmstart.data import DataSource

SOURCE = DataSource("arrivals", label="bought", key="id", order="day")


def orders(
    count: int = 40, *, first: int = 0, seed: int = 0, colors: tuple[str, ...] = ("blue", "red"), **columns: Any
):
    """A frame of orders with every kind of column; ``columns`` replace or add some."""
    random = np.random.default_rng([seed, first])
    return pd.DataFrame(
        {
            "id": [f"o{number}" for number in range(first, first + count)],
            "day": pd.date_range("2024-01-01", periods=count).shift(first),
            "size": random.normal(size=count).round(3),
            "color": random.choice(colors, count),
            "express": random.random(count) < 0.5,
            "bought": random.choice(["no", "yes"], count),
        }
        | columns
    )
