"""Connecting to a server that may be down, without waiting for it at every call."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import psycopg

from provenance.repos.sql.postgres_errors import is_outage
from provenance.repos.sql.postgres_server import Connection

_SLOW_SECONDS = 0.25
_PAUSE_FACTOR = 10.0
_LONGEST_PAUSE = 30.0


class Circuit:
    """Makes connections, and remembers when that could not be done.

    After an attempt that failed slowly none is made for ten times as long, so that waiting for a server that does not
    answer takes a tenth of the time at most. Attempts that are refused at once cost nothing, and are always made.

    Parameters
    ----------
    connect : callable
        Makes a connection.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._failure: psycopg.Error | None = None
        self._closed_until = 0.0
        self.is_down = False
        """Whether callers found the server down for longer than they try to reach it again."""

    def connect(self) -> Connection:
        """Make a connection, or fail as the last attempt did if that was slow and a moment ago."""
        failure, started = self._failure, monotonic()
        if failure is not None and started < self._closed_until:
            raise type(failure)(*failure.args)
        try:
            connection = self._connect()
        except psycopg.Error as exc:
            if is_outage(exc):
                now = monotonic()
                if now - started > _SLOW_SECONDS:
                    self._closed_until = now + min(_PAUSE_FACTOR * (now - started), _LONGEST_PAUSE)
                self._failure = exc.with_traceback(None)
            raise
        self._failure = None
        self.is_down = False
        return connection
