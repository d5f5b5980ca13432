"""Labels of artifact sets: a JSON object, for which a string is short."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from provenance.errors import InvalidLabelsError
from provenance.types import JSON

Labels: TypeAlias = str | Mapping[str, JSON]


def normalize_labels(labels: Labels | None) -> dict[str, JSON] | None:
    """Turn labels into their stored form.

    Parameters
    ----------
    labels : str, mapping or None
        A string means ``{'name': string}``.

    Returns
    -------
    dict or None
        A JSON object of its own, None for None.

    Raises
    ------
    InvalidLabelsError
        The labels are not a JSON object; NaN, infinities and lone surrogates are not JSON.
    """
    if labels is None:
        return None
    if isinstance(labels, str):
        labels = {"name": labels}
    given: object = labels  # callers without a type checker pass anything
    if not isinstance(given, Mapping):
        msg = f"labels must be a string or a JSON object, not {type(labels).__name__}: {labels!r:.80}"
        raise InvalidLabelsError(msg)
    _require_string_keys(labels, "labels")
    try:
        text = json.dumps(dict(labels), allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"labels must be JSON, but {labels!r:.80} is not ({error}); use strings, numbers, lists and dicts"
        raise InvalidLabelsError(msg) from error
    normalized: dict[str, JSON] = json.loads(text)
    return normalized


def _require_string_keys(value: object, path: str) -> None:
    """Refuse keys that ``json.dumps`` would silently turn into strings."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                msg = f"keys of labels must be strings, but {path} has the key {key!r:.40}"
                raise InvalidLabelsError(msg)
            _require_string_keys(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_string_keys(item, f"{path}[{index}]")
