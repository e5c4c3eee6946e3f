from ._files import ReportFiles as ReportFiles
from ._files import summary_text as summary_text
from ._files import write_report as write_report
from ._terminal import result_table as result_table
from .paper import PaperFiles as PaperFiles
from .paper import write_paper_report as write_paper_report
