"""The leases that this process holds are kept alive by one thread, as long as there are any."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from time import monotonic
from typing import NamedTuple

from provenance.errors import StorageError
from provenance.repos.forking import reset_at_fork
from provenance.types import Lease, Leases

logger = logging.getLogger("provenance")

_BEATS = 3
"""How often a lease is renewed while it lasts, so that once it may fail."""


class _Held(NamedTuple):
    leases: Leases
    seconds: float


class Heartbeat:
    """Renews all leases of a repo at once, every third of the time that they last.

    The thread is started for the first lease. It ends when it wakes and none is held, so that calls which compute for
    less than that cost no thread each.
    """

    def __init__(self) -> None:
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Hold nothing: what the parent holds is kept alive by the parent."""
        self._held: dict[Lease, _Held] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._next_beat: float | None = None

    def keep(self, lease: Lease, leases: Leases, seconds: float) -> None:
        """Keep a lease alive from now on."""
        beat = monotonic() + seconds / _BEATS
        with self._lock:
            self._held[lease] = _Held(leases, seconds)
            if self._next_beat is None:
                self._next_beat = beat
                self._start()
            elif beat < self._next_beat:
                self._next_beat = beat
                self._changed.notify()

    def drop(self, lease: Lease) -> None:
        """Keep a lease alive no longer."""
        with self._lock:
            self._held.pop(lease, None)

    def _start(self) -> None:
        try:
            threading.Thread(target=self._run, name="provenance-leases", daemon=True).start()
        except RuntimeError:  # the interpreter is about to end
            self._next_beat = None

    def _run(self) -> None:
        while held := self._wait():
            groups: defaultdict[_Held, list[Lease]] = defaultdict(list)
            for lease, kept in held.items():
                groups[kept].append(lease)
            for kept, leases in groups.items():
                self._renew(kept, leases)

    def _wait(self) -> dict[Lease, _Held]:
        """What is held when the time has come; nothing, once, when the thread is to end."""
        with self._changed:
            while self._next_beat is not None and (pause := self._next_beat - monotonic()) > 0:
                self._changed.wait(pause)
            shortest = min((kept.seconds for kept in self._held.values()), default=None)
            self._next_beat = None if shortest is None else monotonic() + shortest / _BEATS
            return dict(self._held)

    def _renew(self, kept: _Held, leases: list[Lease]) -> None:
        try:
            held = kept.leases.renew(leases, kept.seconds)
        except StorageError as error:  # the next beat may come in time
            logger.info("%d leases were not renewed: %s", len(leases), error)
            return
        for lost in set(leases) - held:
            self.drop(lost)


heartbeat = Heartbeat()
"""The one of this process."""
