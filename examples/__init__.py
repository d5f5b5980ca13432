"""Complete pipelines on real data, run with ``python -m examples.<name>``."""
