"""The version of the tables, and which libraries can use them."""

from __future__ import annotations

SCHEMA_VERSION = 3
"""Version of the tables in `schema`; the number of the last migration."""
MIN_READER = 1
"""The oldest `SCHEMA_VERSION` whose library can read them."""
MIN_WRITER = 2
"""The oldest `SCHEMA_VERSION` whose library can write them."""
