"""Ways to fill a GPU: lanes, which interleave several trials in one process, and steps recorded as CUDA graphs.

The engine imports this package; its modules therefore import the engine's parts one by one, never the engine.
"""

from ._lanes import Lane as Lane
from ._lanes import Pause as Pause
from ._lanes import Work as Work
from ._lanes import alone as alone
from ._lanes import run_lanes as run_lanes
from ._lanes import take_turns as take_turns
from ._recordable import capturable as capturable
from ._recordable import changed_by_a_step as changed_by_a_step
from ._recordable import recorder as recorder
from ._recordable import settings_of as settings_of
from ._recorded import Record as Record
from ._recorded import RecordedPass as RecordedPass
