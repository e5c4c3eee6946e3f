"""Grids of trials: what is compared, how it runs, where results are kept, what they say together."""

from ._arm import Arm as Arm
from ._arm import parse_arm as parse_arm
from ._executor import Execution as Execution
from ._names import known_models as known_models
from ._names import known_strategies as known_strategies
from ._names import known_streams as known_streams
from ._options import build_options as build_options
from ._options import kebab as kebab
from ._options import options_of as options_of
from ._options import split_spec as split_spec
from ._provenance import provenance as provenance
from ._records import RoundRecord as RoundRecord
from ._records import StudyRecords as StudyRecords
from ._run import Plan as Plan
from ._run import read_study as read_study
from ._run import read_study_file as read_study_file
from ._run import run_study as run_study
from ._store import Store as Store
from ._study import EvaluateOn as EvaluateOn
from ._study import EvaluationSettings as EvaluationSettings
from ._study import Study as Study
from ._study import study_digest as study_digest
from ._study import study_from_dict as study_from_dict
from ._study import study_to_dict as study_to_dict
from ._summary import summarize as summarize
from ._task import EpochMessage as EpochMessage
