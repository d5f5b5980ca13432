"""PostgreSQL's ways."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from provenance.repos.sql.dialect import Dialect
from provenance.repos.storable_text import MARK, original_text, storable_text
from provenance.types import JSON

_decode = json.JSONDecoder().raw_decode

# PostgreSQL keeps JSON numbers as decimals, which have no negative zero, and writes them without exponents, so that
# a large one would come back as an integer. In JSON texts it takes neither NUL nor lone surrogates.
_CHANGED = re.compile(r"\\u|[eE]|-0\.0")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+|-0\.0(?![0-9])')
_NEGATIVE_ZERO = f"{MARK}-0.0"


def _batch_parameter(texts: Collection[str]) -> str:
    """The literal of an array; the driver is slow to make one, as it looks at each text by itself."""
    quoted = "\0".join(texts).replace("\\", r"\\").replace('"', r"\"").replace("\0", '","')
    return f'{{"{quoted}"}}' if texts else "{}"


def json_parameter(text: str) -> str:
    """JSON text in ASCII as one that comes back with equal values of equal types."""
    return _TOKEN.sub(_storable, text) if _CHANGED.search(text) else text


def _storable(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith('"'):
        return json.dumps(storable_text(json.loads(text))) if "\\u" in text else text
    if text == "-0.0":
        return json.dumps(_NEGATIVE_ZERO)
    digits = format(Decimal(text), "f")
    return digits if "." in digits else f"{digits}.0"


def json_value(stored: str) -> JSON:
    """What the text of a stored JSON value stands for."""
    if stored == "{}":
        return {}
    value: JSON = _decode(stored)[0]
    return _original(value) if MARK in stored else value


def _original(value: JSON) -> JSON:
    if isinstance(value, str):
        return -0.0 if value == _NEGATIVE_ZERO else original_text(value)
    if isinstance(value, list):
        return [_original(item) for item in value]
    if isinstance(value, dict):
        return {original_text(key): _original(item) for key, item in value.items()}
    return value


def _as_it_is(value: Any) -> Any:
    return value


def _time_parameter(time: datetime) -> datetime:
    return time.astimezone(UTC)


POSTGRES = Dialect(
    name="postgresql",
    batch_parameter=_batch_parameter,
    seconds_parameter=float,
    json_parameter=json_parameter,
    json_value=_as_it_is,  # the driver is told to read it with `json_value`
    time_parameter=_time_parameter,
    time_value=_time_parameter,
)
