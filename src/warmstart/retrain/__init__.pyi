from ._results import UpdateResult as UpdateResult
from ._retrainer import Retrainer as Retrainer
from ._settings import RetrainSettings as RetrainSettings
from ._words import lines_of as lines_of
