"""SQLite's ways."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime

from provenance.repos.sql.dialect import Dialect
from provenance.types import JSON

_decode = json.JSONDecoder().raw_decode


def _batch_parameter(texts: Collection[str]) -> str:
    return json.dumps(list(texts))


def _seconds_parameter(seconds: float) -> str:
    return f"{-seconds:+.3f} seconds"


def _json_value(stored: str) -> JSON:
    # json.loads() would take as long again to look for byte order marks and blanks, which are not there.
    return {} if stored == "{}" else _decode(stored)[0]


def _time_parameter(time: datetime) -> str:
    # Not strftime(), which does not fill up years before 1000, so that texts would not sort as times.
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _time_value(stored: str) -> datetime:
    return datetime.fromisoformat(stored + "+00:00")


SQLITE = Dialect(
    name="sqlite",
    batch_parameter=_batch_parameter,
    seconds_parameter=_seconds_parameter,
    json_parameter=str,
    json_value=_json_value,
    time_parameter=_time_parameter,
    time_value=_time_value,
    knows_frequencies=False,
)
