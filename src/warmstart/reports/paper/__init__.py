"""The page of the paper's experiments, built from their chapters alone."""

from ._files import write_paper_report as write_paper_report
