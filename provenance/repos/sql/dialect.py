"""Where databases differ: how statements are compiled, and what they are given and give back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa  # noqa: TC002  imports stand where a reader looks for them

from provenance.types import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One database's ways.

    Attributes
    ----------
    name : str
        SQLAlchemy's name of it.
    compiler : sqlalchemy.Dialect
        Writes SQL text with positional parameters.
    insert : callable
        An ``INSERT`` into a table that knows ``ON CONFLICT``.
    batch : callable
        A subquery of the texts in the parameter of that name, which `batch_parameter` makes of them.
    now : ColumnElement
        The database's clock.
    ago : callable
        That clock minus the seconds in the parameter of that name, which `seconds_parameter` makes.
    json_rows : callable
        A scalar: the rows of a subquery's columns as a JSON array of arrays, in any order.
    json_parameter, json_value : callable
        JSON text as a parameter, and what is read as a JSON value.
    time_parameter, time_value : callable
        A time in UTC as a parameter, and what is read as a time.
    """

    name: str
    compiler: sa.Dialect
    insert: Callable[[sa.Table], Any]
    batch: Callable[[str], sa.Select[Any]]
    batch_parameter: Callable[[Collection[str]], object]
    now: sa.ColumnElement[Any]
    ago: Callable[[str], sa.ColumnElement[Any]]
    seconds_parameter: Callable[[float], object]
    json_rows: Callable[..., sa.ColumnElement[Any]]
    json_parameter: Callable[[str], object]
    json_value: Callable[[Any], JSON]
    time_parameter: Callable[[datetime], object]
    time_value: Callable[[Any], datetime]

    def sql(self, statement: sa.ClauseElement, *names: str) -> str:
        """SQL text of a statement, whose parameters are these in this order."""
        compiled = statement.compile(dialect=self.compiler)
        order = tuple(getattr(compiled, "positiontup", None) or ())
        assert order == names, f"parameters of {compiled} are {order}, not {names}"  # noqa: S101  statements are fixed
        return str(compiled)
