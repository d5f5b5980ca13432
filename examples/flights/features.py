"""What a model may know before a flight departs, month by month."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from provenance_dask import provenance

NAMES = ["carrier", "origin", "dest"]
RATED_BY = ["carrier", "dest", "hour"]
NUMBERS = [
    "weekday",
    "departure_minute",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "wind_gust",
    "wind_north",
    "wind_east",
    "precip",
    "pressure",
    "visib",
    "plane_age",
    "seats",
    "departures_that_hour",
    *(f"late_by_{column}" for column in RATED_BY),
]
TARGET = "late"
PRIOR_FLIGHTS = 50
"""How many flights of average lateness are added to each group, so that a rare one is not rated by chance."""


@provenance(version=1, tags=["split"])
def flights_of_month(flights: pd.DataFrame, month: int) -> pd.DataFrame:
    """The flights of one month (1 to 12)."""
    return flights[flights["month"] == month].reset_index(drop=True)


@provenance(version=1, tags=["features"])
def late_rates(flights: pd.DataFrame, prior_flights: int = PRIOR_FLIGHTS) -> dict[str, pd.Series]:
    """The share of late flights by carrier, destination and hour; each a Series indexed by the group."""
    overall = flights["late"].mean()
    rates = {}
    for column in RATED_BY:
        groups = flights.groupby(column, observed=True)["late"].agg(["sum", "count"])
        rates[column] = (groups["sum"] + prior_flights * overall) / (groups["count"] + prior_flights)
    return rates


@provenance(version=1, tags=["features"])
def month_features(flights: pd.DataFrame, earlier_rates: dict[str, pd.Series] | None) -> pd.DataFrame:
    """The columns `NAMES` and `NUMBERS`, and the target, of each flight of a month.

    `earlier_rates` are the `late_rates` of the month before: what could be known in time. The first month has
    none, and its rates are unknown.
    """
    departures = flights.groupby(["origin", "time_hour"], observed=True)["late"].transform("size")
    features = flights.assign(departures_that_hour=departures)
    for column in RATED_BY:
        features[f"late_by_{column}"] = _rated(flights[column], earlier_rates)
    return features[[*NAMES, TARGET, *NUMBERS]].astype(dict.fromkeys(NUMBERS, "float32"))


def _rated(groups: pd.Series, rates: dict[str, pd.Series] | None) -> pd.Series:
    if rates is None:
        return pd.Series(float("nan"), index=groups.index)
    return groups.map(rates[str(groups.name)]).astype("float64")


@provenance(version=1, tags=["features"])
def stack_months(months: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The features of several months under each other."""
    return pd.concat(months, ignore_index=True)
