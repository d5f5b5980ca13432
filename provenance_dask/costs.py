"""What a plan costs and saves, told from the durations and sizes that were recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provenance import engine
from provenance.engine import Artifact
from provenance.types import ArtifactId
from provenance_dask import _compat
from provenance_dask.resolve import Resolution, repo_of
from provenance_dask.steps import MemberStep, Step

_CALLS_ASKED = 100
"""How many stored calls of a function tell how long it takes."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Bytes and seconds of a plan; see `provenance_dask.Plan`."""

    bytes: int
    seconds_saved: float
    seconds_estimated: float | None
    threads: int
    not_estimated: tuple[str, ...]


def costs_of(resolution: Resolution, known: Mapping[Step, Artifact]) -> Costs:
    """Add up what is recorded of the stored results in `known`, and estimate what has to run."""
    threads = _compat.threads_in_force()
    waiting = [step for step in resolution.to_run if step.futures is None]
    seconds = _seconds_by_function(waiting, known)
    unknown = sorted({step.name for step in waiting if _takes_time(step) and step.name not in seconds})
    estimated: float | None = _estimate(waiting, seconds, threads)
    if unknown and not any(step.name in seconds for step in waiting):
        estimated = None
    return Costs(
        bytes=sum(map(size_of, _read(resolution, waiting))),
        seconds_saved=sum(_seconds_saved(known).values(), 0.0),
        seconds_estimated=estimated,
        threads=threads,
        not_estimated=tuple(unknown),
    )


def size_of(artifact: Artifact) -> int:
    """Bytes of a stored value."""
    record = artifact.record
    return record.value_blob.size if record.value_blob is not None else len(record.value_inline or b"")


def _seconds_saved(known: Mapping[Step, Artifact]) -> dict[ArtifactId, float]:
    """Seconds of each stored call; several steps may have led to the same one."""
    return {artifact.id: artifact.compute_duration for step, artifact in known.items() if _takes_time(step)}


def _takes_time(step: Step) -> bool:
    return not isinstance(step, MemberStep)  # it is stored by the call that returned the composite


def _read(resolution: Resolution, waiting: Iterable[Step]) -> list[Artifact]:
    """The stored results that are wanted, or needed by what has to run; each once."""
    sources = (source for step in waiting for source in step.inputs)
    found = (resolution.hits.get(step) for step in (*resolution.roots, *sources))
    return list({artifact.id: artifact for artifact in found if artifact is not None}.values())


def _seconds_by_function(waiting: list[Step], known: Mapping[Step, Artifact]) -> dict[str, float]:
    """Mean seconds of a call by artifact name: of the calls in this graph, else of the latest stored ones."""
    recorded: defaultdict[str, list[float]] = defaultdict(list)
    wanted = {step.name: step for step in waiting if _takes_time(step)}
    for step, artifact in known.items():
        if step.name in wanted:
            recorded[step.name].append(artifact.compute_duration)
    for name, step in wanted.items():
        if name not in recorded:
            calls = engine.stored_calls(repo_of(step), step.spec, limit=_CALLS_ASKED)
            recorded[name] = [call.durations.compute for call in calls]
    return {name: sum(durations) / len(durations) for name, durations in recorded.items() if durations}


def _estimate(waiting: list[Step], seconds: Mapping[str, float], threads: int) -> float:
    """Seconds until all is done: the work shared by the threads, or the longest way through the graph."""
    done: dict[Step, float] = {}
    work = longest = 0.0
    for step in waiting:
        own = seconds.get(step.name, 0.0) if _takes_time(step) else 0.0
        work += own
        end = done[step] = own + max((done.get(source, 0.0) for source in step.inputs), default=0.0)
        longest = max(longest, end)
    return max(longest, work / threads)
