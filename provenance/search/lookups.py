"""Artifacts, sets, runs and jobs by what is recorded about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

from provenance import state
from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
from provenance.artifacts.ids import ArtifactLike, artifact_id_of
from provenance.artifacts.labels import Labels
from provenance.repos.base import BaseRepo
from provenance.repos.queries import ArtifactQuery, FailedCallQuery, JobQuery, RunQuery, SetQuery
from provenance.search.results import Found
from provenance.search.terms import (
    Time,
    contained,
    function_names,
    input_hashes,
    labels_of,
    limit_of,
    order_of,
    period_of,
    tags_of,
    text_of,
    version_of,
)
from provenance.types import JSON, FailedCall, Repo, Version


def find(  # noqa: PLR0913  each is something to find artifacts by
    *,
    name: str | None = None,
    fn: Callable[..., Any] | str | None = None,
    version: Version | None = None,
    tags: str | Collection[str] | None = None,
    custom_fields: Mapping[str, JSON] | None = None,
    inputs: Mapping[str | int, object] | None = None,
    input_artifact: ArtifactLike | None = None,
    run: str | RunRow | None = None,
    label: str | None = None,
    labels: Labels | None = None,
    since: Time | None = None,
    until: Time | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    repo: Repo | str | None = None,
) -> Found[ArtifactRow]:
    """Find artifacts for which everything holds that is given.

    Parameters
    ----------
    name : str, optional
        The artifact's name.
    fn : callable or str, optional
        The function, decorated or not; or its name as ``"module:qualname"``, ``"module.qualname"`` or ``"qualname"``.
    version : int or str, optional
        The version given to the decorator; ``1`` and ``"1"`` differ.
    tags : str or collection of str, optional
        Tags that the artifact has, all of them.
    custom_fields : mapping, optional
        JSON that the custom fields contain: keys of objects at any depth, elements of lists in any order. Values have
        to be equal and of the same type: ``1``, ``1.0``, ``True`` and ``"1"`` differ. An element of a list is compared
        as a whole.
    inputs : mapping, optional
        Arguments by their names, or by their positions among ``*args``. They are compared by their hashes, so a value
        of another type is another one. Proxies, artifacts and rows stand for their values, which are not loaded.
    input_artifact : str, Artifact, ArtifactRow or ArtifactProxy, optional
        An artifact that was an argument of the call, or inside of one.
    run : str or RunRow, optional
        The process that computed it.
    label, labels : str or mapping, optional
        The artifact is a member of a set that was saved under labels containing these; a text is the ``name``.
    since, until : datetime, date or str, optional
        It was recorded at `since` or later, and before `until`. A datetime needs a time zone; a date means its start
        in UTC; a text is either in ISO format.
    order_by : str, optional
        ``sequence``, ``computed_at``, ``name``, ``compute_duration`` or ``size``; with ``-`` before it, the last or
        largest comes first. Unless given, what was stored last comes first.
    limit : int, optional
        The most rows to find.
    repo : Repo or str, optional
        Where to look, the default repo unless given; a name means the configured repo of that name.

    Returns
    -------
    Found of ArtifactRow
        Fetched when they are looked at, page by page.

    Raises
    ------
    InvalidQueryError
        Something that was given does not fit; the message names it and what is allowed.
    InvalidIdError, InvalidLabelsError
        The input artifact or the labels cannot be any.
    HashingError
        An input has no deterministic encoding.
    """
    query = ArtifactQuery(
        name=text_of("name", name),
        functions=function_names(fn),
        version=version_of(version),
        fields=contained("custom_fields", custom_fields, tags_of(tags)),
        inputs=input_hashes(inputs),
        input_artifact=None if input_artifact is None else artifact_id_of(input_artifact),
        run=text_of("run", run.id if isinstance(run, RunRow) else run),
        labels=labels_of(label, labels),
        period=period_of(since, until),
        order=order_of(order_by, "sequence", ArtifactQuery.COLUMNS),
        limit=limit_of(limit),
    )
    return Found(_repo(repo), query)


def sets(  # noqa: PLR0913  each is something to find sets by
    *,
    label: str | None = None,
    labels: Labels | None = None,
    artifact: ArtifactLike | None = None,
    since: Time | None = None,
    until: Time | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    repo: Repo | str | None = None,
) -> Found[SetRow]:
    """Find artifact sets for which everything holds that is given.

    Parameters
    ----------
    label, labels : str or mapping, optional
        The set was saved, perhaps not last, under labels containing these; a text is the ``name``.
    artifact : str, Artifact, ArtifactRow or ArtifactProxy, optional
        A member of the set.
    since, until : datetime, date or str, optional
        It was first stored at `since` or later, and before `until`; see `find`.
    order_by : str, optional
        ``sequence`` or ``created_at``, perhaps with ``-`` before it. Unless given, what was stored last comes first.
    limit : int, optional
        The most rows to find.
    repo : Repo or str, optional
        Where to look, the default repo unless given.

    Returns
    -------
    Found of SetRow
        Fetched when they are looked at, page by page.

    Raises
    ------
    InvalidQueryError, InvalidIdError, InvalidLabelsError
        Something that was given does not fit.
    """
    query = SetQuery(
        labels=labels_of(label, labels),
        artifact=None if artifact is None else artifact_id_of(artifact),
        period=period_of(since, until),
        order=order_of(order_by, "sequence", SetQuery.COLUMNS),
        limit=limit_of(limit),
    )
    return Found(_repo(repo), query)


def runs(  # noqa: PLR0913  each is something to find runs by
    *,
    host: str | None = None,
    info: Mapping[str, JSON] | None = None,
    since: Time | None = None,
    until: Time | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    repo: Repo | str | None = None,
) -> Found[RunRow]:
    """Find processes that computed artifacts, for which everything holds that is given.

    Parameters
    ----------
    host : str, optional
        Name of the host it ran on.
    info : mapping, optional
        JSON that the recorded facts contain, as `find` compares custom fields; see `run_info`.
    since, until : datetime, date or str, optional
        The repo first heard of it at `since` or later, and before `until`; see `find`.
    order_by : str, optional
        ``recorded_at`` or ``-recorded_at``, which is the default: the latest comes first.
    limit : int, optional
        The most rows to find.
    repo : Repo or str, optional
        Where to look, the default repo unless given.

    Returns
    -------
    Found of RunRow
        Fetched when they are looked at, page by page.

    Raises
    ------
    InvalidQueryError
        Something that was given does not fit.
    """
    wanted = contained("info", info)
    name = text_of("host", host)
    query = RunQuery(
        info=wanted if name is None else {**wanted, "host": name},
        period=period_of(since, until),
        order=order_of(order_by, "recorded_at", RunQuery.COLUMNS),
        limit=limit_of(limit),
    )
    return Found(_repo(repo), query)


def failed_calls(
    *,
    artifact: ArtifactLike | None = None,
    name: str | None = None,
    job: str | None = None,
    limit: int | None = 100,
    repo: Repo | str | None = None,
) -> list[FailedCall]:
    """Return calls of decorated functions that raised, the last ones first.

    Each call that raises is recorded where its result would have been stored. It is no artifact: it is never found as a
    result, and the next call runs again.

    Parameters
    ----------
    artifact : str, Artifact or ArtifactProxy, optional
        The artifact that the call would have made, which it has made since perhaps.
    name : str, optional
        The name that the artifact would have had.
    job : str, optional
        Id of the job that it was called for.
    limit : int or None
        The most calls to return; all of them if None.
    repo : Repo or str, optional
        Where to look, the default repo unless given.

    Returns
    -------
    list of FailedCall
        With the error's type, message and traceback as texts, and the inputs as they were hashed and as they are shown.

    Raises
    ------
    InvalidQueryError, InvalidIdError
        Something that was given does not fit.
    """
    query = FailedCallQuery(
        artifact=None if artifact is None else artifact_id_of(artifact),
        name=text_of("name", name),
        job=text_of("job", job),
        limit=limit_of(limit),
    )
    return _repo(repo).failed_calls(query)


def jobs(  # noqa: PLR0913  each is something to find jobs by
    *,
    label: str | None = None,
    labels: Labels | None = None,
    since: Time | None = None,
    until: Time | None = None,
    order_by: str | None = None,
    limit: int | None = None,
    repo: Repo | str | None = None,
) -> Found[JobRow]:
    """Find jobs for which everything holds that is given, with what became of them.

    Parameters
    ----------
    label, labels : str or mapping, optional
        Its labels contain these; a text is the ``name``.
    since, until : datetime, date or str, optional
        It began at `since` or later, and before `until`; see `find`.
    order_by : str, optional
        ``sequence`` or ``start``, perhaps with ``-`` before it. Unless given, what began last comes first.
    limit : int, optional
        The most rows to find.
    repo : Repo or str, optional
        Where to look, the default repo unless given.

    Returns
    -------
    Found of JobRow
        Fetched when they are looked at, page by page.

    Raises
    ------
    InvalidQueryError, InvalidLabelsError
        Something that was given does not fit.

    See Also
    --------
    provenance.job : Lets what is computed in a block belong to a job.
    """
    query = JobQuery(
        labels=labels_of(label, labels) or {},
        period=period_of(since, until),
        order=order_of(order_by, "sequence", JobQuery.COLUMNS),
        limit=limit_of(limit),
    )
    return Found(_repo(repo), query)


def _repo(given: Repo | str | None) -> BaseRepo:
    return cast("BaseRepo", state.default_repo() if given is None else state.resolve_repo(given))
