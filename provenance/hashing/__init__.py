"""What identifies a value: the digest of its canonical encoding.

Equal values have equal hashes in every process; values of different types have different ones. See
`provenance.hashing.grammar` for the bytes that are hashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from provenance._util.deferred import Deferred
from provenance.hashing import bulk, grammar, inline
from provenance.hashing.digest import hexdigest_of, hexdigest_of_short
from provenance.types import CarriesArtifact, Fingerprint

if TYPE_CHECKING:
    from provenance.hashing import walk
    from provenance.hashing.containers import array_header
    from provenance.hashing.digest import ahead
    from provenance.hashing.files import hash_file
    from provenance.hashing.naming import type_name
    from provenance.hashing.parts import Array, Attributes, Parts, Undetermined
    from provenance.hashing.registry import register_encoder
    from provenance.hashing.representation import value_repr
else:
    walk = Deferred("provenance.hashing.walk")  # atoms and flat containers of them need no walk

_HOMES = {
    "containers": "array_header",
    "digest": "ahead",
    "files": "hash_file",
    "naming": "type_name",
    "parts": "Array Attributes Parts Undetermined",
    "registry": "register_encoder",
    "representation": "value_repr",
}
_ORIGINS = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "SCHEME",
    "Array",
    "Attributes",
    "Parts",
    "Undetermined",
    "ahead",
    "array_header",
    "digest_of",
    "fingerprint",
    "fingerprint_of_long",
    "hash_argument",
    "hash_atom",
    "hash_file",
    "hash_value",
    "is_atom",
    "key_of",
    "register_encoder",
    "type_name",
    "value_repr",
]

SCHEME: int = 2
"""Number of the encoding; it changes whenever the hash of any value does."""


def fingerprint(
    value: object,
    *,
    path: str = "value",
    carriers: list[tuple[str, CarriesArtifact]] | None = None,
    carried: Mapping[int, CarriesArtifact] | None = None,
) -> Fingerprint:
    """Hash a value, and say what stands for it inside of a container.

    Parameters
    ----------
    value : object
        Anything with a deterministic encoding. A stand-in (an object whose type has `__provenance_encoding__`)
        counts as the value it stands for, at any depth; nothing else of it is touched.
    path : str, optional
        What errors and `carriers` call the value.
    carriers : list, optional
        Gets a pair of path and stand-in appended for each stand-in that is met, each time.
    carried : mapping, optional
        Stand-ins by the ``id()`` of objects that live at least as long as the call. Such an object, other than None
        and booleans, counts as its stand-in: it is not hashed again, and is reported.

    Returns
    -------
    Fingerprint
        The digest (64 hex digits) and the encoding that a container would hold.

    Raises
    ------
    HashingError
        A part of the value has no deterministic encoding; the message names the path to it.
    """
    encoding = bulk.atom(value) if is_atom(value) and not carried else walk.encode(value, path, carriers, carried)
    return Fingerprint(hexdigest_of(encoding), encoding)


def fingerprint_of_long(digest: str) -> Fingerprint:
    """Return the fingerprint of a value whose encoding has this digest and is longer than what containers hold."""
    return Fingerprint(digest, grammar.DIGEST_HEAD + bytes.fromhex(digest))


def hash_argument(value: object, path: str, carriers: list[tuple[str, CarriesArtifact]]) -> str:
    """Return the digest that `fingerprint` gives, sooner for what most arguments are: atoms and stand-ins."""
    kind = type(value)
    if kind in grammar.ATOMS:
        return hash_atom(value)
    stand_in = getattr(kind, grammar.STAND_IN, None)
    if stand_in is None:
        return hexdigest_of(walk.encode(value, path, carriers))
    carriers.append((path, cast("CarriesArtifact", value)))
    return hexdigest_of(stand_in(value))


def is_atom(value: object) -> bool:
    """Tell whether a value is exactly a None, bool, int, float, complex, str or bytes; no proxy is one."""
    return type(value) in grammar.ATOMS


def hash_value(value: object) -> str:
    """Return the hash of a value: 64 hex digits.

    Equal values have equal hashes: whatever the order of dicts and sets, the memory layout of arrays, the process,
    or the optional packages that are installed. Values of different types have different hashes, ``1``, ``1.0``,
    ``True``, ``[1]`` and ``(1,)`` for example. Floats go by their bits.

    Parameters
    ----------
    value : object
        Anything with a deterministic encoding.

    Raises
    ------
    HashingError
        A part of the value has no deterministic encoding; the message names the path to it.
    """
    return inline.digest(value) or hexdigest_of(walk.encode(value))


def hash_atom(value: object) -> str:
    """Return `hash_value` of what `is_atom` says is an atom."""
    return inline.digest(value) or hexdigest_of(bulk.atom(value))


def key_of(*parts: object) -> str:
    """Return a digest of exact strings, integers, Nones and nested tuples of them: 64 hex digits.

    It is made for keys, which are made often: quicker than `digest_of`, and another digest.
    """
    return hexdigest_of_short(bulk.dumps(parts))


def digest_of(*parts: object) -> str:
    """Return the digest of a tuple of plain builtin values: 64 hex digits, the same as ``hash_value(parts)``."""
    return hash_value(parts)


def __getattr__(name: str) -> object:
    if name not in _ORIGINS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_ORIGINS[name]}"), name)
    globals()[name] = value
    return value
