"""Calls go on while a repo is out of reach: what is computed waits in a journal until it can be stored."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from provenance._util.callers import caller_level
from provenance._util.deferred import Deferred
from provenance._util.patience import Patience
from provenance.errors import (
    NotFoundError,
    RepoOutageWarning,
    RepoUnreachableError,
    SerializationError,
    StorageError,
    StoreUnavailableError,
)
from provenance.repos.journal.folder import JournalFolder, logger
from provenance.types import ArtifactId, ArtifactRecord

if TYPE_CHECKING:
    import dataclasses

    from provenance.types import Draft
else:
    dataclasses = Deferred("dataclasses")

Records: TypeAlias = dict[ArtifactId, ArtifactRecord]
_SECONDS_EACH_TIME = 1.0


class Replayed(NamedTuple):
    """What became of the entries of a journal: how many are stored now, still wait, and turned out to be of no use."""

    stored: int = 0
    waiting: int = 0
    set_aside: int = 0


class Backlog:
    """The drafts that wait for one repo.

    Parameters
    ----------
    folder : JournalFolder
        Where they are kept.
    name : str
        What the repo is called in messages.
    save : callable
        Stores a draft in the repo.
    keep_bytes : callable
        Stores what a draft has in large payloads in the repo's blobstore, and returns the record that says where.
    """

    def __init__(
        self,
        folder: JournalFolder,
        name: str,
        save: Callable[[Draft], ArtifactRecord],
        keep_bytes: Callable[[Draft], ArtifactRecord],
    ) -> None:
        self._folder = folder
        self._name = name
        self._save = save
        self._keep_bytes = keep_bytes
        self._own: dict[ArtifactId, Path] = {}
        self._outage = False
        self._patience = Patience()
        self.is_busy = bool(folder.paths())
        """Whether anything may wait, or the repo was out of reach when it was used last."""

    # ---- outages

    def report(self, error: Exception, consequence: str) -> None:
        """Say, once for each outage, that the repo is out of reach and what follows from it."""
        self.is_busy = True
        if self._outage:
            return
        self._outage = True
        msg = f"repo {self._name!r} is out of reach, {consequence}: {error}"
        logger.warning(msg)
        warnings.warn(msg, RepoOutageWarning, stacklevel=caller_level())

    def found(self, find: Callable[[Collection[ArtifactId]], Records], ids: Collection[ArtifactId]) -> Records:
        """The records among those of this process that wait, and what `find` gives; what waits is stored first."""
        self.settle()
        found = self._waiting(ids)
        rest = [key for key in ids if key not in found]
        if rest:
            found.update(find(rest))
            self.reached()
        return found

    def reached(self) -> None:
        """Note that the repo was used with success."""
        self._outage = False
        self.is_busy = bool(self._own) or bool(self._folder.paths())

    def _waiting(self, ids: Collection[ArtifactId]) -> dict[ArtifactId, ArtifactRecord]:
        found = {}
        for key in ids:
            path = self._own.get(key)
            draft = None if path is None else self._folder.read(path)
            if draft is not None:
                found[key] = draft.record._replace(journaled=True)
            elif path is not None:
                self._own.pop(key, None)
        return found

    # ---- keeping

    def keep(self, draft: Draft, error: StorageError) -> ArtifactRecord:
        """Keep a draft that could not be stored, and return its record; `error`, if it is of no kind that passes.

        Its bytes are kept here unless the blobstore takes them.
        """
        if not isinstance(error, RepoUnreachableError | StoreUnavailableError):
            raise error
        try:
            kept = dataclasses.replace(draft, record=self._keep_bytes(draft), value=None, inputs=None)
        except StorageError:
            kept = draft
        try:
            self._own[draft.record.id] = self._folder.add(kept)
        except StorageError as exc:
            logger.warning("%s", exc)
            raise error from exc
        self.report(error, f"results wait in the journal {self._folder.folder} until they can be stored")
        return kept.record._replace(journaled=True)

    def drop(self, ids: Collection[ArtifactId]) -> None:
        """Drop what this process keeps of these artifacts."""
        for key in ids:
            path = self._own.pop(key, None)
            if path is not None:
                self._folder.remove(path)

    # ---- storing

    def settle(self) -> None:
        """Store some of what waits, unless that failed a moment ago; nothing of it surfaces."""
        if self._patience.is_over:
            return
        started = monotonic()
        done = self.replay(until=started + _SECONDS_EACH_TIME)
        if done.waiting and not done.stored:
            self._patience.failed(monotonic() - started)

    def replay(self, until: float = float("inf")) -> Replayed:
        """Store what waits, the oldest first, and remove it when it is stored; stops where the repo is out of reach."""
        stored = set_aside = 0
        with self._folder.replaying() as is_free:
            paths = self._folder.paths()
            for position, path in enumerate(paths if is_free else ()):
                outcome = self._replay_one(path)
                if outcome is None:
                    return Replayed(stored, len(paths) - position, set_aside)
                stored, set_aside = stored + outcome.stored, set_aside + outcome.set_aside
                if monotonic() > until:
                    break
        return Replayed(stored, len(self._folder.paths()), set_aside)

    def _replay_one(self, path: Path) -> Replayed | None:
        """Store one entry; None if nothing can be stored now."""
        draft = self._folder.read(path)
        if draft is None:
            return Replayed(set_aside=int(self._folder.was_set_aside(path)))
        try:
            self._save(draft)
        except (NotFoundError, SerializationError) as exc:
            self._folder.set_aside(path, f"artifact {draft.record.id} cannot be stored: {exc}")
            return Replayed(set_aside=1)
        except StorageError as exc:
            logger.info("%s", exc)
            return None
        self._folder.remove(path)
        if self._own.get(draft.record.id) == path:
            del self._own[draft.record.id]
        return Replayed(stored=1)


def journal_place(configured: str | os.PathLike[str] | None, environment: Mapping[str, str]) -> Path:
    """The folder of the journals of all repos: the configured one, else a folder of the user's."""
    if configured is not None:
        return Path(configured).expanduser().absolute()
    home = environment.get("PROVENANCE_HOME")
    if home:
        return Path(home).absolute() / "journal"
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "provenance" / "journal"
