"""How each kind of container, and each description by an encoder, is opened: at once, or as a frame of the walk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import eq
from typing import Any, Protocol, TypeAlias

from provenance.hashing import bulk, grammar, inline
from provenance.hashing.digest import Digests, conclude
from provenance.hashing.frames import (
    Frame,
    Visit,
    step_to_attribute,
    step_to_item,
    step_to_key,
    step_to_member,
    step_to_part,
)
from provenance.hashing.functions import References, definition
from provenance.hashing.parts import Array, Attributes, Definitions, Description, Parts


class Walker(Protocol):
    """What opening a container needs of the walk it is part of."""

    relations: References
    digests: Digests

    def report(self, values: Sequence[object], names: Sequence[object]) -> None:
        """Report the stand-ins among the items of the container that is being encoded."""

    @property
    def looks_inside(self) -> bool:
        """Whether the identity of everything, however deep, has to be looked at."""

    def place_of(self, definition: object) -> int | None:
        """Place of a definition in the circle that is being encoded; None if it is not part of it."""

    def touches(self, values: Collection[object]) -> bool:
        """Whether one of the values counts as a stand-in because of its identity."""


Opener: TypeAlias = Callable[[Walker, Any], Visit]


# --- tuples and lists


def _open_sequence(tag: bytes, walk: Walker, value: tuple[object, ...] | list[object]) -> Visit:
    if not walk.looks_inside:
        data = inline.small(value)
        if data is not None:
            return data
    kinds = set(map(type, value))
    if kinds <= grammar.ATOMS and not walk.touches(value):
        return conclude(bulk.atoms(tag, value, kinds))
    frame = Frame(value, [], step_to_item)
    frame.pending = _items_of(frame, walk, tag, value, range(len(value)))
    return frame


def _items_of(
    frame: Frame, walk: Walker, tag: bytes, values: Sequence[object], names: Sequence[object]
) -> Iterator[object]:
    """Return the items of a tuple or list that the walk has to visit; the others are encoded many at once."""
    kinds = set(map(type, values))
    if len(values) < grammar.PACK_MINIMUM or kinds & _NEVER_PACKED:
        frame.head.append(grammar.header(tag, len(values)))
        return _items_left(frame, walk, values, names)
    frame.finish = partial(_perhaps_packed, tag)
    writers = None if walk.touches(values) else _writers(kinds)
    return _items(frame, values, names) if writers is None else _none_of(frame, walk, values, names, writers)


def _perhaps_packed(tag: bytes, frame: Frame) -> list[bytes]:
    return frame.head + grammar.sequence(tag, frame.encoded)


def _writers(kinds: set[type]) -> dict[type, Callable[[Any], bytes]] | None:
    """How to write each kind when all are atoms or stand-ins; else None."""
    writers = {kind: bulk.atom if kind in grammar.ATOMS else getattr(kind, grammar.STAND_IN, None) for kind in kinds}
    return writers if all(writers.values()) else None  # type: ignore[return-value]


def _none_of(
    frame: Frame,
    walk: Walker,
    values: Sequence[object],
    names: Sequence[object],
    writers: dict[type, Callable[[Any], bytes]],
) -> Iterator[object]:
    """Encode all items at once when the frame is entered."""
    frame.encoded.extend([writers[type(value)](value) for value in values])
    walk.report(values, names)
    yield from ()


def _items(frame: Frame, values: Sequence[object], names: Sequence[object]) -> Iterator[object]:
    for frame.at, value in zip(names, values, strict=True):
        yield value


def _items_left(frame: Frame, walk: Walker, values: Any, names: Sequence[object]) -> Iterator[object]:
    """Return the items that are not small builtin values; the others are encoded many at once."""
    if walk.looks_inside:
        yield from _items_looked_at(frame, walk, values, names)
        return
    count, at = len(values), 0
    while at < count:
        end = at + inline.RUN
        data, at = inline.run(values, at, min(end, count))
        if data:
            frame.encoded.append(data)
        if at < end and at < count:
            frame.at = names[at]
            yield values[at]
            at += 1


def _items_looked_at(frame: Frame, walk: Walker, values: Sequence[object], names: Sequence[object]) -> Iterator[object]:
    """Return the items that may count as, or hold, stand-ins because of their identity."""
    for start in range(0, len(values), bulk.BLOCK):
        block = values[start : start + bulk.BLOCK]
        if bulk.covers_atoms(map(type, block)) and not walk.touches(block):
            frame.encoded.append(bulk.run_of_atoms(block))
        else:
            yield from _items(frame, block, names[start : start + bulk.BLOCK])


# --- dicts


def _open_mapping(walk: Walker, value: dict[object, object], step: Callable[[object], str] = step_to_item) -> Visit:
    if not walk.looks_inside:
        data = inline.small(value)
        if data is not None:
            return data
    if walk.touches(value):
        return _open_keys_then_values(walk, value, step)
    shape = inline.shape_of(value)
    if shape is not None:
        keys: Sequence[Any] = shape.keys
        head, values = [grammar.MAPPING_HEAD, shape.encoding], shape.values_of(value)
    else:
        plain = bulk.plain_keys(value)
        if plain is None:
            return _open_keys_then_values(walk, value, step)
        keys, pieces = plain
        head, values = [grammar.MAPPING_HEAD, *pieces], tuple(map(value.__getitem__, keys))
    kinds = set(map(type, values))
    if kinds <= grammar.ATOMS and not walk.touches(values):
        return conclude([*head, *bulk.atoms(b"(", values, kinds)])
    frame = Frame(value, head, step)
    frame.pending = _items_of(frame, walk, b"(", values, keys)
    return frame


def _open_keys_then_values(walk: Walker, value: dict[object, object], step: Callable[[object], str]) -> Frame:
    frame = Frame(value, [grammar.MAPPING_HEAD], step)
    frame.pending = _keys_then_values(frame, walk, value, step)
    return frame


def _keys_then_values(
    frame: Frame, walk: Walker, value: dict[object, object], step: Callable[[object], str]
) -> Iterator[object]:
    keys = list(value)
    frame.step = step_to_key
    yield from _items(frame, keys, range(len(keys)))
    encodings, frame.step = frame.encoded[:], step
    frame.encoded.clear()
    rank = grammar.key_order(encodings)
    order = sorted(range(len(keys)), key=lambda index: rank(encodings[index]))
    names, encodings = [keys[index] for index in order], [encodings[index] for index in order]
    values = list(map(value.__getitem__, names))
    if any(map(eq, encodings, encodings[1:])):
        frame.finish = lambda frame: grammar.mapping(encodings, frame.encoded)
        yield from _items(frame, values, names)
        return
    frame.head.extend(grammar.sequence(b"(", encodings))
    yield from _items_of(frame, walk, b"(", values, names)


# --- sets


def _open_set(tag: bytes, walk: Walker, value: Collection[object]) -> Visit:
    if not walk.touches(value):
        data = bulk.flat_set(tag, value)
        if data is not None:
            return data
    frame = Frame(value, [], step_to_member, unordered=True)
    frame.finish = lambda frame: grammar.members(tag, frame.encoded)
    frame.pending = iter(value)
    return frame


# --- what encoders return


def _open_parts(walk: Walker, description: Parts, value: object) -> Visit:
    kind, parts, labels = description
    items = (kind, *parts)
    if not walk.looks_inside and len(items) < grammar.PACK_MINIMUM:
        data, end = inline.run(items, 0, len(items))
        if end == len(items):
            return conclude([b"O", grammar.header(b"(", end), data])
    frame = Frame(value, [b"O"], step_to_part, described=True)
    frame.pending = _items_of(frame, walk, b"(", items, ("", *labels, *("",) * (len(parts) - len(labels))))
    return frame


def _open_attributes(walk: Walker, description: Attributes, _: object) -> Visit:
    values = description.values
    return _open_mapping(walk, values if type(values) is dict else dict(values.items()), step_to_attribute)


def array_header(kind: str, dtype: object, shape: tuple[int, ...], size: int) -> bytes:
    """Beginning of E of an array, before its `size` raw bytes."""
    return grammar.array_header(inline.of_array(kind, dtype, shape), size)


def _open_array(walk: Walker, array: Array, __: object) -> Visit:
    head = array_header(array.kind, array.dtype, array.shape, array.size)
    size = len(head) + array.size
    if size <= grammar.INLINE_LIMIT:
        return head + b"".join([bytes(block) for block in array.blocks()])
    return grammar.DIGEST_HEAD + walk.digests.of(chain((head,), array.blocks()), size)


def _open_definitions(walk: Walker, description: Definitions, value: object) -> Visit:
    root = description.root
    place = walk.place_of(root)
    if place is not None:
        return conclude(grammar.record([bulk.atom("reference"), bulk.atom(place)]))
    circle = walk.relations.circle_of(root)
    frame = Frame(value, [], step_to_part, described=True)
    frame.finish = lambda frame: grammar.record(frame.encoded)
    frame.at = ""
    frame.pending = chain(("definitions",), map(definition, circle))
    frame.defines = {id(member): place for place, member in enumerate(circle)}
    return frame


DESCRIPTIONS: dict[type, Callable[[Walker, Any, object], Visit]] = {
    Parts: _open_parts,
    Attributes: _open_attributes,
    Array: _open_array,
    Definitions: _open_definitions,
}
"""How to open what an encoder says about a value."""


def _open_itself(walk: Walker, description: Description) -> Visit:
    return DESCRIPTIONS[type(description)](walk, description, description)


OPENERS: dict[type, Opener] = {
    tuple: partial(_open_sequence, b"("),
    list: partial(_open_sequence, b"["),
    dict: _open_mapping,
    set: partial(_open_set, b"<"),
    frozenset: partial(_open_set, b">"),
    **dict.fromkeys(DESCRIPTIONS, _open_itself),
}
"""How to open the exact types that need no encoder."""

_NEVER_PACKED = (grammar.ATOMS | OPENERS.keys()) - {str}
"""Types one of which among its items keeps a sequence from being packed."""
