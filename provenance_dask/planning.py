"""What a computation would do, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import provenance as core
from provenance.errors import UsageError
from provenance_dask.costs import costs_of
from provenance_dask.drawing import draw
from provenance_dask.explaining import Why, explain
from provenance_dask.resolve import Resolution, above, known_of, resolve
from provenance_dask.steps import Step, is_node

_COUNTS = ("nodes", "hits", "to_run", "undecided")
_MILLI, _MINUTE, _HOUR = 1e-3, 60, 3600


@dataclass(frozen=True, slots=True)
class _Planned:
    """The steps of a plan, inputs before what uses them, and the kind of each by its token."""

    resolution: Resolution
    steps: Mapping[str, Step]
    kinds: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What computing some lazy artifacts would do.

    Attributes
    ----------
    nodes : int
        Calls and members in the graph, equal ones counted once.
    hits : int
        How many need not be scheduled: they are stored or persisted, or only such results need them.
    to_run : int
        How many will run.
    undecided : int
        How many are behind a call that will run, and run unless its result turns out to be one they were
        computed from before.
    by_function : mapping
        The same four numbers by artifact name.
    bytes : int
        Stored size of the hits that are read: those that are wanted, and those that what runs needs.
    seconds_saved : float
        How long the hits took when they were computed.
    seconds_estimated : float or None
        How long it will take if everything undecided runs, from the mean recorded duration of each function: the
        work shared by the threads, or the longest way through the graph if that takes longer. None where no function
        that has to run has a recorded duration.
    threads : int
        How many threads the estimate counts on: those of the distributed client in force, else of this machine.
    not_estimated : tuple of str
        Functions that have to run and have no recorded duration; the estimate counts them as taking no time.
    """

    nodes: int
    hits: int
    to_run: int
    undecided: int
    by_function: Mapping[str, Mapping[str, int]]
    bytes: int
    seconds_saved: float
    seconds_estimated: float | None
    threads: int
    not_estimated: tuple[str, ...]
    _planned: _Planned = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, object]:
        """Return the counts, bytes and seconds as plain dicts and numbers."""
        return {
            **self._counts(),
            "by_function": {name: dict(counts) for name, counts in self.by_function.items()},
            "bytes": self.bytes,
            "seconds_saved": self.seconds_saved,
            "seconds_estimated": self.seconds_estimated,
        }

    def why(self, node: Any) -> Why:
        """Say why a call of this plan has to run; see `provenance_dask.why`.

        Raises
        ------
        UsageError
            The node is not in the graph of this plan.
        """
        step = self._planned.steps.get(node.step.token) if is_node(node) else None
        if step is None:
            msg = f"{node!r:.80} is not in this plan: pass a lazy artifact of its graph, or use provenance_dask.why()"
            raise UsageError(msg)
        return explain(step, self._planned.resolution)

    def visualize(self) -> core.Picture:
        """Draw the graph: boxes are stored, bold ellipses will run, dashed hexagons are undecided.

        A large graph is drawn with one shape for each function and kind.

        Returns
        -------
        Picture
            Shows itself in notebooks; ``.save("plan.svg")`` writes a file.
        """
        return draw(self._planned.steps.values(), self._planned.kinds)

    def _counts(self) -> dict[str, int]:
        return {"nodes": self.nodes, "hits": self.hits, "to_run": self.to_run, "undecided": self.undecided}

    def _rows(self) -> list[tuple[str, list[str]]]:
        """Heads and counts by function, all of them in the last row."""
        rows = [(name, [str(counts[key]) for key in _COUNTS]) for name, counts in self.by_function.items()]
        heads = [key.replace("_", " ") for key in _COUNTS]
        return [("", heads), *rows, ("all", [str(count) for count in self._counts().values()])]

    def _summary(self) -> str:
        estimated = "unknown" if self.seconds_estimated is None else _duration(self.seconds_estimated)
        if self.not_estimated and self.seconds_estimated is not None:
            estimated = f"at least {estimated}"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        parts = [
            f"reads {_size(self.bytes)}",
            f"saves {_duration(self.seconds_saved)}",
            f"takes {estimated} on {threads}",
        ]
        if self.not_estimated:
            shown = ", ".join(self.not_estimated[:3]) + (", …" if len(self.not_estimated) > 3 else "")  # noqa: PLR2004
            parts.append(f"no durations of {shown}")
        return "; ".join(parts)

    def __str__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        lines = ["  ".join([name.ljust(width), *(cell.rjust(9) for cell in cells)]).rstrip() for name, cells in rows]
        return "\n".join([*lines, self._summary()])

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        (_, heads), *rows = self._rows()
        head = "".join(f"<th>{name}</th>" for name in ("", *heads))
        body = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
            for name, cells in rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}<p>{escape(self._summary())}</p>"


def plan_steps(roots: Iterable[Step]) -> Plan:
    """Resolve the roots and count; nothing is submitted."""
    resolution = resolve(roots)
    order = above(resolution.roots)
    waiting = {step.token: step.status for step in resolution.to_run if step.futures is None}
    steps = {step.token: step for step in order}
    kinds = {token: {"miss": "to_run", "undecided": "undecided"}.get(waiting.get(token, ""), "hits") for token in steps}
    total: Counter[str] = Counter()
    by_function: dict[str, Counter[str]] = {}
    for token, step in steps.items():
        counts = by_function.setdefault(step.name, Counter(nodes=0, hits=0, to_run=0, undecided=0))
        for counter in (total, counts):
            counter["nodes"] += 1
            counter[kinds[token]] += 1
    costs = costs_of(resolution, known_of(resolution, order))
    return Plan(
        nodes=total["nodes"],
        hits=total["hits"],
        to_run=total["to_run"],
        undecided=total["undecided"],
        by_function=by_function,
        bytes=costs.bytes,
        seconds_saved=costs.seconds_saved,
        seconds_estimated=costs.seconds_estimated,
        threads=costs.threads,
        not_estimated=costs.not_estimated,
        _planned=_Planned(resolution, steps, kinds),
    )


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        unit, scale = ("s", 1) if seconds >= 1 or not seconds else ("ms", 1e3) if seconds >= _MILLI else ("µs", 1e6)
        return f"{seconds * scale:.3g} {unit}"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.1f} min"
    return f"{seconds / _HOUR:.1f} h"
