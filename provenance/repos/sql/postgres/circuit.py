"""Connecting to a server that may be down, without waiting for it at every call."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import psycopg

from provenance._util.patience import Patience
from provenance.repos.sql.postgres.errors import is_outage
from provenance.repos.sql.postgres.server import Connection


class Circuit:
    """Makes connections, and remembers when that could not be done.

    A server that does not answer is left alone for a while; see `provenance._util.patience.Patience`.

    Parameters
    ----------
    connect : callable
        Makes a connection.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._failure: psycopg.Error | None = None
        self._patience = Patience()
        self.is_down = False
        """Whether callers found the server down for longer than they try to reach it again."""

    def connect(self) -> Connection:
        """Make a connection, or fail as the last attempt did if that was slow and a moment ago."""
        if self._failure is not None and self._patience.is_over:
            raise type(self._failure)(*self._failure.args)
        started = monotonic()
        try:
            connection = self._connect()
        except psycopg.Error as exc:
            if is_outage(exc):
                self._patience.failed(monotonic() - started)
                self._failure = exc.with_traceback(None)
            raise
        self._failure = None
        self.is_down = False
        return connection
