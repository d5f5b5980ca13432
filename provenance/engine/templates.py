"""Keys of the calls of one function: the bytes that are the same in each of them are written once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from provenance.hashing.bulk import dumps
from provenance.hashing.digest import hexdigest_of_short
from provenance.types import ArtifactId, RecipeKey

CALL, RECIPE = "provenance.call", "provenance.recipe"
"""What content keys and recipe keys of calls begin with."""
HexDigests: TypeAlias = tuple[bytes, ...]
"""Hex digits of the value hashes of a call's arguments, in the order of the parameters' names."""


class KeyTemplate:
    """One kind of key of the calls of a function whose arguments are its named parameters, each hashed as it is.

    Parameters
    ----------
    kind : str
        `CALL` or `RECIPE`.
    identity : tuple
        What keys of the function are made of besides arguments.
    names : tuple of str
        Its parameters, sorted.
    """

    __slots__ = ("_text",)

    def __init__(self, kind: str, identity: tuple[object, ...], names: tuple[str, ...]) -> None:
        hole = os.urandom(32).hex()
        whole = dumps((kind, identity, tuple((name, hole) for name in names), ()))
        self._text = whole.replace(b"%", b"%%").replace(hole.encode(), b"%b")

    def key(self, digests: HexDigests) -> str:
        """The key of a call: the same 64 hex digits that it has without a template."""
        return hexdigest_of_short(self._text % digests)


class CallKeys:
    """Both keys of such calls; see `KeyTemplate`."""

    __slots__ = ("artifact_id", "names", "recipe")

    artifact_id: Callable[[HexDigests], ArtifactId]
    recipe: Callable[[HexDigests], RecipeKey]

    def __init__(self, identity: tuple[object, ...], names: tuple[str, ...]) -> None:
        self.names = names
        self.artifact_id = cast("Any", KeyTemplate(CALL, identity, names).key)
        self.recipe = cast("Any", KeyTemplate(RECIPE, identity, names).key)
