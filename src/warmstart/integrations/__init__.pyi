from ._sklearn import RetrainingClassifier as RetrainingClassifier
from ._sklearn import RetrainingRegressor as RetrainingRegressor
