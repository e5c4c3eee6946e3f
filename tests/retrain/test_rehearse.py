import dataclasses
import math
import shutil

import numpy as np
import pytest

from projects import customers, project
from trial_logs import round_record
from warmstart.basics import ACCURACY, InputError, Metric
from warmstart.retrain import Retrainer, lines_of
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._objects import crashing_at
from warmstart.retrain._rehearse import FIRST_COUNTED, _judged
from warmstart.store import StudyRecords
