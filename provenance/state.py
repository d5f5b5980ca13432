"""What the process is configured to do, and the overlays that hold for one context only.

Settings hold for the whole process, threads included. `using_repo` is a ``ContextVar`` overlay: it nests and is
seen by the code that runs inside it, whether in this thread, in ``asyncio`` tasks or in ``asyncio.to_thread``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeAlias

from provenance.errors import ConfigError
from provenance.types import BlobStore, Repo

RunInfoFn: TypeAlias = Callable[[dict[str, object]], object]


LEASE_SECONDS = 30.0
"""How long a lease lasts unless it is renewed, if nothing else is configured."""


_NOTHING: Mapping[str, Any] = {}


class Settings(NamedTuple):
    """One consistent configuration of the process; replaced as a whole, never changed in place."""

    repos: Mapping[str, Repo] = _NOTHING
    blobstores: Mapping[str, BlobStore] = _NOTHING
    default_repo: Repo | None = None
    use_cache: bool = True
    read_only: bool = False
    check_mutations: bool = False
    single_flight: bool = True
    lease_seconds: float = LEASE_SECONDS
    run_info_fn: RunInfoFn | None = None
    config: Mapping[str, object] = _NOTHING


_lock = threading.RLock()
_settings = Settings()
_bootstrap: Callable[[], Settings] | None = None
_repo_overlay: ContextVar[Repo | None] = ContextVar("provenance_repo", default=None)


def settings() -> Settings:
    """The settings in force."""
    return _settings


def install(new: Settings) -> None:
    """Replace the settings of the process."""
    global _settings  # noqa: PLW0603  the one place that holds the process's settings
    with _lock:
        _settings = new


def change(**changes: object) -> None:
    """Replace some fields of the settings of the process."""
    with _lock:
        install(_settings._replace(**changes))  # type: ignore[arg-type]


def set_bootstrap(load_default: Callable[[], Settings]) -> None:
    """Register what builds the settings when a repo is needed and none was configured."""
    global _bootstrap  # noqa: PLW0603
    _bootstrap = load_default


def default_repo() -> Repo:
    """The repo in force here: the innermost `using_repo`, else the configured one, else the embedded default."""
    overlay = _repo_overlay.get()
    if overlay is not None:
        return overlay
    repo = _settings.default_repo
    return repo if repo is not None else _bootstrapped_repo()


def _bootstrapped_repo() -> Repo:
    with _lock:
        if _settings.default_repo is None and _bootstrap is not None:
            loaded = _bootstrap()
            install(
                loaded._replace(
                    repos={**loaded.repos, **_settings.repos},
                    use_cache=_settings.use_cache and loaded.use_cache,
                    read_only=_settings.read_only or loaded.read_only,
                    check_mutations=_settings.check_mutations or loaded.check_mutations,
                    single_flight=_settings.single_flight and loaded.single_flight,
                    lease_seconds=(loaded if _settings.lease_seconds == LEASE_SECONDS else _settings).lease_seconds,
                    run_info_fn=_settings.run_info_fn or loaded.run_info_fn,
                )
            )
        if _settings.default_repo is None:
            msg = "no default repo is configured: call provenance.load_config() or provenance.set_default_repo()"
            raise ConfigError(msg)
        return _settings.default_repo


def get_default_repo() -> Repo:
    """Return the repo that is used where none is named.

    Returns
    -------
    Repo
        The innermost `using_repo`, else the configured default, else the embedded repo, which is then created.
    """
    return default_repo()


def get_repo_by_name(repo_name: str) -> Repo:
    """Return the configured repo called `repo_name`.

    Raises
    ------
    ConfigError
        No repo of this name is configured; the message lists those that are.
    """
    repos = _settings.repos
    if repo_name not in repos:
        default_repo()
        repos = _settings.repos
    try:
        return repos[repo_name]
    except KeyError:
        known = ", ".join(sorted(repos)) or "none"
        msg = f"no repo named {repo_name!r} is configured (configured: {known})"
        raise ConfigError(msg) from None


def resolve_repo(repo_or_name: Repo | str) -> Repo:
    """The repo itself, or the configured one of this name."""
    return get_repo_by_name(repo_or_name) if isinstance(repo_or_name, str) else repo_or_name


def set_default_repo(repo_or_name: Repo | str | None) -> None:
    """Make a repo the default of the process, in all threads.

    Parameters
    ----------
    repo_or_name : Repo, str or None
        A repo, the name of a configured one, or None to go back to what the configuration or the embedded
        default gives at the next use.
    """
    change(default_repo=None if repo_or_name is None else resolve_repo(repo_or_name))


@contextmanager
def using_repo(repo_or_name: Repo | str) -> Iterator[Repo]:
    """Use another default repo inside a ``with`` block.

    Only the code that runs in this context sees it: other threads keep their own default. Blocks nest.

    Yields
    ------
    Repo
        The repo in use.
    """
    repo = resolve_repo(repo_or_name)
    token = _repo_overlay.set(repo)
    try:
        yield repo
    finally:
        _repo_overlay.reset(token)


def known_repos() -> tuple[Repo, ...]:
    """Every repo in reach, the one in force first, without duplicates."""
    configured = _settings.default_repo
    candidates = (default_repo(), *_settings.repos.values(), *(() if configured is None else (configured,)))
    return tuple({id(repo): repo for repo in candidates}.values())


def get_use_cache() -> bool:
    """Return whether stored results are reused (the default) or everything is computed anew."""
    return _settings.use_cache


def set_use_cache(setting: bool) -> None:  # noqa: FBT001  the published signature
    """Set for the process whether stored results are reused; a decorator's own ``use_cache=`` goes first."""
    change(use_cache=bool(setting))


