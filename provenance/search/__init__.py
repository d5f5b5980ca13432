"""Find artifacts, sets, runs, jobs and calls that raised, and everything that was made with an artifact."""

from __future__ import annotations

from provenance.search.descent import progeny
from provenance.search.lookups import failed_calls, find, jobs, runs, sets
from provenance.search.results import Found

__all__ = ["Found", "failed_calls", "find", "jobs", "progeny", "runs", "sets"]
