"""Equal calls take turns: one of them computes, and the others wait for what it stores.

In a process the others wait for the one without asking the database. Processes ask for the lease in the repo; who does
not get it asks again after ever longer pauses, which also tells when the artifact is stored.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from provenance._util.deferred import Deferred
from provenance.engine.call import Call, is_usable
from provenance.engine.heartbeat import heartbeat
from provenance.engine.waiting import lend_thread
from provenance.errors import RepoUnreachableError, StorageError
from provenance.repos.forking import reset_at_fork
from provenance.types import ArtifactId, ArtifactRecord, Claim, Lease, Leases, Repo

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = Deferred("asyncio")  # only coroutines need it

logger = logging.getLogger("provenance")

Key: TypeAlias = tuple[Repo, ArtifactId]
Waiter: TypeAlias = "Future[ArtifactRecord | None]"
Pause: TypeAlias = "Waiter | float"
"""What to wait for: another call of this process, or so many seconds."""
T = TypeVar("T")
Steps: TypeAlias = Generator[Pause, None, T]
"""What ends with a result after some pauses; for `wait` and `wait_async`."""

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.01, 0.5, 1.5

_computing: ContextVar[frozenset[Key]] = ContextVar("provenance_computing", default=frozenset())
"""The turns around the running code: a function that calls itself with equal arguments must not wait for itself."""


class Outcome:
    """What comes of a turn: the record, or None if nothing is recorded.

    Most turns end before anybody waits for them, so what can be waited for is made for who does.
    """

    __slots__ = ("_is_known", "_record", "_waiter")

    def __init__(self) -> None:
        self._is_known = False
        self._record: ArtifactRecord | None = None
        self._waiter: Waiter | None = None

    def waiter(self) -> Waiter:
        """What to wait for."""
        with _flights.lock:
            if self._waiter is None:
                self._waiter = Future()
                if self._is_known:
                    self._waiter.set_result(self._record)
            return self._waiter

    def become(self, record: ArtifactRecord | None) -> None:
        """Let those who wait go on."""
        with _flights.lock:
            self._is_known, self._record = True, record
            waiter = self._waiter
        if waiter is not None:
            waiter.set_result(record)


class _Flights:
    """The outcomes of the turns that calls of this process have, or wait for in the repo."""

    def __init__(self) -> None:
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Wait for no call of the parent as if it were one of this process."""
        self.outcomes: dict[Key, Outcome] = {}
        self.lock = threading.Lock()
        self._place = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
        self._serial = count(1)

    def holder(self) -> str:
        """A name for one turn, that no other one has in any process."""
        return f"{self._place}:{next(self._serial)}"


_flights = _Flights()


class Turn:
    """The right to compute a call inside of a ``with`` block, while equal calls wait until it ends.

    Attributes
    ----------
    lease : Lease or None
        The lease that what is computed is stored under; None where equal calls do not wait for each other.
    """

    __slots__ = ("_call", "_key", "_leases", "_outcome", "_record", "_token", "lease")

    def __init__(
        self, call: Call, leases: Leases | None = None, outcome: Outcome | None = None, lease: Lease | None = None
    ) -> None:
        self._call = call
        self._key = _key(call)
        self._leases = leases
        self._outcome = outcome
        self._record: ArtifactRecord | None = None
        self.lease = lease

    def __enter__(self) -> Self:
        if self._outcome is not None:
            self._token = _computing.set(_computing.get() | {self._key})
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._outcome is not None:
            _computing.reset(self._token)
            self.end()

    def end(self) -> None:
        """Give the lease back unless something was stored under it, and let the calls of this process go on."""
        # In a child that was forked meanwhile, this is the parent's turn.
        if self._outcome is not None and _flights.outcomes.get(self._key) is self._outcome:
            self._give_back()
            _end(self._key, self._outcome, self._record)

    def recorded(self, record: ArtifactRecord) -> None:
        """Note what is stored, which has ended the lease, or waits in the repo's journal."""
        self._record = record
        if not record.journaled:
            self._drop()

    def _drop(self) -> Lease | None:
        lease, self.lease = self.lease, None
        if lease is not None:
            heartbeat.drop(lease)
        return lease

    def _give_back(self) -> None:
        """Let another caller compute at once what this one has not stored."""
        lease = self._drop()
        if lease is None or self._leases is None:
            return
        try:
            self._leases.release(lease)
        except StorageError as error:
            logger.info("lease %d of artifact %s was not given back: %s", lease.fence, lease.artifact_id, error)

    def lost(self) -> Steps[ArtifactRecord | None]:
        """Wait for who took the lease over: the record of what it stored; if there is none, a new lease is here."""
        self._drop()
        if self._leases is None:
            return None
        claim = yield from _claims(self._call, self._leases)
        self._record, self.lease = claim.record, claim.lease
        return claim.record


def take_turn(call: Call) -> Steps[ArtifactRecord | Turn]:
    """Wait until a call may compute, or an equal one has computed what it would.

    Where there are no leases, or they are out of reach, every call may compute at once.
    """
    leases = _leases_for(call)
    if leases is None:
        return Turn(call)
    own, key = Outcome(), _key(call)
    while (running := _flights.outcomes.setdefault(key, own)) is not own:
        waiter = running.waiter()
        yield waiter
        record = waiter.result()
        if record is not None:
            return record
    try:
        claim = yield from _claims(call, leases)
    except BaseException:
        _end(key, own, None)
        raise
    if claim.lease is not None:
        return Turn(call, leases, own, claim.lease)
    _end(key, own, claim.record)
    return Turn(call) if claim.record is None else claim.record


def _leases_for(call: Call) -> Leases | None:
    if call.lease_seconds is None or not call.use_cache or call.read_only or _key(call) in _computing.get():
        return None
    try:
        return call.repo.leases
    except RepoUnreachableError:
        return None


def _claims(call: Call, leases: Leases) -> Steps[Claim]:
    """Ask for the lease until it is given or the artifact is stored; neither, if that cannot be asked."""
    holder, seconds = _flights.holder(), call.lease_seconds or 0.0
    try:
        for pause in _pauses():
            claim = leases.acquire(call.id, holder, seconds)
            if claim.record is not None:
                return claim if is_usable(call, claim.record) else Claim()
            if claim.lease is not None:
                heartbeat.keep(claim.lease, leases, seconds)
                return claim
            yield pause
    except StorageError as error:
        logger.info("%s is computed without a lease: %s", call.spec.label, error)
    return Claim()


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _key(call: Call) -> Key:
    return call.repo, call.id


def _end(key: Key, outcome: Outcome, record: ArtifactRecord | None) -> None:
    if _flights.outcomes.get(key) is outcome:
        del _flights.outcomes[key]
        outcome.become(record)


def wait(steps: Steps[T]) -> T:
    """Go through steps, and block this thread in between."""
    try:
        pause = next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what a generator returns is not typed
    go_on = lend_thread()
    result: T | None = None
    try:
        result = _blocked(steps, pause)
        return result
    finally:
        try:
            go_on(isinstance(result, Turn))
        except BaseException:
            if isinstance(result, Turn):
                result.end()
            raise


def _blocked(steps: Steps[T], pause: Pause) -> T:
    try:
        while True:
            if isinstance(pause, Future):
                pause.result()
            else:
                time.sleep(pause)
            pause = next(steps)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()


async def wait_async(steps: Steps[T]) -> T:
    """Go through steps, and let other coroutines run in between."""
    try:
        while True:
            pause = next(steps)
            if isinstance(pause, Future):
                await asyncio.shield(asyncio.wrap_future(pause))
            else:
                await asyncio.sleep(pause)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()
