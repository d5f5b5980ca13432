"""Where databases differ: what statements are given, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple

from provenance.types import JSON


class Dialect(NamedTuple):
    """One database's ways.

    Attributes
    ----------
    name : str
        SQLAlchemy's name of it.
    batch_parameter : callable
        Texts as one parameter.
    seconds_parameter : callable
        A number of seconds as a parameter.
    json_parameter, json_value : callable
        JSON text as a parameter, and what is read as a JSON value.
    time_parameter, time_value : callable
        A time in UTC as a parameter, and what is read as a time.
    knows_frequencies : bool
        Whether the planner can tell a value that is in many rows from one that is in few.
    schema : str, optional
        Where the tables lie, in databases that have schemas. All statements name it.
    """

    name: str
    batch_parameter: Callable[[Collection[str]], object]
    seconds_parameter: Callable[[float], object]
    json_parameter: Callable[[str], object]
    json_value: Callable[[Any], JSON]
    time_parameter: Callable[[datetime], object]
    time_value: Callable[[Any], datetime]
    knows_frequencies: bool = True
    schema: str | None = None

    def table(self, name: str) -> str:
        """A table's name as it is written in statements."""
        return name if self.schema is None else f"{quoted(self.schema)}.{name}"


def quoted(name: str) -> str:
    """A name as it is written in statements."""
    return '"' + name.replace('"', '""') + '"'
