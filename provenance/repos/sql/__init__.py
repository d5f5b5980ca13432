"""A repo in a SQL database. Importing this loads SQLAlchemy."""

from __future__ import annotations

from provenance.repos.sql.repo import SqlRepo

__all__ = ["SqlRepo"]
