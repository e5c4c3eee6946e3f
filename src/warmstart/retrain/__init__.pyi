from ._results import UpdateResult as UpdateResult
from ._retrainer import Retrainer as Retrainer
from ._settings import RetrainSettings as RetrainSettings
