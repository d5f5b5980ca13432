"""Not waiting, again and again, for what does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

_SLOW_SECONDS = 0.25
_FACTOR = 10.0
_LONGEST = 30.0


class Patience:
    """Tells when to leave something alone that failed slowly: for ten times as long as it took, half a minute at most.

    So waiting for it takes a tenth of the time. What fails at once costs nothing, and may be tried again at once.
    """

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        """Whether it is to be left alone now."""
        return monotonic() < self._until

    @contextmanager
    def trying(self, *failures: type[BaseException]) -> Iterator[None]:
        """Measure an attempt, which failed if it raises one of these."""
        started = monotonic()
        try:
            yield
        except failures:
            self.failed(monotonic() - started)
            raise

    def failed(self, seconds: float) -> None:
        """Note that an attempt which took so long failed."""
        if seconds > _SLOW_SECONDS:
            self._until = monotonic() + min(_FACTOR * seconds, _LONGEST)
