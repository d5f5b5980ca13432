"""What a computation would do, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provenance_dask.resolve import above, resolve
from provenance_dask.steps import Step


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
    """

    nodes: int
    hits: int
    to_run: int
    undecided: int
    by_function: Mapping[str, Mapping[str, int]]

    def to_dict(self) -> dict[str, object]:
        """Everything as plain dicts and numbers."""
        return {
            **self._counts(),
            "by_function": {name: dict(counts) for name, counts in self.by_function.items()},
        }

    def _counts(self) -> dict[str, int]:
        return {"nodes": self.nodes, "hits": self.hits, "to_run": self.to_run, "undecided": self.undecided}

    def __str__(self) -> str:
        rows = [("", dict.fromkeys(self._counts(), 0)), *self.by_function.items(), ("all", self._counts())]
        width = max(len(name) for name, _ in rows)
        lines = []
        for name, counts in rows:
            cells = (key.replace("_", " ") if not name else str(counts[key]) for key in counts)
            lines.append("  ".join([name.ljust(width), *(cell.rjust(9) for cell in cells)]).rstrip())
        return "\n".join(lines)


def plan_steps(roots: Iterable[Step]) -> Plan:
    """Resolve the roots and count; nothing is submitted."""
    resolution = resolve(roots)
    steps = {step.token: step for step in above(resolution.roots)}
    waiting = {step.token: step.status for step in resolution.to_run if step.futures is None}
    total: Counter[str] = Counter()
    by_function: dict[str, Counter[str]] = {}
    for token, step in steps.items():
        kind = {"miss": "to_run", "undecided": "undecided"}.get(waiting.get(token, ""), "hits")
        counts = by_function.setdefault(step.name, Counter(nodes=0, hits=0, to_run=0, undecided=0))
        for counter in (total, counts):
            counter["nodes"] += 1
            counter[kind] += 1
    return Plan(total["nodes"], total["hits"], total["to_run"], total["undecided"], by_function)
