"""Jobs in dicts, and what they used."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from provenance.repos.forking import reset_at_fork
from provenance.repos.memory_search import StoredJob
from provenance.repos.rows import Entry
from provenance.types import ArtifactId, FailedCall, JobRecord, JobUses, RunRecord, UsedAs


class MemoryJobs:
    """Rows of jobs, and of what they used; see `provenance.repos.rows.Jobs`.

    Parameters
    ----------
    hear_of : callable
        Stores the facts about a process.
    """

    def __init__(self, hear_of: Callable[[RunRecord], object]) -> None:
        self._hear_of = hear_of
        self._records: dict[str, JobRecord] = {}
        self._uses: defaultdict[str, dict[ArtifactId, tuple[UsedAs, str]]] = defaultdict(dict)
        self.reset_after_fork()
        reset_at_fork(self)

    def reset_after_fork(self) -> None:
        """Take a new lock, as another thread may have held the old one."""
        self._lock = threading.Lock()

    def begin(self, record: JobRecord, run: RunRecord) -> JobRecord:
        """Store a job unless it is there, and the facts about the process that begins it."""
        with self._lock:
            self._hear_of(run)
            started = replace(record, started_at=record.started_at or datetime.now(UTC))
            return self._records.setdefault(record.id, started)

    def end(self, job_id: str) -> None:
        """Note that a job is over."""
        with self._lock:
            if job_id in self._records:
                self._records[job_id] = replace(self._records[job_id], ended_at=datetime.now(UTC))

    def add(self, job_id: str, uses: JobUses) -> None:
        """Note what a job used."""
        with self._lock:
            known = self._uses[job_id]
            for artifact_id, (used_as, run_id) in uses.items():
                if known.get(artifact_id, ("hit", ""))[0] == "hit":
                    known[artifact_id] = used_as, run_id

    def uses(self, job_id: str) -> JobUses:
        """What a job used, as far as it was noted."""
        with self._lock:
            return dict(self._uses.get(job_id, {}))

    def stored(self, failed: Iterable[FailedCall]) -> list[StoredJob]:
        """All jobs with what they used; `failed` are the calls that raised."""
        with self._lock:
            calls: defaultdict[str | None, set[ArtifactId]] = defaultdict(set)
            for call in failed:
                calls[call.job_id].add(call.artifact_id)
            return [
                StoredJob(record, sequence, dict(self._uses.get(job_id, {})), frozenset(calls.get(job_id, ())))
                for sequence, (job_id, record) in enumerate(self._records.items(), 1)
            ]

    def note(self, entry: Entry) -> None:
        """Note which job an artifact was computed for."""
        if entry.job is not None:
            self.add(entry.job.job_id, {entry.record.id: (entry.job.used_as, entry.record.run_id)})
