"""Artifacts to be stored, made up for tests."""

from __future__ import annotations

from typing import Any

from blake3 import blake3

from provenance.hashing import SCHEME, fingerprint
from provenance.repos.single import INLINE_LIMIT
from provenance.serializers import pack
from provenance.types import (
    INPUTS_SERIALIZER,
    ArtifactId,
    ArtifactRecord,
    Draft,
    InputEdge,
    InputKind,
    RecipeKey,
    RunRecord,
    ValueId,
)

LARGE = "x" * (2 * INLINE_LIMIT)
WEIRD = "a\0b \ud800 \ufffe \ufffe0000 'q' \"d\" % \\ \n é 日本 🎉 \u2028 --; DROP TABLE artifacts"
RUN = RunRecord("run" + "0" * 61, {"host": "here", "argv": ["a", "b"]})
NO_IDS: tuple[Any, ...] = ("", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", None, 7, b"0" * 64)


def an_id(seed: object) -> ArtifactId:
    """An id that is always the same for the same `seed`."""
    return ArtifactId(blake3(repr(seed).encode()).hexdigest())


def a_recipe(seed: object) -> RecipeKey:
    """A recipe key that is always the same for the same `seed`."""
    return RecipeKey(an_id(("recipe", seed)))


def a_draft(seed: object, value: object = None, **changes: Any) -> Draft:
    """A draft of the artifact ``an_id(seed)`` with this value, and with these fields of its record."""
    found = fingerprint(value)
    fields: dict[str, Any] = {
        "id": an_id(seed),
        "value_id": ValueId(found.digest),
        "value_encoding": found.encoding,
        "name": "f",
        "version": 0,
        "fn_module": "tests",
        "fn_name": "f",
        "hash_scheme": SCHEME,
        "serializer": "joblib",
        "run_id": RUN.id,
        **changes,
    }
    inputs = {"kargs": {"seed": repr(seed)}, "varargs": ()}
    return Draft(
        record=ArtifactRecord(**fields),
        run=RUN,
        value=pack(value, "joblib", {}),
        inputs=pack(inputs, INPUTS_SERIALIZER, {}),
    )


def edge_to(seed: object, kind: InputKind = "input") -> InputEdge:
    """A reference to the artifact ``an_id(seed)``."""
    return InputEdge("kargs['a']", an_id(seed), kind)


def as_written(record: ArtifactRecord) -> ArtifactRecord:
    """A record without what the repo gave it."""
    return record._replace(sequence=None, computed_at=None)
