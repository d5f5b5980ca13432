"""Mend the tables and join them: one row for each flight that arrived."""

from __future__ import annotations

import numpy as np
import pandas as pd

from provenance_dask import provenance

LATE_AFTER_MINUTES = 15
YEAR = 2013
STRONGEST_WIND = 150.0
"""Miles per hour. The data holds one reading of 1,048 mph, which is no weather."""

WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]


@provenance(version=1, tags=["clean"])
def clean_flights(flights: pd.DataFrame, late_after: int = LATE_AFTER_MINUTES) -> pd.DataFrame:
    """The flights that arrived, with what was known of them beforehand and whether they were late.

    Cancelled and diverted flights have no arrival delay and are dropped. `late_after` is in minutes.
    """
    arrived = flights[flights["arr_delay"].notna()]
    hour = pd.to_datetime(arrived["time_hour"], utc=True)
    return pd.DataFrame(
        {
            "time_hour": hour,
            "month": arrived["month"],
            "weekday": pd.to_datetime(arrived[["year", "month", "day"]]).dt.day_of_week,
            "departure_minute": arrived["hour"] * 60 + arrived["minute"],
            "hour": arrived["hour"],
            "carrier": arrived["carrier"].astype("category"),
            "origin": arrived["origin"].astype("category"),
            "dest": arrived["dest"].astype("category"),
            "tailnum": arrived["tailnum"],
            "distance": arrived["distance"],
            "late": arrived["arr_delay"] > late_after,
        }
    ).reset_index(drop=True)


@provenance(version=1, tags=["clean"])
def clean_weather(weather: pd.DataFrame) -> pd.DataFrame:
    """The weather by airport and hour, impossible winds removed; no gust means no wind beyond the steady one."""
    wind = weather["wind_speed"].where(weather["wind_speed"] <= STRONGEST_WIND)
    direction = np.deg2rad(weather["wind_dir"])
    hourly = weather[["origin", *WEATHER]].assign(
        time_hour=pd.to_datetime(weather["time_hour"], utc=True),
        wind_speed=wind,
        wind_gust=weather["wind_gust"].fillna(wind),
        wind_north=wind * np.cos(direction),
        wind_east=wind * np.sin(direction),
    )
    return hourly.drop_duplicates(["origin", "time_hour"]).reset_index(drop=True)


@provenance(version=1, tags=["clean"])
def clean_planes(planes: pd.DataFrame) -> pd.DataFrame:
    """Age in years and number of seats by tail number; an unknown year of manufacture stays unknown."""
    known = planes.drop_duplicates("tailnum")
    return pd.DataFrame(
        {"tailnum": known["tailnum"], "plane_age": YEAR - known["year"], "seats": known["seats"].astype("float64")}
    ).reset_index(drop=True)


@provenance(version=1, tags=["join"])
def join_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Every flight with the weather at its airport in the hour of its departure, unknown where none was recorded."""
    origins = flights["origin"]
    known = weather[weather["origin"].isin(origins.cat.categories)]
    at_origin = known.assign(origin=known["origin"].astype(origins.dtype))
    return flights.merge(at_origin, on=["origin", "time_hour"], how="left", validate="many_to_one")


@provenance(version=1, tags=["join"])
def join_planes(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Every flight with the age and seats of its plane, unknown where the plane is not listed."""
    return flights.merge(planes, on="tailnum", how="left", validate="many_to_one").drop(columns="tailnum")
