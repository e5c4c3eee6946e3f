"""Reports of a study, built from its summary alone: a table for the terminal, a page, charts, Markdown and JSON."""

from ._files import ReportFiles as ReportFiles
from ._files import summary_text as summary_text
from ._files import write_report as write_report
from ._terminal import result_table as result_table
