"""Which job the running code works for: what it computes is recorded as the job's."""

from __future__ import annotations

from contextvars import ContextVar

from provenance.engine.frames import current_frame
from provenance.types import JobUse

_use: ContextVar[JobUse | None] = ContextVar("provenance_job", default=None)


def current_job() -> JobUse | None:
    """The job that the running code works for, and how it uses what is computed here; None outside of jobs."""
    use = _use.get()
    return use if use is None or current_frame() is None else nested(use)


def nested(use: JobUse) -> JobUse:
    """The use of what is computed inside of another call."""
    return JobUse(use.job_id, "nested")


class working_for:  # noqa: N801  reads as a statement: with working_for(use)
    """Let what is computed inside a ``with`` block be recorded as a job's; None leaves things as they are."""

    __slots__ = ("_token", "_use")

    def __init__(self, use: JobUse | None) -> None:
        self._use = use

    def __enter__(self) -> None:
        self._token = None if self._use is None else _use.set(self._use)

    def __exit__(self, *exc_info: object) -> None:
        if self._token is not None:
            _use.reset(self._token)
