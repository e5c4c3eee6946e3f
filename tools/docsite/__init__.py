"""The documentation site: the pages of ``docs/``, and pages made from the code and the result files."""
