"""Which flights out of New York in 2013 arrived late? About a hundred cached calls on a cluster of processes.

Run it with ``python -m examples.flights``. The stages are ordinary functions, in the order of the pipeline:

- `examples.flights.data` reads the tables,
- `examples.flights.cleaning` mends and joins them,
- `examples.flights.features` makes what a model may know before a flight departs,
- `examples.flights.models` fits and scores,
- `examples.flights.scores` makes the one table at the end,

and `examples.flights.pipeline` calls them. `examples.flights.job` computes the pipeline and counts what ran.
"""
