"""Where databases differ: how statements are compiled, and what they are given and give back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa  # noqa: TC002  imports stand where a reader looks for them

from provenance.types import JSON


class Compiled(NamedTuple):
    """SQL text, the names of its parameters in their order, and the values that they have already."""

    text: str
    names: tuple[str, ...]
    values: Mapping[str, object]


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
    json_index : callable, optional
        An index of what is in the JSON column of that name, behind ``CREATE INDEX … ON …``; where there is any.
    bytewise : callable
        A text as one that is compared by its bytes.
    knows_frequencies : bool
        Whether the planner can tell a value that is in many rows from one that is in few.
    schema : str, optional
        Where the tables lie, in databases that have schemas. All statements name it.
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
    json_index: Callable[[str], str] | None = None
    bytewise: Callable[[sa.ColumnElement[str]], sa.ColumnElement[str]] = lambda text: text
    knows_frequencies: bool = True
    schema: str | None = None

    def sql(self, statement: sa.ClauseElement, *names: str) -> str:
        """SQL text of a statement, whose parameters are these in this order."""
        text, order, _ = self.compiled(statement)
        assert order == names, f"parameters of {text} are {order}, not {names}"  # noqa: S101  statements are fixed
        return text

    def compiled(self, statement: sa.ClauseElement) -> Compiled:
        """A statement as what the driver takes."""
        compiled: Any = statement.compile(dialect=self.compiler, **self._schema_options())
        return Compiled(str(compiled), tuple(getattr(compiled, "positiontup", None) or ()), compiled.params)

    def ddl(self, statement: sa.schema.ExecutableDDLElement) -> str:
        """SQL text of a statement that makes or changes a table."""
        return str(statement.compile(dialect=self.compiler, **self._schema_options()))

    def _schema_options(self) -> dict[str, Any]:
        if self.schema is None:
            return {}
        return {"schema_translate_map": {None: self.schema}, "render_schema_translate": True}

    def table(self, name: str) -> str:
        """A table's name as it is written in statements."""
        if self.schema is None:
            return name
        return f"{self.compiler.identifier_preparer.quote_schema(self.schema)}.{name}"
