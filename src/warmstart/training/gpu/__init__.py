"""Ways to fill a GPU: lanes, which interleave several trials in one process, and steps recorded as CUDA graphs.

The engine imports this package; its modules therefore import the engine's parts one by one, never the engine.
"""

from ._lanes import Lane as Lane
from ._lanes import Pause as Pause
from ._lanes import Work as Work
from ._lanes import interleave as interleave
from ._lanes import run_alone as run_alone
from ._lanes import run_lanes as run_lanes
from ._recordable import recorder as recorder
from ._recorded import RecordedPass as RecordedPass
