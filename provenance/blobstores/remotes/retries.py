"""Trying again what failed for the moment only."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from provenance.blobstores.remotes.base import LostUploadError, MissingPlaceError, TakenError
from provenance.blobstores.remotes.failures import is_transient

T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def retried(operation: Callable[[], T]) -> T:
    """Do something until it succeeds, fails for good, or has failed `ATTEMPTS` times.

    The pause before each attempt is up to twice as long as the one before, and random: callers that were turned away
    together do not come back together.
    """
    for attempt in count(1):
        try:
            return operation()
        except (TakenError, MissingPlaceError, LostUploadError):
            raise
        except Exception as exc:  # each filesystem raises what its own client library raises
            if attempt >= ATTEMPTS or not is_transient(exc):
                raise
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311  nothing is kept secret by it
    raise AssertionError  # pragma: no cover  there is no end to counting
