"""Connections that are used again."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable

import psycopg
from psycopg.pq import TransactionStatus

from provenance.repos.sql.postgres.server import Connection

MOST_CONNECTIONS = 10
"""How many connections a process has to a database at once; further threads wait for one."""


class ConnectionPool:
    """Connections of one process to one database, the one used last first.

    Parameters
    ----------
    connect : callable
        Makes a connection.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._idle: deque[Connection] = deque()
        self._free = threading.Semaphore(MOST_CONNECTIONS)
        self._is_closed = False
        weakref.finalize(self, _close_all, self._idle, os.getpid())

    def take(self) -> Connection:
        """A connection that no other thread has; it may have been lost since it was given back."""
        self._free.acquire()
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._connect()
        except BaseException:
            self._free.release()
            raise

    def give(self, connection: Connection) -> None:
        """Give a connection back, whatever happened to it."""
        try:
            if _is_idle(connection) and not self._is_closed:
                self._idle.append(connection)
            else:
                connection.close()
        finally:
            self._free.release()

    def close_idle(self) -> None:
        """Close the connections that no thread has."""
        _close_all(self._idle, os.getpid())

    def close(self) -> None:
        """Close every connection: those that are in use, when they are given back."""
        self._is_closed = True
        self.close_idle()


def _is_idle(connection: Connection) -> bool:
    status = connection.pgconn.transaction_status
    if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            return False
        status = connection.pgconn.transaction_status
    return status == TransactionStatus.IDLE


def _close_all(connections: deque[Connection], pid: int) -> None:
    # A forked child must not close what its parent uses.
    while connections and os.getpid() == pid:
        try:
            connections.pop().close()
        except IndexError:  # another thread took the last one
            return
