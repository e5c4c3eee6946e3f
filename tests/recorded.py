"""What result files hold, as tests compare it."""

import pytest


def nearly(value):
    """Return recorded values whose numbers are equal up to rounding: libraries differ in the last bits."""
    if isinstance(value, dict):
        return {key: nearly(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [nearly(item) for item in value]
    return pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value
