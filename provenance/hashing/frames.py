"""A container whose children are being encoded, and the path to the child that is next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from provenance.hashing import grammar

_LONGEST_NAME = 40
_MOST_STEPS = 40
_NOTHING: Iterator[object] = iter(())


class Context:
    """What holds inside of one circle of definitions, where an encoding may refer to the circle, or outside of all.

    Attributes
    ----------
    references
        Places of the circle's definitions by identity.
    active
        Identities of the containers that are open. One that is open outside may be met again: what closes the circle
        is a reference.
    known
        C of long values that were met, with the value, by identity.
    """

    __slots__ = ("active", "known", "references")

    def __init__(self, references: dict[int, int]) -> None:
        self.references = references
        self.active: set[int] = set()
        self.known: dict[int, tuple[object, bytes]] = {}


class Frame:
    """The state of one container during a walk.

    Attributes
    ----------
    value
        The container; keeping it here keeps its identity taken.
    pending
        Yields the children that are to be encoded one by one; it may append joined encodings of others itself.
    encoded
        C of the children so far.
    head
        Pieces of E before those that stand for the children.
    finish
        Makes the pieces of E from the frame.
    step
        Writes the place of the child at `at` as the end of a path.
    described
        Whether the children were made by an encoder.
    unordered
        Whether the order of the children depends on the process.
    met
        How many stand-ins had been met when the frame was entered.
    defines
        The places of definitions, by identity, in the circle that the frame stands for; None for a container.
    outer
        What held before the circle was entered.
    """

    __slots__ = (
        *("at", "defines", "described", "encoded", "finish", "head", "met", "outer", "pending", "step"),
        *("unordered", "value"),
    )

    def __init__(
        self,
        value: object,
        head: list[bytes],
        step: Callable[[object], str],
        *,
        described: bool = False,
        unordered: bool = False,
    ) -> None:
        self.value = value
        self.head = head
        self.finish = joined
        self.step = step
        self.described = described
        self.unordered = unordered
        self.pending: Iterator[object] = _NOTHING
        self.encoded: list[bytes] = []
        self.at: object = None
        self.met = 0
        self.defines: dict[int, int] | None = None
        self.outer: Context | None = None


def joined(frame: Frame) -> list[bytes]:
    """Pieces of E where the children follow the head."""
    return frame.head + frame.encoded


Visit: TypeAlias = bytes | Frame


def path_of(start: str, stack: Sequence[Frame]) -> str:
    """Path from the value that is hashed to the child that is being encoded."""
    steps = [frame.step(frame.at) for frame in stack]
    if len(steps) > _MOST_STEPS:
        half = _MOST_STEPS // 2
        steps = [*steps[:half], f"...({len(steps) - 2 * half} levels)...", *steps[-half:]]
    return start + "".join(steps)


def step_to_item(at: Any) -> str:
    """Step to an item of a sequence, by index, or of a dict, by key."""
    kind = type(at)  # never `isinstance`, which would load a proxy
    if kind is str or kind is bytes:
        return f"[{at!r}]" if len(at) <= _LONGEST_NAME else f"[{at[:_LONGEST_NAME]!r}...]"
    if kind is int and at.bit_length() > _LONGEST_NAME << 2:
        return "[<large int>]"
    return f"[{at!r}]" if kind in grammar.ATOMS else f"[<{kind.__name__}>]"


def step_to_key(at: object) -> str:
    """Step to a key of a dict."""
    return f".keys()[{at}]"


def step_to_attribute(at: object) -> str:
    """Step to an attribute."""
    return f".{at}"


def step_to_member(_: object) -> str:
    """Step to a member of a set, which has no place."""
    return "{...}"


def step_to_part(at: object) -> str:
    """Step to a part, by its label."""
    return str(at)
