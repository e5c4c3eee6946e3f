"""The charts of a report, each a function from a summary to an altair chart."""

from ._accuracy import accuracy_chart as accuracy_chart
from ._accuracy import difference_chart as difference_chart
from ._all import captions as captions
from ._all import chart_specs as chart_specs
from ._all import charts_of as charts_of
from ._cost import cost_chart as cost_chart
from ._stop_reasons import stop_reasons_chart as stop_reasons_chart
from ._style import theme as theme
from ._tradeoff import tradeoff_chart as tradeoff_chart
