"""How statements that are written with SQLAlchemy become texts in the SQL of a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa  # noqa: TC002  imports stand where a reader looks for them

from provenance.repos.sql.dialect import Dialect


class Compiled(NamedTuple):
    """SQL text, the names of its parameters in their order, and the values that they have already."""

    text: str
    names: tuple[str, ...]
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Writes the SQL of one database.

    Attributes
    ----------
    dialect : Dialect
        What the statements are given, and where the tables lie.
    writer : sqlalchemy.Dialect
        Writes SQL text with positional parameters.
    insert : callable
        An ``INSERT`` into a table that knows ``ON CONFLICT``.
    batch : callable
        A subquery of the texts in the parameter of that name, which `Dialect.batch_parameter` makes of them.
    now : ColumnElement
        The database's clock.
    ago : callable
        That clock minus the seconds in the parameter of that name, which `Dialect.seconds_parameter` makes; negative
        ones are yet to come.
    json_rows : callable
        A scalar: the rows of a subquery's columns as a JSON array of arrays, in any order.
    json_index : callable, optional
        An index of what is in the JSON column of that name, behind ``CREATE INDEX … ON …``; where there is any.
    bytewise : callable
        A text as one that is compared by its bytes.
    """

    dialect: Dialect
    writer: sa.Dialect
    insert: Callable[[sa.Table], Any]
    batch: Callable[[str], sa.Select[Any]]
    now: sa.ColumnElement[Any]
    ago: Callable[[str], sa.ColumnElement[Any]]
    json_rows: Callable[..., sa.ColumnElement[Any]]
    json_index: Callable[[str], str] | None = None
    bytewise: Callable[[sa.ColumnElement[str]], sa.ColumnElement[str]] = lambda text: text

    def sql(self, statement: sa.ClauseElement, *names: str) -> str:
        """SQL text of a statement, whose parameters are these in this order."""
        text, order, _ = self.compiled(statement)
        assert order == names, f"parameters of {text} are {order}, not {names}"  # noqa: S101  statements are fixed
        return text

    def compiled(self, statement: sa.ClauseElement) -> Compiled:
        """A statement as what the driver takes."""
        compiled: Any = statement.compile(dialect=self.writer, **self._schema_options())
        return Compiled(str(compiled), tuple(getattr(compiled, "positiontup", None) or ()), compiled.params)

    def ddl(self, statement: sa.schema.ExecutableDDLElement) -> str:
        """SQL text of a statement that makes or changes a table."""
        return str(statement.compile(dialect=self.writer, **self._schema_options()))

    def _schema_options(self) -> dict[str, Any]:
        if self.dialect.schema is None:
            return {}
        return {"schema_translate_map": {None: self.dialect.schema}, "render_schema_translate": True}
