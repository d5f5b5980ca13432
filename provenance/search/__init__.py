"""Find artifacts, sets and runs by what is recorded about them, and everything that was made with an artifact."""

from __future__ import annotations

from provenance.search.descent import progeny
from provenance.search.lookups import find, runs, sets
from provenance.search.results import Found

__all__ = ["Found", "find", "progeny", "runs", "sets"]
