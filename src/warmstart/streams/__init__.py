"""How data arrive."""

from ._active import Active as Active
from ._given import Given as Given
from ._growing import Growing as Growing
from ._order import PoolOrder as PoolOrder
from ._ordered import OrderedStream as OrderedStream
from ._part import Part as Part
from ._stream import PassiveStream as PassiveStream
from ._stream import Stream as Stream
from ._stream import check_arrival as check_arrival
from ._time_ordered import TimeOrdered as TimeOrdered
from ._two_phase import TwoPhase as TwoPhase
