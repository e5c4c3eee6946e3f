"""Learners: whatever can build, train and evaluate a model, built in or a user's own."""

from ._classifier import Classifier as Classifier
from ._in_trial import OwnLearner as OwnLearner
from ._in_trial import TrialLearner as TrialLearner
from ._in_trial import adapted as adapted
from ._learner import Learner as Learner
from ._learner import Round as Round
from ._regressor import Regressor as Regressor
from ._scores import Scores as Scores
from ._scores import churn as churn
from ._scores import negative_flips as negative_flips
from ._tensor_learner import TensorLearner as TensorLearner
