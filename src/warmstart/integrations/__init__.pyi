from . import huggingface as huggingface
from . import lightning as lightning
from . import skorch as skorch
from ._mlflow import send_to_mlflow as send_to_mlflow
from ._retrained import RetrainedClassifier as RetrainedClassifier
from ._retrained import RetrainedRegressor as RetrainedRegressor
from ._sklearn import RetrainingClassifier as RetrainingClassifier
from ._sklearn import RetrainingRegressor as RetrainingRegressor
