import pytest

from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.studies import Study
from warmstart.training import Recipe, StopRule


@pytest.fixture
def study():
    """A study of a second: 3 arms, 2 seeds, 3 rounds."""
    return Study(
        [Cold(), Warm(), ShrinkPerturb()],
        architecture=MLP(width=16),
        stream=Growing(rounds=3),
        recipe=Recipe(learning_rate=0.003),
        stop=StopRule(0.95, max_epochs=5),
        seeds=2,
    )
