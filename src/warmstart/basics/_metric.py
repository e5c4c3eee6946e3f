"""What a score is called, what unit it has, and which direction is better."""

from dataclasses import dataclass

from ._errors import InputError

PERCENT = "%"


@dataclass(frozen=True)
class Metric:
    """The metric of a score: name, unit and direction. Tables, charts and verdicts take their words from it.

    Args:
        name: As it stands in a sentence, such as "accuracy" or "rmse".
        unit: Of the score, such as "dollars"; "%" for a share in [0, 1], which is shown times 100 and whose differences
            are "points"; empty: none.
        higher_is_better: The direction.

    Raises:
        InputError: If the name is empty.

    Example:
        >>> Metric("rmse", "°C", higher_is_better=False).text(1.25), ACCURACY.text(0.975)
        ('1.25 °C', '97.5 %')
        >>> ACCURACY.text(0.01, difference=True)
        '1.0 points'
    """

    name: str
    unit: str = ""
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"name must be a text that is not empty, got {self.name!r}.")

    @property
    def factor(self) -> float:
        """What a score is multiplied by where it is shown: 100 for shares, else 1."""
        return 100.0 if self.unit == PERCENT else 1.0

    def text(self, value: float, *, difference: bool = False) -> str:
        """Return a score, or a difference of two, with its unit: one decimal for percent, else three digits."""
        number = f"{100 * value:.1f}" if self.unit == PERCENT else f"{value:.3g}"
        unit = "points" if difference and self.unit == PERCENT else self.unit
        return f"{number} {unit}".rstrip()


ACCURACY = Metric("accuracy", PERCENT)
"""Share of samples that are classified correctly."""
