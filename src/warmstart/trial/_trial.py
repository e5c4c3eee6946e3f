"""The settings of a trial, and what follows from them alone."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from warmstart.basics import InputError, resolve_choices
from warmstart.diagnostics import Measurement
from warmstart.models import Architecture
from warmstart.penalties import Penalty
from warmstart.strategies import Cold, Strategy
from warmstart.streams import Stream
from warmstart.training import CarryOver, OptimizerState, Recipe, StoppingRule


class TrainOn(StrEnum):
    """What a round trains on: everything ``SEEN`` so far (the paper), or only the new ``ARRIVAL``."""

    SEEN = "seen"
    ARRIVAL = "arrival"


@dataclass(frozen=True)
class Trial:
    """The settings of one trial.

    Args:
        architecture: Builds the fresh models.
        stream: How data arrive.
        strategy: Decides what each round starts from.
        train_on: What each round trains on.
        carry_over: What else survives a round.
        recipe: How a round trains.
        stop: When a round is done.
        first_recipe: How round 1 trains; None: as the others.
        first_stop: When round 1 is done; None: as the others.
        penalty: Added to the loss; bound to each round at its beginning.
        measurements: What is measured besides accuracy and cost.
        seed: Decides order of arrival, fresh models, order of samples, noise - each by a generator of its own, so that
            trials with equal seeds are paired.
    """

    architecture: Architecture
    stream: Stream = field(repr=False)
    strategy: Strategy = Cold()
    train_on: TrainOn = TrainOn.SEEN
    carry_over: CarryOver = CarryOver()
    recipe: Recipe = Recipe()
    stop: StoppingRule = StoppingRule()
    first_recipe: Recipe | None = None
    first_stop: StoppingRule | None = None
    penalty: Penalty | None = None
    measurements: tuple[Measurement, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)

    def recipe_of(self, number: int) -> Recipe:
        """Return how round ``number`` trains."""
        return self.first_recipe if number == 1 and self.first_recipe is not None else self.recipe

    def stop_of(self, number: int) -> StoppingRule:
        """Return when round ``number`` is done."""
        return self.first_stop if number == 1 and self.first_stop is not None else self.stop


def opening(trial: Trial) -> Trial | None:
    """Return what decides round 1 of a trial: two trials with equal openings have the same first round, bit for bit.

    None where nothing can be said: where the strategy does not begin with the fresh model as it is, or where the
    optimizer's state is kept, which depends on the strategy.
    """
    if not trial.strategy.begins_fresh or trial.carry_over.optimizer_state is OptimizerState.KEEP:
        return None
    later = trial.penalty is not None and trial.penalty.from_round > 1
    return replace(
        trial,
        strategy=Cold(),
        train_on=TrainOn.SEEN,
        recipe=trial.recipe_of(1),
        stop=trial.stop_of(1),
        first_recipe=None,
        first_stop=None,
        penalty=None if later else trial.penalty,
    )


def check_source(trial: Trial, classes: int, *, source: int) -> None:
    """Raise unless a trial can go on from a source.

    Args:
        trial: The settings.
        classes: Number of classes of what the stream draws from.
        source: Number of classes of the source.

    Raises:
        InputError: If the penalty looks back on samples of classes that the model has no outputs for any more.
    """
    looks_back = trial.penalty is not None and trial.penalty.from_round > 1
    if looks_back and classes != source:
        raise InputError(
            f"source must have {classes} classes, as the data have, for the penalty {trial.penalty}, got {source}."
        )
