"""The members of a chain: who is asked, who has to take what is written, and who is left out for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, get_args

from provenance.blobstores.choices import RETRY_SECONDS, OnUnreachable, WritePolicy
from provenance.blobstores.outages import Action, Outages, is_outage
from provenance.errors import (
    BlobCorruptError,
    ConfigError,
    NotFoundError,
    ProvenanceError,
    StorageError,
    TierUnavailableError,
)
from provenance.types import Permissions

Permission: TypeAlias = Literal["read", "write", "delete"]


class Member(Protocol):
    """A blobstore or a repo."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def permissions(self) -> Permissions:
        """What may be done with it."""


M = TypeVar("M", bound=Member)
T = TypeVar("T")


class Tiers(Generic[M]):
    """The members of a chain, the nearest first.

    Parameters
    ----------
    members : sequence of BlobStore or BaseRepo
        The members.
    chain : str
        What the chain is called in messages, as in ``chained repo 'team'``.
    logger : logging.Logger
        Where it is said once per outage that a member is out of reach.
    write_policy : {"all", "first", "any"}
        Which of the writable members must take what is written: each of them, only the nearest one, or at least one.
    on_unreachable : {"skip", "raise"}
        Whether a member that is out of reach is left out for `retry_seconds`, or is an error.
    retry_seconds : float
        How long it is left out.

    Raises
    ------
    ConfigError
        There is no member, or an option has a value it cannot have.
    """

    def __init__(  # noqa: PLR0913  each option is a key of the configuration
        self,
        members: Sequence[M],
        chain: str,
        logger: logging.Logger,
        *,
        write_policy: WritePolicy = "all",
        on_unreachable: OnUnreachable = "skip",
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        if not members:
            msg = f"{chain} needs at least one member"
            raise ConfigError(msg)
        _check(chain, "write_policy", write_policy, get_args(WritePolicy))
        _check(chain, "on_unreachable", on_unreachable, get_args(OnUnreachable))
        if not retry_seconds >= 0:
            msg = f"retry_seconds of {chain} must be a number of seconds, got {retry_seconds!r}"
            raise ConfigError(msg)
        self.members = tuple(members)
        self._chain = chain
        self._logger = logger
        self._policy = write_policy
        self._skips = on_unreachable == "skip"
        self._outages = Outages(chain, logger, retry_seconds)
        self._reported: set[tuple[int, str, type[Exception]]] = set()

    @property
    def needs_one(self) -> bool:
        """Whether it is enough that any of the members has taken what is written."""
        return self._policy == "any"

    def permitting(self, permission: Permission) -> list[tuple[int, M]]:
        """The members that permit something, with their positions."""
        return [
            (position, member)
            for position, member in enumerate(self.members)
            if getattr(member.permissions, permission)
        ]

    def writing(self) -> list[tuple[int, M]]:
        """The members that what is written lies in afterwards while none is out of reach, with their positions."""
        return self.permitting("write")[: 1 if self._policy == "first" else None]

    def last_written(self) -> int | None:
        """The position of the readable member that is the last to be written: who shares any, shares this one."""
        return next((position for position, member in reversed(self.writing()) if member.permissions.read), None)

    def taking_copies(self, position: int) -> list[tuple[int, M]]:
        """The members before a position that what is found there is copied into."""
        before = enumerate(self.members[:position])
        return [
            (at, member) for at, member in before if member.permissions.write and member.permissions.read_through_write
        ]

    def attempt(self, position: int, action: Action, act: Callable[[M], T]) -> T:
        """What a member answers.

        Raises
        ------
        TierUnavailableError
            It is out of reach; or it was a moment ago, and was not asked.
        """
        member = self.members[position]
        place = (position, action)
        if self._skips and (known := self._outages.left_out(place)) is not None:
            raise self._unavailable(member, action, known) from known
        try:
            answer = act(member)
        except StorageError as exc:
            if not is_outage(exc):
                self._outages.ended(place, member.name)
                raise
            self._outages.began(place, member.name, exc)
            raise self._unavailable(member, action, exc) from exc
        except NotFoundError:
            self._outages.ended(place, member.name)
            raise
        self._outages.ended(place, member.name)
        return answer

    def answers(
        self, action: Action, act: Callable[[M], T], failures: list[ProvenanceError]
    ) -> Iterator[tuple[int, T]]:
        """What the readable members answer, one after the other, with their positions.

        Those that cannot answer are passed over, and why is appended to `failures`.

        Raises
        ------
        TierUnavailableError
            One is out of reach, and that is an error in this chain.
        """
        for position, _ in self.permitting("read"):
            try:
                answer = self.attempt(position, action, act)
            except TierUnavailableError as exc:
                if not self._skips:
                    raise
                failures.append(exc)
            except (NotFoundError, StorageError) as exc:
                failures.append(exc)
                if not isinstance(exc, NotFoundError | BlobCorruptError):  # damage is reported by the member
                    self._report(position, f"cannot {action}", exc)
            else:
                yield position, answer

    def write(self, act: Callable[[M], T], begin_with: int | None = None) -> list[T]:
        """Write into the members that may be written, as the chain's policy says: the nearest first, or a given one.

        Members after one that fails are written all the same, and what was written stays.

        Returns
        -------
        list
            What those answered that took it, the nearest first.

        Raises
        ------
        StorageError
            One that must take it could not; the message tells which one, and which ones took it.
        """
        taken: dict[int, T] = {}
        failures: list[tuple[int, ProvenanceError]] = []
        positions = [position for position, _ in self.permitting("write")]
        for position in sorted(positions, key=lambda position: position != begin_with):
            try:
                taken[position] = self.attempt(position, "write", act)
            except (NotFoundError, StorageError) as exc:
                failures.append((position, exc))
                if self._policy == "first" and not (self._skips and isinstance(exc, TierUnavailableError)):
                    break
            else:
                if self._policy == "first":
                    break
        if failures and not (taken and self._policy == "first"):
            self._settle([self.members[position].name for position in sorted(taken)], failures)
        return [taken[position] for position in sorted(taken)]

    def _settle(self, took_it: list[str], failures: list[tuple[int, ProvenanceError]]) -> None:
        """Raise what went wrong, or report it once where it is enough that some member took it."""
        if self._policy != "any" or not took_it:
            raise _told([exc for _, exc in failures], took_it)
        for position, exc in failures:
            self._report(position, "did not take what was written", exc)

    def _report(self, position: int, what: str, exc: ProvenanceError) -> None:
        """Say once what a member did not do, unless it was said already that it is out of reach."""
        kind = (position, what, type(exc))
        if not isinstance(exc, TierUnavailableError) and kind not in self._reported:
            self._reported.add(kind)
            self._logger.warning("%s: %r %s: %s", self._chain, self.members[position].name, what, exc)

    def everywhere(self, permission: Permission, action: Action, act: Callable[[M], T]) -> list[T]:
        """Act on every member that permits it, and only then raise what the first failure was."""
        results: list[T] = []
        failures: list[ProvenanceError] = []
        for position, _ in self.permitting(permission):
            try:
                results.append(self.attempt(position, action, act))
            except StorageError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
        return results

    def copy_up(self, position: int, act: Callable[[M], object]) -> None:
        """Copy what was found at a position into earlier members; one that cannot take it is reported only."""
        for target, _ in self.taking_copies(position):
            try:
                self.attempt(target, "copy", act)
            except (NotFoundError, StorageError) as exc:  # what was to be read was read: nobody needs the copy
                self._report(target, f"took no copy from {self.members[position].name!r}", exc)

    def outage(self, action: Action) -> StorageError | None:
        """Why a readable member is out of reach for an action at this moment, if one is."""
        causes = (self._outages.cause((position, action)) for position, _ in self.permitting("read"))
        return next((cause for cause in causes if cause is not None), None)

    def _unavailable(self, member: M, action: Action, cause: BaseException) -> TierUnavailableError:
        return TierUnavailableError(f"{self._chain} cannot {action} in its member {member.name!r}: {cause}")


def worst(failures: Sequence[ProvenanceError]) -> ProvenanceError | None:
    """The failure that says most: damage, else that a member cannot tell, else that it refused, else the first."""
    for kind in (BlobCorruptError, TierUnavailableError, StorageError, ProvenanceError):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return None


def _told(failures: list[ProvenanceError], took_it: list[str]) -> ProvenanceError:
    """The failure that says most, with the names of those that took what was written."""
    refusals = [failure for failure in failures if not isinstance(failure, TierUnavailableError)]
    if refusals:
        return refusals[0]
    if not took_it:
        return failures[0]
    told = TierUnavailableError(f"{failures[0]}; it was stored in {', '.join(map(repr, took_it))}")
    told.__cause__ = failures[0]
    return told


def _check(chain: str, option: str, given: object, choices: tuple[str, ...]) -> None:
    if given not in choices:
        msg = f"{option} of {chain} must be one of {', '.join(map(repr, choices))}, got {given!r}"
        raise ConfigError(msg)
