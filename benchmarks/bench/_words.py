"""Figures as texts."""

from ._turns import Spread

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def ratio_text(spread: Spread) -> str:
    """Return a ratio, or another number, with its quartiles.

    Example:
        >>> ratio_text({"median": 1.0, "lower_quartile": 0.98, "upper_quartile": 1.024, "turns": 7})
        '1.00 [0.98, 1.02]'
    """
    return "{median:.2f} [{lower_quartile:.2f}, {upper_quartile:.2f}]".format(**spread)


def share_text(share: float) -> str:
    """Return a share.

    Example:
        >>> share_text(0.034)
        '3.4 %'
    """
    return f"{100 * share:.1f} %"


def seconds_text(seconds: float) -> str:
    """Return a time in a fitting unit, with three digits.

    Example:
        >>> seconds_text(12.34), seconds_text(0.0123), seconds_text(2e-7)
        ('12.3 s', '12.3 ms', '0.2 us')
    """
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{float(f'{seconds / size:.3g}'):g} {unit}"


def time_text(spread: Spread) -> str:
    """Return a time with its quartiles; alone where it was timed once.

    Example:
        >>> time_text({"median": 0.5, "lower_quartile": 0.4, "upper_quartile": 0.6, "turns": 7})
        '500 ms [400 ms, 600 ms]'
    """
    low, high = seconds_text(spread["lower_quartile"]), seconds_text(spread["upper_quartile"])
    return seconds_text(spread["median"]) + (f" [{low}, {high}]" if spread["turns"] > 1 else "")
