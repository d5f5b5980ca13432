"""A repo in a SQL database.

SQLAlchemy is imported to make tables, to upgrade them and to search; all other statements are compiled ahead of time.
"""

from __future__ import annotations

from provenance.repos.sql.repo import SqlRepo

__all__ = ["SqlRepo"]
