"""How data arrive."""

from ._growing import Growing as Growing
from ._stream import Stream as Stream
from ._two_phase import TwoPhase as TwoPhase
