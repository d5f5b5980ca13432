"""What rows need of a database: statements run by the driver, and transactions for what writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from provenance.repos.sql.dialect import Dialect

Row = Sequence[Any]
Parameters = Sequence[object]
P = ParamSpec("P")
R = TypeVar("R")


class Cursor(Protocol):
    """A result of the driver."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""


class Transaction(Protocol):
    """A connection inside a transaction that writes."""

    def execute(self, sql: str, parameters: Parameters = (), /) -> Cursor:
        """Run a statement."""

    def execute_each(self, sql: str, parameters: Sequence[Parameters], /) -> list[Row | None]:
        """Run a statement once for each of several parameters; the first row that each gave, if it gave one."""

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> object:
        """Run a statement once for each of several parameters."""


class Database(Protocol):
    """An open database that threads share, and that a forked child opens anew."""

    @property
    def dialect(self) -> Dialect:
        """How statements are written for it."""

    @property
    def place(self) -> str:
        """What the database is called in messages: a path, or a URL without its password."""

    def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row, outside of any transaction."""

    def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows, outside of any transaction."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction beside which no other one writes; undone if the block raises, else committed at its end.

        Raises
        ------
        RepoUnavailableError
            The database cannot be reached or written.
        """

    def adding(self) -> AbstractContextManager[Transaction]:
        """A transaction as `writing`, beside which others may add as well.

        They add rows, and change blobs and recipes, in the order of the tables and there in the order of the keys,
        so that none ever waits for one that waits for it.
        """

    def adding_many(self) -> AbstractContextManager[Transaction]:
        """A transaction as `adding` that adds several artifacts, in any order: one beside which no other such one is.

        Who adds one artifact only never waits for who waits for it, whatever the order of the others is.
        """

    def at_once(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """Run statements as one short transaction, in one round trip; the rows that each gave.

        They may be run twice, if the connection is lost before it is known whether they were.
        """

    def until_rows(self, statements: Sequence[tuple[str, Parameters]]) -> list[list[Row]]:
        """As `at_once`, but what follows a statement that gave rows is not run where that costs less than to run it."""

    def repeated(self, act: Callable[[], R]) -> R:
        """Do what may be done twice, and do it again if the connection is lost before it is known to be done."""

    def table_names(self) -> set[str]:
        """Names of the tables that are there."""

    def upgrade(self) -> None:
        """Bring older tables to the present version."""

    def close(self) -> None:
        """Close every connection; they are opened again when needed."""


class _HasDatabase(Protocol):
    _database: Database


S = TypeVar("S", bound=_HasDatabase)


def repeatable(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have a method that may be carried out twice carried out again when its connection was lost.

    Whether a transaction was committed is not known if the connection is lost while that is asked for.
    """

    @wraps(method)
    def repeated(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._database.repeated(partial(method, self, *args, **kwargs))

    return repeated
