"""Jobs: named pieces of work, across this process and those that it has compute for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice

from provenance import state
from provenance.artifacts.labels import Labels, normalize_labels
from provenance.engine.run import current_run
from provenance.engine.working import working_for
from provenance.errors import RepoUnreachableError, StorageError
from provenance.repos.capture import capturing
from provenance.types import JSON, ArtifactId, JobRecord, JobUse, Repo, UsedAs

logger = logging.getLogger("provenance")

_NOTED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Job:
    """A named piece of work.

    Attributes
    ----------
    id : str
        Names it among all jobs: 32 hex digits.
    labels : mapping
        What it was given to be found by.
    """

    id: str
    labels: Mapping[str, JSON]
    _inner: list[str] = field(default_factory=list, repr=False, compare=False)

    __hash__ = None  # type: ignore[assignment]  # it holds a dict


_innermost: ContextVar[Job | None] = ContextVar("provenance_innermost_job", default=None)


@contextmanager
def job(labels: Labels | None = None) -> Iterator[Job]:
    """Let everything that is computed or reused inside a ``with`` block belong to a named job.

    The job is recorded in the default repo when the block begins. What is computed for it, in this process or on
    workers, is noted together with each artifact; what is reused when the block ends, also if it raises. Work that was
    handed out in the block is waited for, unless it raises. What a job inside of another one computes or reuses belongs
    to both.

    Parameters
    ----------
    labels : str or mapping, optional
        JSON to find the job by; a string means ``{'name': string}``.

    Yields
    ------
    Job
        With ``id`` and ``labels``.

    Raises
    ------
    InvalidLabelsError
        The labels are not JSON.
    StorageError
        The repo may not be written, or cannot be reached; not where calls go on without it (``on_repo_error``).

    See Also
    --------
    provenance.jobs : Lists jobs with what became of them.
    """
    made = Job(os.urandom(16).hex(), normalize_labels(labels) or {})
    outer = _innermost.get()
    recording = _Recording(state.default_repo(), made)
    recording.begin()
    token = _innermost.set(made)
    try:
        with capturing() as capture, working_for(JobUse(made.id, "computed")):
            yield made
    except BaseException:
        recording.end(capture.ids)
        raise
    else:
        recording.end(capture.settled_ids)
    finally:
        _innermost.reset(token)
        if outer is not None:
            outer._inner.extend((made.id, *made._inner))  # noqa: SLF001  it is this module's


class _Recording:
    """What is recorded of a job from the process that began it."""

    def __init__(self, repo: Repo, made: Job) -> None:
        run = current_run()
        self._repo = repo
        self._job = made
        self._run = run
        self._is_begun = False

    def begin(self) -> None:
        try:
            self._begin()
        except RepoUnreachableError as error:
            if not self._repo.counts_as_miss(error):
                raise

    def _begin(self) -> None:
        record = JobRecord(id=self._job.id, labels=self._job.labels, run_id=self._run.id)
        self._repo.begin_job(record, self._run)
        self._is_begun = True

    def end(self, used: Callable[[], frozenset[ArtifactId]]) -> None:
        """Note what was used and not computed; what cannot be recorded is reported, and in nobody's way."""
        try:
            self._note(used())
        except StorageError as error:
            logger.warning("what job %s used could not be recorded in repo %r: %s", self._job.id, self._repo, error)

    def _note(self, used: Iterable[ArtifactId]) -> None:
        if not self._is_begun:
            self._begin()
        noted = self._repo.job_uses(self._job.id)
        computed = self._computed()
        hit: tuple[UsedAs, str] = ("hit", self._run.id)
        uses = {key: hit for key in used if key not in noted and key not in computed}
        uses.update({key: use for key, use in computed.items() if noted.get(key) != use})
        remaining = iter(sorted(uses.items()))
        while batch := dict(islice(remaining, _NOTED_AT_ONCE)):
            self._repo.add_job_uses(self._job.id, batch)
        self._repo.end_job(self._job.id)

    def _computed(self) -> dict[ArtifactId, tuple[UsedAs, str]]:
        """What was computed for the job, or for one inside of it, into whatever repo."""
        found: dict[ArtifactId, tuple[UsedAs, str]] = {}
        for repo in {id(repo): repo for repo in (self._repo, *state.known_repos())}.values():
            for job_id in (self._job.id, *self._job._inner):  # noqa: SLF001  as above
                uses = repo.job_uses(job_id)
                found.update({key: use for key, use in uses.items() if use[0] != "hit"})
        return found
