"""When JSON contains other JSON, and the texts by which a database finds what does.

A wanted value is contained in a stored one if

- both are objects, and for every wanted key the stored object has that key with a value that contains the wanted one;
- both are lists, and every wanted element *equals* an element of the stored list, in any order;
- neither is an object or a list, and they are equal and of the same type: ``1``, ``1.0``, ``true`` and ``"1"`` differ.

So ``{}`` is contained in every object and ``[]`` in every list. It is PostgreSQL's ``@>`` but for three things: types
of numbers count, elements of lists are compared as a whole, and a list does not contain a bare scalar.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping

from blake3 import blake3

from provenance.repos.json_fields import dump_json
from provenance.types import JSON, ArtifactId, ArtifactRecord

_DIGEST_BYTES = 15


def contains(stored: JSON, wanted: JSON) -> bool:
    """Whether `wanted` is contained in `stored`."""
    if isinstance(wanted, Mapping):
        return isinstance(stored, Mapping) and all(
            key in stored and contains(stored[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(stored, list) and set(map(dump_json, wanted)) <= set(map(dump_json, stored))
    return not isinstance(stored, Mapping | list) and dump_json(stored) == dump_json(wanted)


def stored_items(
    fields: Mapping[str, JSON], inputs: Mapping[str, str], input_artifacts: Iterable[ArtifactId]
) -> frozenset[str]:
    """One text for each thing that an artifact can be found by: custom fields, inputs, and input artifacts.

    They are stored: another definition is another schema.
    """
    return frozenset((*_field_items(fields, (), is_wanted=False), *_input_items(inputs, input_artifacts)))


def wanted_items(
    fields: Mapping[str, JSON], inputs: Mapping[str, str], input_artifacts: Iterable[ArtifactId]
) -> frozenset[str]:
    """The texts that an artifact has among its `stored_items` if and only if it is to be found by all of these."""
    return frozenset((*_field_items(fields, (), is_wanted=True), *_input_items(inputs, input_artifacts)))


def input_artifacts(record: ArtifactRecord) -> set[ArtifactId]:
    """The artifacts that were arguments of a call, or inside of them."""
    return {edge.artifact_id for edge in record.edges if edge.kind == "input"}


def _field_items(value: JSON | Mapping[str, JSON], path: tuple[str, ...], *, is_wanted: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        # Whoever has a part of it has it: only an empty one has to be asked for by itself.
        if path and not (is_wanted and value):
            yield _item("object", *path)
        for key, inner in value.items():
            yield from _field_items(inner, (*path, key), is_wanted=is_wanted)
    elif isinstance(value, list):
        if not (is_wanted and value):
            yield _item("list", *path)
        for element in value:
            yield _item("element", *path, element)
    else:
        yield _item("field", *path, value)


def _input_items(inputs: Mapping[str, str], input_artifacts: Iterable[ArtifactId]) -> Iterator[str]:
    for path, digest in inputs.items():
        yield _item("input", path, digest)
    for artifact_id in input_artifacts:
        yield _item("artifact", artifact_id)


def _item(*parts: JSON) -> str:
    return urlsafe_b64encode(blake3(dump_json(list(parts)).encode()).digest(_DIGEST_BYTES)).decode()
