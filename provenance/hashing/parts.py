"""What an encoder says about a value: the parts it is made of.

An encoder is a function from an object to one of these. It never writes bytes of the grammar itself; the walker
does, and names the path to a part that cannot be encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | memoryview


class Parts(NamedTuple):
    """An object of a kind, made of parts.

    Attributes
    ----------
    kind : str
        What the object is. Kinds without a dot are those of this library.
    parts : sequence
        Values, encoded in this order; they may be `Parts`, `Attributes` or `Array` themselves.
    labels : sequence of str
        How each part is written behind the path of the object in an error, as in ``.start``; a part without a
        label has the path of the object.
    """

    kind: str
    parts: Sequence[object]
    labels: Sequence[str] = ()


class Attributes(NamedTuple):
    """A dict whose keys are names of attributes; encoded like the dict."""

    values: Mapping[str, object]


class Array(NamedTuple):
    """Raw memory with a type and a shape.

    Attributes
    ----------
    kind, dtype, shape
        Atoms, or tuples of them; they determine the number of bytes.
    size : int
        Bytes in all.
    blocks : callable
        Returns the bytes in C order, block by block. A block may be overwritten when the next one is asked for.
    """

    kind: str
    dtype: object
    shape: tuple[int, ...]
    size: int
    blocks: Callable[[], Iterable[Buffer]]


class Definitions(NamedTuple):
    """A function or class that is described by its code, with those that refer to it in a circle."""

    root: object


Description: TypeAlias = Parts | Attributes | Array | Definitions
Encoder: TypeAlias = Callable[[Any], Description]

AS_INPUT = (
    "Leave the parameter out with `ignore=` or `remove=`, or register a `value_repr` for the class that holds it."
)


class Undetermined(Exception):  # noqa: N818  a verdict of an encoder; the walker turns it into a HashingError
    """The object has no deterministic encoding: why, and what the user can do."""

    def __init__(self, cause: str, remedy: str = AS_INPUT) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


def memory(kind: str, dtype: object, shape: tuple[int, ...], data: Buffer) -> Array:
    """Describe bytes that are in memory in one piece."""
    view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
    return Array(kind, dtype, shape, len(view), lambda: (view,))
