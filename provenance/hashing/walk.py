"""The walk over a value: every child is encoded, then its container, with a stack of its own instead of recursion."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from provenance.errors import HashingError
from provenance.hashing import bulk, functions, grammar, inline, stdlib  # noqa: F401  stdlib registers its encoders
from provenance.hashing.containers import DESCRIPTIONS, OPENERS, Opener
from provenance.hashing.digest import Digests, conclude
from provenance.hashing.frames import Context, Frame, Visit, path_of
from provenance.hashing.objects import encoder_of_class
from provenance.hashing.parts import AS_INPUT, Array, Encoder, Parts, Undetermined
from provenance.hashing.registry import ENCODERS
from provenance.hashing.representation import registrations
from provenance.types import CarriesArtifact

_MOST_LEVELS = 1_000_000
_MOST_TYPES = 4096

_openers: dict[type, Opener] = {}
"""How to open values of types that were met; decided anew when encoders are registered."""
_decided_with = (0, 0)


def encode(
    value: object,
    path: str = "value",
    carriers: list[tuple[str, CarriesArtifact]] | None = None,
    carried: Mapping[int, CarriesArtifact] | None = None,
) -> bytes:
    """C of any value; see `provenance.hashing.fingerprint` for the parameters."""
    data = None if carried else inline.small(value)
    if data is not None:
        return data
    _forget_outdated_decisions()
    return Walk(path, carriers, carried).run(value)


def _forget_outdated_decisions() -> None:
    global _decided_with  # noqa: PLW0603  goes with the table above
    now = (registrations(), ENCODERS.version)
    if now != _decided_with or len(_openers) > _MOST_TYPES:
        _openers.clear()
        _decided_with = now


class Walk:
    """One walk over one value.

    `carriers`, if given, collects the stand-ins that are met; `carried` maps identities of objects to the
    stand-ins they count as.
    """

    __slots__ = ("_carried", "_carriers", "_context", "_defining", "_path", "_stack", "digests", "relations")

    def __init__(
        self,
        path: str,
        carriers: list[tuple[str, CarriesArtifact]] | None,
        carried: Mapping[int, CarriesArtifact] | None,
    ) -> None:
        self.relations = functions.References()
        self.digests = Digests()
        self._path = path
        self._carriers = carriers
        self._carried = carried or None
        self._stack: list[Frame] = []
        self._context = Context({})
        self._defining: set[int] = set()

    # --- the loop

    def run(self, value: object) -> bytes:
        """C of the value."""
        visit = self._visit(value)
        return visit if isinstance(visit, bytes) else self._drain(visit)

    def _drain(self, root: Frame) -> bytes:
        stack, visit = self._stack, self._visit
        self._enter(root)
        frame = root
        while True:
            for child in frame.pending:
                visited = visit(child)
                if isinstance(visited, bytes):
                    frame.encoded.append(visited)
                else:
                    self._enter(visited)
                    frame = visited
                    break
            else:
                encoding = self._leave(frame)
                if not stack:
                    return encoding
                frame = stack[-1]
                frame.encoded.append(encoding)

    def _enter(self, frame: Frame) -> None:
        stack, identity = self._stack, id(frame.value)
        entered = self._context.active if frame.defines is None else self._defining
        if identity in entered:
            raise self._error(frame.value, "it contains itself", "Pass a value without a circle of references.")
        if len(stack) >= _MOST_LEVELS:
            raise self._error(frame.value, f"it lies {_MOST_LEVELS:,} levels deep", "Pass a flatter value.")
        entered.add(identity)
        if frame.defines is not None:
            frame.outer, self._context = self._context, Context(frame.defines)
        stack.append(frame)
        if self._carriers is not None:
            frame.met = len(self._carriers)

    def _leave(self, frame: Frame) -> bytes:
        encoding = conclude(frame.finish(frame))
        self._stack.pop()
        if frame.outer is not None:
            self._context = frame.outer
            self._defining.discard(id(frame.value))
        else:
            self._context.active.discard(id(frame.value))
        if self._carriers is None or len(self._carriers) == frame.met:
            if encoding[:1] == grammar.DIGEST_HEAD:
                self._remember(frame.value, encoding)
        elif frame.unordered:
            self._carriers[frame.met :] = sorted(self._carriers[frame.met :], key=_by_path_and_value)
        return encoding

    def _remember(self, value: object, encoding: bytes) -> None:
        """Keep the digest of a long value, which may occur again.

        Not of what an encoder made up: it would be kept alive for nothing.
        """
        if self._stack and not self._stack[-1].described:
            self._context.known[id(value)] = (value, encoding)

    # --- one value

    def _visit(self, value: Any) -> Visit:
        """C of the value, or the frame in which its children are to be encoded."""
        kind = type(value)
        if self._carried is not None and value is not None and kind is not bool:
            carrier = self._carried.get(id(value))
            if carrier is not None:
                return self._stand_in(carrier)
        if kind in grammar.ATOMS:
            return bulk.atom(value)
        known = self._context.known.get(id(value))
        if known is not None:
            return known[1]
        opener = OPENERS.get(kind) or _openers.get(kind)
        if opener is None:
            opener = _openers[kind] = self._opener_for(kind, value)
        return opener(self, value)

    def _opener_for(self, kind: type, value: object) -> Opener:
        if hasattr(kind, grammar.STAND_IN):
            return Walk._stand_in  # type: ignore[return-value]
        try:
            encoder = encoder_of_class(kind)
        except Undetermined as verdict:
            raise self._error(value, verdict.cause, verdict.remedy) from None
        return partial(Walk._described, encoder)

    def _stand_in(self, carrier: CarriesArtifact) -> bytes:
        """C of what the stand-in stands for; nothing else of it is touched."""
        if self._carriers is not None:
            self._carriers.append((path_of(self._path, self._stack), carrier))
        return _encoding_of(carrier)

    @staticmethod
    def _described(encoder: Encoder, self: Any, value: object) -> Visit:
        """Open what an encoder says about a value."""
        try:
            description = encoder(value)
        except Undetermined as verdict:
            raise self._error(value, verdict.cause, verdict.remedy) from verdict.__cause__
        except Exception as error:  # code of the value's class ran, and may raise anything: the path belongs to it
            raise self._error(value, f"{type(error).__name__}: {error}", AS_INPUT) from error
        visit = DESCRIPTIONS[type(description)](self, description, value)
        if isinstance(visit, bytes):
            if type(description) is Array:
                if visit[:1] == grammar.DIGEST_HEAD:
                    self._remember(value, visit)
            elif type(description) is Parts and description.kind == "global":
                self._context.known[id(value)] = (value, visit)
        return visit

    # --- what openers ask

    def place_of(self, definition: object) -> int | None:
        """Place of a definition in the circle that is being encoded; None if it is not part of it."""
        return self._context.references.get(id(definition))

    def report(self, values: Sequence[Any], names: Sequence[object]) -> None:
        """Report the stand-ins among the items of the container that is being encoded."""
        if self._carriers is None:
            return
        *outer, frame = self._stack
        path = path_of(self._path, outer)
        self._carriers.extend(
            (path + frame.step(name), value)
            for name, value in zip(names, values, strict=True)
            if type(value) not in grammar.ATOMS
        )

    @property
    def looks_inside(self) -> bool:
        """Whether the identity of everything, however deep, has to be looked at."""
        return self._carried is not None

    def touches(self, values: Collection[object]) -> bool:
        """Whether one of the values counts as a stand-in because of its identity."""
        return self._carried is not None and not self._carried.keys().isdisjoint(map(id, values))

    # --- errors

    def _error(self, value: object, cause: str, remedy: str) -> HashingError:
        kind = type(value)
        where = path_of(self._path, self._stack)
        return HashingError(
            f"{where} (of type {kind.__module__}.{kind.__qualname__}) has no deterministic hash: {cause}. {remedy}"
        )


def _encoding_of(carrier: CarriesArtifact) -> bytes:
    return type(carrier).__provenance_encoding__(carrier)


def _by_path_and_value(met: tuple[str, CarriesArtifact]) -> tuple[str, bytes]:
    return met[0], _encoding_of(met[1])
