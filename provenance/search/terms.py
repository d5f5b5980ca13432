"""What a search may be asked with, checked and turned into what rows are compared with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.found_rows import ArtifactRow
from provenance.artifacts.ids import is_proxy
from provenance.artifacts.labels import Labels, normalize_labels
from provenance.errors import InvalidQueryError
from provenance.hashing import fingerprint
from provenance.repos.queries import FunctionName, Order, Period
from provenance.types import JSON, Version

Time: TypeAlias = datetime | date | str


def text_of(term: str, given: object) -> str | None:
    """A text that is given as it is, or not given."""
    if given is None or isinstance(given, str):
        return None if given is None else str(given)
    raise _refusal(term, given, "a text")


def version_of(given: object) -> Version | None:
    """A version, of the type that the decorator takes."""
    if given is None or isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise _refusal("version", given, "an int or a text")


def function_names(given: object) -> tuple[FunctionName, ...]:
    """What a function, or a text that names one, can be recorded as."""
    if given is None:
        return ()
    if isinstance(given, str):
        return _named(given)
    spec: Any = getattr(given, "__provenance_spec__", None)
    if spec is not None:
        return (FunctionName(spec.module, spec.qualname),)
    function: Any = getattr(given, "__func__", given)
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not callable(function) or not isinstance(qualname, str):
        raise _refusal("fn", given, "a function, or a text like 'package.module:function'")
    return (FunctionName(module, qualname),)


def _named(text: str) -> tuple[FunctionName, ...]:
    module, colon, qualname = text.partition(":")
    if colon:
        if not module or not qualname or ":" in qualname:
            raise _refusal("fn", text, "a function, or a text like 'package.module:function'")
        return (FunctionName(module, qualname),)
    if not text:
        raise _refusal("fn", text, "a function, or a text like 'package.module:function'")
    # Which of the dots comes before the function's own name is not told.
    dots = [index for index, letter in enumerate(text) if letter == "."]
    return (FunctionName(None, text), *(FunctionName(text[:dot], text[dot + 1 :]) for dot in dots))


def tags_of(given: object) -> list[str]:
    """One tag, or several."""
    tags = [given] if isinstance(given, str) else given
    if tags is None:
        return []
    if not isinstance(tags, Collection) or isinstance(tags, Mapping) or not all(isinstance(tag, str) for tag in tags):
        raise _refusal("tags", given, "a text, or a list of texts")
    return [str(tag) for tag in tags]


def contained(term: str, given: object, tags: Iterable[str] = ()) -> dict[str, JSON]:
    """A JSON object that is to be contained, with these tags in it."""
    fields = _json(term, {} if given is None else given)
    if not isinstance(fields, dict):
        raise _refusal(term, given, "a dict that is JSON")
    tags = list(tags)
    if tags:
        others = fields.get("tags", [])
        if not isinstance(others, list):
            raise _refusal(term, given, "a list under 'tags' where tags are given too")
        fields["tags"] = [*others, *tags]
    return fields


def _json(term: str, given: object) -> JSON:
    """A value as it would be recorded; keys that JSON would turn into texts are refused."""
    if isinstance(given, Mapping):
        if not all(isinstance(key, str) for key in given):
            raise _refusal(term, given, "JSON, where keys are texts")
        return {str(key): _json(term, value) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_json(term, value) for value in given]
    try:
        plain: JSON = json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError) as exc:
        raise _refusal(term, given, f"JSON ({exc})") from exc
    return plain


def labels_of(label: object, labels: Labels | None) -> dict[str, JSON] | None:
    """Labels, from a name or from a dict of them."""
    name = text_of("label", label)
    found = normalize_labels(labels)
    if name is None:
        return found
    if found is not None and found.get("name", name) != name:
        raise _refusal("label", label, f"the name in labels, {found['name']!r:.80}")
    return {**(found or {}), "name": name}


def input_hashes(given: object) -> dict[str, str]:
    """Value hashes of arguments, by the paths that are recorded."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _refusal("inputs", given, "a dict of arguments by their names, or by their positions among *args")
    return {_path(given, name): _digest(name, value) for name, value in given.items()}


def _path(inputs: object, name: object) -> str:
    if isinstance(name, str):
        return f"kargs[{str(name)!r}]"
    if isinstance(name, int) and not isinstance(name, bool) and name >= 0:
        return f"varargs[{name}]"
    raise _refusal("inputs", inputs, "a dict of arguments by their names, or by their positions among *args")


def _digest(name: object, value: object) -> str:
    # The value of an artifact is what a call was given; its hash is recorded, so it is not loaded.
    if not is_proxy(value) and isinstance(value, Artifact | ArtifactRow):
        value = value.proxy()
    return fingerprint(value, path=f"inputs[{name!r}]").digest


def period_of(since: object, until: object) -> Period:
    """The time from `since` on and before `until`."""
    return Period(since=_time("since", since), until=_time("until", until))


def _time(term: str, given: object) -> datetime | None:
    if given is None:
        return None
    expected = "a datetime with a time zone, a date (its start in UTC), or either as ISO text"
    time: object = given
    if isinstance(given, str):
        try:
            time = date.fromisoformat(given)
        except ValueError:
            try:
                time = datetime.fromisoformat(given)
            except ValueError as exc:
                raise _refusal(term, given, expected) from exc
    if isinstance(time, date) and not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day, tzinfo=UTC)
    if not isinstance(time, datetime) or time.tzinfo is None or time.utcoffset() is None:
        raise _refusal(term, given, expected)
    try:
        return time.astimezone(UTC)
    except OverflowError as exc:
        raise _refusal(term, given, "a time between the years 1 and 9999 in UTC") from exc


def order_of(given: object, default: str, columns: tuple[str, ...]) -> Order:
    """The column that rows are ordered by; "-" before it means the largest, or latest, first."""
    text = f"-{default}" if given is None else given
    column = text.removeprefix("-") if isinstance(text, str) else None
    if not isinstance(text, str) or column not in columns:
        raise _refusal("order_by", given, f"one of {', '.join(columns)}, perhaps with - before it")
    return Order(column, descending=text.startswith("-"))


def limit_of(given: object) -> int | None:
    """The most rows there may be."""
    if given is None or (isinstance(given, int) and not isinstance(given, bool) and given >= 0):
        return given
    raise _refusal("limit", given, "a number that is not negative")


def _refusal(term: str, given: object, expected: str) -> InvalidQueryError:
    return InvalidQueryError(f"{term}={given!r:.80} cannot be searched for; expected {expected}")