def get_read_only() -> bool:
    """Return whether computed results are kept from being stored."""
    return _settings.read_only


def set_read_only(setting: bool) -> None:  # noqa: FBT001  the published signature
    """Set for the process whether results are only looked up: what is missing is computed, but not stored."""
    change(read_only=bool(setting))


def get_check_mutations() -> bool:
    """Return whether values behind proxies are checked for changes each time they are used as inputs."""
    return _settings.check_mutations


def set_check_mutations(setting: bool) -> None:  # noqa: FBT001  the published signature
    """Set for the process whether a proxy whose value was changed is refused as an input.

    The check hashes the value again, so it costs about what hashing a plain value costs.
    """
    change(check_mutations=bool(setting))


def get_single_flight() -> bool:
    """Return whether equal calls that overlap wait for one of them to compute (the default)."""
    return _settings.single_flight


def set_single_flight(setting: bool) -> None:  # noqa: FBT001  as its neighbours
    """Set for the process whether equal calls that overlap wait for one of them to compute, where the repo can tell.

    Otherwise each of them computes, and all get the result that is stored first.
    """
    change(single_flight=bool(setting))


def get_lease_seconds() -> float:
    """Return how long a process that computes something, and is not heard of, is waited for."""
    return _settings.lease_seconds


def set_lease_seconds(seconds: float) -> None:
    """Set how long others wait for a process that computes something and is not heard of, as it was killed or stopped.

    Every third of it, a process says that it goes on.

    Raises
    ------
    ConfigError
        It is not a number of seconds above 0.
    """
    if not 0 < seconds < math.inf:
        msg = f"lease_seconds must be a number of seconds above 0, got {seconds!r}"
        raise ConfigError(msg)
    change(lease_seconds=float(seconds))


def set_run_info_fn(fn: RunInfoFn | None) -> None:
    """Register a function that adds to what is recorded about this process.

    Parameters
    ----------
    fn : callable or None
        Called once per process with the dict of default facts; it may change the dict in place or return
        another one.
    """
    change(run_info_fn=fn)
