"""Time two ways of doing the same work in turn, so that a machine whose speed drifts slows both."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Pair:
    """One piece of work done by this library and by a peer.

    Attributes
    ----------
    work, peer : str
        What is done, and what this library is compared with.
    ours, theirs : callable
        Do the work once.
    repeat : int
        How often the work is done for one timing.
    reach : float or None
        The ratio theirs / ours that is to be reached; None where it is only measured.
    peer_repeat : int or None
        How often the peer does it for one timing, if that is another number.
    before : callable
        Makes ready for each timing of either; it is not timed.
    """

    work: str
    peer: str
    ours: Callable[[], object]
    theirs: Callable[[], object]
    repeat: int
    reach: float | None
    peer_repeat: int | None = None
    before: Callable[[], object] = int


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds for one piece of work (medians), and how many times faster this library is (with quartiles)."""

    work: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    reach: float | None
    rounds: int

    @property
    def reached(self) -> bool:
        """Whether the median ratio is at least what is to be reached, if anything is."""
        return self.reach is None or self.ratio >= self.reach

    def as_json(self) -> dict[str, object]:
        """The row with its verdict, for a JSON file."""
        return {**asdict(self), "reached": self.reached}


def measure(pair: Pair, rounds: int) -> Row:
    """Do the work `rounds` times in each way, in turn, after one round that is not counted."""
    timings = [_round(pair) for _ in range(rounds + 1)][1:]
    ratios = sorted(theirs / ours for ours, theirs in timings)
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Row(
        work=pair.work,
        peer=pair.peer,
        ours_seconds=statistics.median(ours for ours, _ in timings),
        peer_seconds=statistics.median(theirs for _, theirs in timings),
        ratio=statistics.median(ratios),
        ratio_low=low,
        ratio_high=high,
        reach=pair.reach,
        rounds=rounds,
    )


def _round(pair: Pair) -> tuple[float, float]:
    return (
        _seconds(pair.ours, pair.repeat, pair.before),
        _seconds(pair.theirs, pair.peer_repeat or pair.repeat, pair.before),
    )


def _seconds(work: Callable[[], object], repeat: int, before: Callable[[], object]) -> float:
    before()
    gc.collect()
    started = perf_counter()
    for _ in range(repeat):
        work()
    return (perf_counter() - started) / repeat
