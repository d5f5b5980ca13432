"""What a task needs of the process that planned it, and how another process takes it over."""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import provenance as core
from provenance import engine
from provenance.errors import ConfigError
from provenance.types import RecordPlace, Repo
from provenance_dask.agreement import Side, check_host, check_repo, check_versions, is_like, this_side
from provenance_dask.options import options

_MOST_REMEMBERED = 64

_lock = threading.RLock()
_home = os.urandom(16).hex()
_serial = itertools.count()
_live: dict[str, Surroundings] = {}
"""The surroundings that tasks of this process refer to, by digest; they come back as the same object."""
_plans: dict[str, None] = {"": None}
"""Graphs that this process has run tasks of, the last ones; the empty name is that of none."""
_adopted: str | None = None
"""Digest of the surroundings whose configuration this process took over last."""


class Flags(NamedTuple):
    """The settings of a process that its workers take over, by their names."""

    use_cache: bool = True
    read_only: bool = False
    check_mutations: bool = False
    single_flight: bool = True
    lease_seconds: float = 30.0

    @classmethod
    def in_force(cls) -> Flags:
        """Those of this process."""
        settings = engine.settings()
        return cls(*(getattr(settings, name) for name in cls._fields))

    def adopt(self) -> None:
        """Put them into force in this process."""
        core.set_use_cache(self.use_cache)
        core.set_read_only(self.read_only)
        core.set_check_mutations(self.check_mutations)
        core.set_single_flight(self.single_flight)
        core.set_lease_seconds(self.lease_seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """The configuration and the settings in force where a graph was planned.

    Attributes
    ----------
    digest : str
        Tells different surroundings apart.
    home : str
        The process that made them.
    repo : Repo or None
        The default repo there; None in other processes.
    repo_name : str
        Its name.
    config : dict or None
        What `provenance.load_config` rebuilds the configuration from; None where the repo is not part of one, or
        keeps everything in its process. It is empty where other processes use a configuration of their own, in which
        a repo has the same name.
    flags : Flags
        The settings in force there.
    client : Side
        What the process that made them is and has.
    places : tuple of RecordPlace
        Where the repo keeps its records, as far as that is known there.
    plan : str
        Names the graph that they go with, if they do: what was stored was looked up for it. What another process
        remembers from before may have been deleted since.
    """

    digest: str
    home: str
    repo: Repo | None
    repo_name: str
    config: Mapping[str, Any] | None
    flags: Flags
    client: Side
    places: tuple[RecordPlace, ...] = ()
    plan: str = ""
    origin: tuple[object, ...] = field(default=(), repr=False)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let code run as it would in the process that planned it.

        Raises
        ------
        ConfigError
            This is another process, and the repo cannot be reached from it.
        WorkerRefusedError
            This process differs from the one that made the surroundings in what both must share.
        """
        if self.repo is not None:
            with core.using_repo(self.repo):
                yield
            return
        self.adopt()
        with core.using_repo(self.repo_name):
            yield

    def adopt(self, worker: str | None = None) -> None:
        """Configure this process like the one that made the surroundings; nothing to do in that one itself.

        What both must share is compared once, before and after that. `worker` is the address of this worker, where it
        is known.
        """
        if self.repo is not None:
            return
        if _adopted != self.digest:
            self._take_over(worker)
        self._look_again()

    def _take_over(self, worker: str | None) -> None:
        check_versions(self.client, worker)
        if self.config is None:
            msg = (
                f"repo {self.repo_name!r} exists only in the process that planned this graph, and this task runs in "
                "another one: load a configuration whose repo other processes can open (provenance.load_config() with "
                "a sqlite or postgres repo), or use threads"
            )
            raise ConfigError(msg)
        check_host(self.client, self.repo_name, self.places, worker)
        with _lock:
            if _adopted != self.digest:  # another thread may have been first
                self._configure(worker)

    def _configure(self, worker: str | None) -> None:
        global _adopted  # noqa: PLW0603  one process has one configuration
        _adopted = None
        if self.config:
            core.load_config(dict(self.config))
        self.flags.adopt()
        check_repo(self.client, self.repo_name, self.places, worker)
        _adopted = self.digest

    def _look_again(self) -> None:
        """Forget, at the first task of a graph, what this process has seen before it was planned."""
        if self.plan in _plans:
            return
        for repo in engine.known_repos():
            repo.forget_records()
        with _lock:
            _plans[self.plan] = None
            while len(_plans) > _MOST_REMEMBERED:
                del _plans[next(iter(_plans))]

    def for_graph(self) -> Surroundings:
        """The same surroundings, for a graph that is made now."""
        return replace(self, plan=os.urandom(16).hex())

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.repo_name, self.config, tuple(self.flags), tuple(map(tuple, self.places)), self.plan)
        return _restore, (self.digest, self.home, asdict(self.client), parts)


def _restore(digest: str, home: str, client: Mapping[str, str], parts: tuple[Any, ...]) -> Surroundings:
    """The surroundings as they are here. What `parts` are is known where the client has the same versions only.

    All arguments are of Python's own types, so that a process with another version of the library gets as far as this.
    """
    if home == home_of_process() and digest in _live:
        # A scheduler in this process takes tasks apart and sends them on: the plan goes with them.
        plan = parts[-1]
        return replace(_live[digest], plan=plan) if plan else _live[digest]
    side = Side(*map(client.__getitem__, Side.__slots__))
    if not is_like(side):
        return Surroundings(digest, home, None, "", None, Flags(), side)
    repo_name, config, flags, places, plan = parts
    known = tuple(RecordPlace(*place) for place in places)
    return Surroundings(digest, home, None, repo_name, config, Flags(*flags), side, known, plan)


def home_of_process() -> str:
    """Names this process among all; a forked child is another one."""
    return f"{os.getpid()}-{_home}"


def surroundings() -> Surroundings:
    """The surroundings in force here."""
    repo = engine.default_repo()
    connect = options().connect
    origin = engine.settings(), connect
    with _lock:
        for known in reversed(_live.values()):
            same = known.repo is repo and known.home == home_of_process()
            if same and all(map(operator.is_, known.origin, origin)):
                return known
        made = _describe(repo, origin)
        _live[made.digest] = made
        while len(_live) > _MOST_REMEMBERED:
            del _live[next(iter(_live))]
        return made


def _describe(repo: Repo, origin: tuple[Any, bool]) -> Surroundings:
    settings, connect = origin
    described = core.current_config() if settings.repos.get(repo.name) is repo else None
    places = repo.record_places()
    is_private = bool(places) and all(place.scope == "process" for place in places)
    config: dict[str, Any] | None = None
    if not connect:
        config = {}
    elif described and not is_private:
        config = dict(described)
    flags = Flags.in_force()
    shared_by = [place.identity for place in places] if config is not None else [home_of_process(), next(_serial)]
    digest = engine.digest_of("provenance.surroundings", repr(shared_by), repo.name, repr(config), tuple(flags))
    return Surroundings(digest, home_of_process(), repo, repo.name, config, flags, this_side(), places, origin=origin)


def described_by(config: Mapping[str, Any]) -> Surroundings:
    """Surroundings of another process that is to be configured with `config`."""
    flags = Flags.in_force()
    repo_name = str(config.get("default_repo", ""))
    digest = engine.digest_of("provenance.surroundings", "given", repo_name, repr(config), tuple(flags))
    return Surroundings(digest, "", None, repo_name, dict(config), flags, this_side())
