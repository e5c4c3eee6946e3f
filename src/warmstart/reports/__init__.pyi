from ._files import ReportFiles as ReportFiles
from ._files import summary_text as summary_text
from ._files import write_report as write_report
from ._study import result_table as result_table
from ._study import study_document as study_document
from ._terminal import for_terminal as for_terminal
from .paper import write_paper_report as write_paper_report
