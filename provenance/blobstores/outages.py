"""What a process remembers of the members of a chain that were out of reach."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal, TypeAlias

from provenance.errors import (
    BlobCorruptError,
    CollisionError,
    DuplicateKeyError,
    PermissionDeniedError,
    SchemaVersionError,
    StorageError,
    TierUnavailableError,
)

Action: TypeAlias = Literal["look up", "read", "write", "copy", "delete"]
"""What a member is asked to do. A disk that is full can still be read, so each is remembered by itself."""
Place: TypeAlias = tuple[int, Action]

_ANSWERS = (
    BlobCorruptError,
    CollisionError,
    DuplicateKeyError,
    PermissionDeniedError,
    SchemaVersionError,
    TierUnavailableError,  # of a chain inside of this one, which knows its own members
)


def is_outage(error: StorageError) -> bool:
    """Whether an error says that a member is out of reach, and not just something about one key or permission."""
    return not isinstance(error, _ANSWERS)


@dataclass(frozen=True, slots=True)
class _Outage:
    cause: StorageError
    until: float
    process: int
    trial: list[None] = field(default_factory=lambda: [None])
    """Popped by the one thread that asks again."""


class Outages:
    """Which members of a chain are left out for now.

    There are no locks: operations on dicts and lists are atomic, and a forked child knows nothing of what its parent
    remembered.
    """

    def __init__(self, chain: str, logger: logging.Logger, retry_seconds: float) -> None:
        self._chain = chain
        self._logger = logger
        self._retry_seconds = retry_seconds
        self._known: dict[Place, _Outage] = {}

    def left_out(self, place: Place) -> StorageError | None:
        """Why a member is not to be asked now; None if it is to be.

        When the time is over, one caller asks, while the others go on without the member.
        """
        outage = self._known.get(place)
        if outage is None or outage.process != os.getpid():
            return None
        if monotonic() < outage.until:
            return outage.cause
        try:
            outage.trial.pop()
        except IndexError:
            return outage.cause
        self._known[place] = replace(outage, until=self._next_trial(), trial=[None])
        return None

    def cause(self, place: Place) -> StorageError | None:
        """Why a member did not answer when this process last asked it; None if it did."""
        outage = self._known.get(place)
        return None if outage is None or outage.process != os.getpid() else outage.cause

    def _next_trial(self) -> float:
        return monotonic() + self._retry_seconds

    def began(self, place: Place, member: str, cause: StorageError) -> None:
        """Remember that a member is out of reach, and say so unless it was said."""
        is_news = not self._is_known(place[0])
        outage = _Outage(cause, self._next_trial(), os.getpid())
        before = self._known.setdefault(place, outage)
        if before is not outage:
            is_news = before.process != outage.process
            self._known[place] = outage
        if is_news:
            self._logger.warning("%s: %r is out of reach and is left out: %s", self._chain, member, cause)

    def _is_known(self, position: int) -> bool:
        """Whether the member is known to be out of reach for some other action at this moment."""
        now, process = monotonic(), os.getpid()
        outages = list(self._known.items())
        return any(at == position and now < known.until and known.process == process for (at, _), known in outages)

    def ended(self, place: Place, member: str) -> None:
        """Remember that a member has answered."""
        if self._known and self._known.pop(place, None) is not None:
            self._logger.info("%s: %r is in reach again", self._chain, member)
