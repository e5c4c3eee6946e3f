from ._execution import Execution as Execution
from ._runner import Handle as Handle
from ._runner import Runner as Runner
from ._workers import Workers as Workers
