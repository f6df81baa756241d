"""What a process shows of itself at `/metrics`: names, units and labels, made of the numbers that its parts keep.

Not here: the counting (`infra.counts`, and a ``counts.py`` beside what counts), alerts and dashboards (`deploy/`).
"""
