"""What a process that runs tasks must have in common with the one that planned them, and how a lack of it is told."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import provenance as core
from provenance import engine
from provenance.errors import WorkerRefusedError
from provenance.types import RecordPlace
from provenance_dask import _compat

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Side:
    """What there is to know of a process before it is trusted with tasks of another one, or with its own.

    All are texts, and the names are never changed: processes with different versions of the library exchange them.
    """

    host: str
    kernel: str
    python: str
    library: str
    hash_scheme: str


_MUST_BE_EQUAL = {"python": "Python", "library": "provenance", "hash_scheme": "hash scheme"}


@functools.cache
def this_side() -> Side:
    """What this process is and has."""
    return Side(
        host=platform.node(),
        kernel=_kernel(),
        python=".".join(platform.python_version_tuple()[:2]),
        library=core.__version__,
        hash_scheme=str(engine.HASH_SCHEME),
    )


def _kernel() -> str:
    """Tells the running kernel from all others: of one machine, its containers and its network namespaces it is one."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:  # not Linux: there a host is a kernel
        return platform.node()


def is_like(client: Side) -> bool:
    """Whether this process has the versions that the client has."""
    here = this_side()
    return all(getattr(here, name) == getattr(client, name) for name in _MUST_BE_EQUAL)


def check_versions(client: Side, worker: str | None) -> None:
    """Refuse to work for a client that has other versions.

    Parameters
    ----------
    client : Side
        The process that planned the tasks.
    worker : str or None
        The address of this worker, where it is known.

    Raises
    ------
    WorkerRefusedError
        Python's minor version, the library's version or the hash scheme differ.
    """
    here = this_side()
    differing = tuple(
        (shown, getattr(client, name), getattr(here, name))
        for name, shown in _MUST_BE_EQUAL.items()
        if getattr(client, name) != getattr(here, name)
    )
    if differing:
        theirs = ", ".join(f"{what} {value}" for what, value, _ in differing)
        ours = ", ".join(f"{what} {value}" for what, _, value in differing)
        msg = f"it has {ours}, and the client on host {client.host} has {theirs}: start both from the same environment"
        raise _refusal(worker, msg, differing)


def check_host(client: Side, repo_name: str, places: Iterable[RecordPlace], worker: str | None) -> None:
    """Refuse to open a repo that the client shares with the processes of its host only, if this is another host.

    Raises
    ------
    WorkerRefusedError
        All that is stored would be recorded in SQLite files of the client's host.
    """
    here = this_side()
    recorded = _recorded(places)
    files = [place for place in recorded if place.scope == "host"]
    if here.kernel == client.kernel or not files or any(place.scope == "network" for place in recorded):
        return
    msg = (
        f"repo {repo_name!r} keeps its records in {_shown(files)} of host {client.host}, and SQLite serves the "
        f"processes of one host: use a PostgreSQL repo (type: postgres), or run the workers on host {client.host}"
    )
    raise _refusal(worker, msg, (("host", client.host, here.host),))


def check_repo(client: Side, repo_name: str, places: Iterable[RecordPlace], worker: str | None) -> None:
    """Refuse to store results where the client does not look for them.

    Raises
    ------
    WorkerRefusedError
        The configuration of this process has no repo of the name, or it is another one than the client's.
    """
    repos = engine.settings().repos
    if repo_name not in repos and engine.default_repo().name != repo_name:
        configured = ", ".join(sorted(repos)) or engine.default_repo().name
        msg = (
            f"it has no repo {repo_name!r}, which the client on host {client.host} uses (it has {configured}): "
            "configure one of that name there, or set provenance.connect of Dask's configuration to true"
        )
        raise _refusal(worker, msg, (("repo", repo_name, configured),))
    looked_in = tuple(places)
    recorded = _recorded(engine.resolve_repo(repo_name).record_places())
    known = {place.identity for place in looked_in}
    if None in known or not known or not recorded or any(place.identity in {*known, None} for place in recorded):
        return
    theirs, ours = _identified(looked_in), _identified(recorded)
    msg = (
        f"its repo {repo_name!r} keeps records in {ours}, and the client on host {client.host} looks for them in "
        f"{theirs}: give both the same database"
    )
    raise _refusal(worker, msg, (("repo", theirs, ours),))


def unable(worker: str, error: BaseException) -> WorkerRefusedError:
    """The refusal of a worker that could not be asked, as it lacks what unpickling the question takes."""
    msg = (
        f"worker {worker} is refused: it cannot load provenance_dask ({error}): "
        f"start it from the environment of the client, which has provenance {this_side().library}"
    )
    return _with_facts(WorkerRefusedError(msg), worker, "", (("provenance", this_side().library, "none"),))


def _recorded(places: Iterable[RecordPlace]) -> tuple[RecordPlace, ...]:
    """Where what is stored is recorded; in a repo that may not be written, where it would have been."""
    given = tuple(places)
    return tuple(place for place in given if place.writes) or given


def _shown(places: Iterable[RecordPlace]) -> str:
    return " and ".join(place.address for place in places)


def _identified(places: Iterable[RecordPlace]) -> str:
    return " and ".join(f"{place.address} (identity {place.identity})" for place in places)


def _refusal(worker: str | None, msg: str, differences: tuple[tuple[str, str, str], ...]) -> WorkerRefusedError:
    host = this_side().host
    address = worker or _compat.worker_address()
    name = f"process {os.getpid()}" if address is None else f"worker {address}"
    return _with_facts(
        WorkerRefusedError(f"{name} on host {host} is refused: {msg}"), address or name, host, differences
    )


def _with_facts(
    error: WorkerRefusedError, worker: str, host: str, differences: tuple[tuple[str, str, str], ...]
) -> WorkerRefusedError:
    error.worker, error.host, error.differences = worker, host, differences
    return error
