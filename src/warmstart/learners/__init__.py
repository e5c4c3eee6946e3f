"""Learners: whatever can build, train and evaluate a model, built in or a user's own."""

from ._learner import Learner as Learner
from ._learner import Round as Round
from ._scores import Scores as Scores
