"""What an experiment is declared with: studies, judges of claims, published numbers, tables and charts.

Experiments import these modules alone; nothing here knows which experiments there are, or how they are run.
"""
