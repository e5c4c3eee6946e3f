"""The page of a retraining project, built from its ledger and its cached scores alone."""

from ._files import RetrainReport as RetrainReport
from ._files import write_retrain_report as write_retrain_report
