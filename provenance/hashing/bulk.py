"""Many children written by one call of `marshal`.

`marshal` version 2 has no memory between values: what it writes for a list is its header and then, byte for byte,
what it would write for each child. So one call stands for many, provided that first something is *certified*:

- every type is exact (`marshal` would write any buffer, and subclasses, as if they were plain);
- no child is longer than `INLINE_LIMIT` (what is no longer as a whole has no such child);
- nothing inside has to be packed.

What cannot be certified is left to be written child by child. The sizes of blocks are not part of the format.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Iterator, Sequence
from types import NoneType
from typing import Any

from provenance.hashing import grammar
from provenance.hashing.digest import conclude

BLOCK = 256
"""Children that are written at once; 64-bit integers then stay within the limit."""
SUB_BLOCK = 32
"""Children that are tried next where one in a block is too long."""

_FIXED = frozenset({NoneType, bool, float, complex})
_STRINGS = {str}
_INTEGERS = {int}

covers_atoms = grammar.ATOMS.issuperset
"""Whether all types that are given are types of atoms."""


def _marshal2(value: Any, /) -> bytes:
    return marshal.dumps(value, 2)


def _select_writer() -> Callable[[object], bytes]:
    """`marshal`, if it writes the specified bytes; else the specification."""
    probe: tuple[object, ...] = (
        *(None, True, False, 0, -1, 2**31 - 1, -(2**31), 2**31, -(2**70), 1.5, float("-inf"), -0.0, 1j),
        *("", "name", "name", "é\ud800\0", b"", b"bytes", (1, ("a", [2.5])), [], (StopIteration, ("a",), (1,))),
    )
    return _marshal2 if _marshal2(probe) == grammar.marshalled(probe) else grammar.marshalled


dumps = _select_writer()
"""The bytes that `marshal` version 2 writes."""


def atom(value: object) -> bytes:
    """C of an atom."""
    data = dumps(value)
    return data if len(data) <= grammar.INLINE_LIMIT else grammar.compact(grammar.atom(value))


def flat_set(tag: bytes, value: Collection[object]) -> bytes | None:
    """C of a set whose members are all strings or all integers; None if it is something else."""
    keys = plain_keys(value)
    return None if keys is None else conclude([tag, *keys[1]])


def plain_keys(keys: Collection[object]) -> tuple[list[Any], list[bytes]] | None:
    """Keys or members in canonical order, and the pieces of E of the tuple of them.

    None if they are neither all exact inline strings nor all exact inline integers.
    """
    kinds = set(map(type, keys))
    if kinds not in (_STRINGS, _INTEGERS):
        return None
    ordered: list[Any] = sorted(keys)
    if kinds == _STRINGS and len(ordered) >= grammar.PACK_MINIMUM:
        pieces = packed(b"(", ordered)
        if pieces is not None:
            return ordered, pieces
    all_inline = all_inline_text(ordered) if kinds == _STRINGS else _all_inline_integers(ordered)
    return (ordered, atoms(b"(", ordered, kinds)) if all_inline else None


def all_inline_text(texts: Collection[str]) -> bool:
    """Whether each of the strings is short enough to stand in a container as it is."""
    room = grammar.INLINE_LIMIT - 5
    longest = max(map(len, texts))
    if longest * 4 <= room or longest > room:
        return longest <= room
    return all(len(grammar.utf8(text)) <= room for text in texts if len(text) * 4 > room)


def _all_inline_integers(numbers: Sequence[int]) -> bool:
    return max(len(dumps(numbers[0])), len(dumps(numbers[-1]))) <= grammar.INLINE_LIMIT


def atoms(tag: bytes, values: Sequence[object], kinds: set[type]) -> list[bytes]:
    """Pieces of E of a tuple or list of atoms of these types, of any length."""
    if len(values) >= grammar.PACK_MINIMUM and kinds == _STRINGS:
        pieces = packed(tag, values)  # type: ignore[arg-type]
        if pieces is not None:
            return pieces
    head = grammar.header(tag, len(values))
    if kinds <= _FIXED:
        return [head, *(dumps(values[i : i + (BLOCK << 4)])[5:] for i in range(0, len(values), BLOCK << 4))]
    return [head, *_atom_blocks(values)]


def _atom_blocks(values: Sequence[object]) -> Iterator[bytes]:
    for start in range(0, len(values), BLOCK):
        data = joined_atoms(values[start : start + BLOCK])
        if data is not None:
            yield data
            continue
        for first in range(start, min(start + BLOCK, len(values)), SUB_BLOCK):
            block = values[first : min(first + SUB_BLOCK, start + BLOCK)]
            yield run_of_atoms(block)


def joined_atoms(block: Sequence[object]) -> bytes | None:
    """C of each atom in the tuple or list, joined; None if one might be longer than the limit."""
    data = dumps(block)
    return data[5:] if len(data) - 5 <= grammar.INLINE_LIMIT else None


def run_of_atoms(block: Sequence[object]) -> bytes:
    """C of each atom in the tuple or list, joined."""
    data = joined_atoms(block)
    return b"".join(map(atom, block)) if data is None else data


def packed(tag: bytes, texts: Sequence[str]) -> list[bytes] | None:
    """Pieces of E of a packed tuple or list; None if a string holds NUL or is too long to be inline."""
    data = grammar.utf8("\0".join(texts))
    if data.count(0) != len(texts) - 1:
        return None
    room = grammar.INLINE_LIMIT - 5
    window = room // 2
    if any(data.find(0, start, start + window) < 0 for start in range(0, len(data), window)) and any(
        len(text) > room for text in data.split(b"\0")
    ):
        return None
    return [grammar.packed_header(tag, len(texts), len(data)), data]
