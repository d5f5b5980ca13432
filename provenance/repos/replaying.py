"""Store what waits in the journals of repos."""

from __future__ import annotations

from provenance import state
from provenance.repos.chained import ChainedRepo
from provenance.repos.journal.backlog import Replayed
from provenance.repos.sql.repo import SqlRepo
from provenance.types import Repo


def replay_journal(repo: Repo | str | None = None) -> Replayed:
    """Store what was computed while a repo was out of reach, and waits in its journal.

    The same happens bit by bit whenever the repo is used again, and some of it when it is opened.

    Parameters
    ----------
    repo : Repo or str, optional
        A repo or the name of a configured one, with the members of a chain; all configured ones unless given.

    Returns
    -------
    Replayed
        ``stored``, ``waiting`` and ``set_aside``: how many results are stored now, still wait as something is out of
        reach, and could not be used, as they were damaged or their bytes are gone; the log says where these are.
    """
    repos = state.known_repos() if repo is None else (state.resolve_repo(repo),)
    done = [each.replay_journal() for each in {id(found): found for one in repos for found in _single(one)}.values()]
    return Replayed(*map(sum, zip(*done, strict=True))) if done else Replayed()


def _single(repo: Repo) -> list[SqlRepo]:
    if isinstance(repo, ChainedRepo):
        return [found for member in repo.repos for found in _single(member)]
    return [repo] if isinstance(repo, SqlRepo) else []
