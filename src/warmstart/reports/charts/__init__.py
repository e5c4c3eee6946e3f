"""The charts of a report, each a function from a summary to an altair chart."""

from ._all import charts_of as charts_of
from ._lines import cost_chart as cost_chart
from ._lines import difference_chart as difference_chart
from ._lines import next_score_chart as next_score_chart
from ._lines import score_chart as score_chart
from ._stop_reasons import stop_reasons_chart as stop_reasons_chart
from ._style import capitalized as capitalized
from ._style import rounded as rounded
from ._style import theme as theme
from ._tradeoff import tradeoff_chart as tradeoff_chart
