"""The settings of a trial."""

from dataclasses import dataclass, field
from enum import StrEnum

from warmstart.basics import InputError, resolve_choices
from warmstart.diagnostics import Measurement
from warmstart.learners import Classifier, Learner, TensorLearner, TrialLearner, adapted
from warmstart.strategies import Cold, Strategy
from warmstart.streams import Growing, Stream


class TrainOn(StrEnum):
    """What a round trains on: everything ``SEEN`` so far (the paper), or only the new ``ARRIVAL``."""

    SEEN = "seen"
    ARRIVAL = "arrival"


@dataclass(frozen=True)
class Trial:
    """The settings of one trial.

    Args:
        learner: Builds, trains and evaluates the models.
        stream: How data arrive.
        strategy: Decides what each round starts from.
        train_on: What each round trains on.
        first_learner: What trains round 1; None: what trains the others.
        measurements: What is measured besides score and cost.
        seed: Decides order of arrival, fresh models, order of samples, noise - each by a generator of its own, so that
            trials with equal seeds are paired.
    """

    learner: Learner = Classifier()
    stream: Stream = field(default=Growing(), repr=False)
    strategy: Strategy = Cold()
    train_on: TrainOn = TrainOn.SEEN
    first_learner: Learner | None = None
    measurements: tuple[Measurement, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        adapted(self.learner)
        needing = [type(one).__name__ for one in self.measurements if one.needs_loss]
        if needing and not isinstance(self.learner, TensorLearner):
            raise InputError(
                f"measurements must leave out {needing[0]} with a learner of your own: only that knows the loss."
            )

    def learner_of(self, number: int) -> TrialLearner:
        """Return what trains round ``number``."""
        first = self.first_learner
        return adapted(first if number == 1 and first is not None else self.learner)


def check_source(trial: Trial, classes: int, *, source: int) -> None:
    """Raise unless a trial can continue from a source.

    Args:
        trial: The settings.
        classes: Number of classes of what the stream draws from.
        source: Number of classes of the source.

    Raises:
        InputError: If the penalty looks back on samples of classes that the model has no outputs for any more.
    """
    penalty = trial.learner.penalty if isinstance(trial.learner, TensorLearner) else None
    if penalty is not None and penalty.from_round > 1 and classes != source:
        raise InputError(
            f"source must have {classes} classes, as the data have, for the penalty {penalty}, got {source}."
        )
