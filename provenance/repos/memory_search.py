"""Search in rows that are Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import NamedTuple, cast

from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
from provenance.repos.containment import contains, input_artifacts
from provenance.repos.job_tally import Tally
from provenance.repos.json_fields import label_items
from provenance.repos.parts import parts_of
from provenance.repos.queries import ArtifactQuery, FunctionName, JobQuery, Query, Row, RunQuery, SetQuery, rank, tie
from provenance.types import JSON, ArtifactId, ArtifactRecord, JobRecord, JobUses, RunRecord, SetId, SetRecord


class SavedLabels(NamedTuple):
    """Labels that a set was saved under, and their texts."""

    items: frozenset[str]
    labels: Mapping[str, JSON]
    set_id: SetId
    saved_at: datetime


class HeardRun(NamedTuple):
    """A run, and when it was first heard of."""

    record: RunRecord
    at: datetime


class StoredSet(NamedTuple):
    """A set and its sequence."""

    record: SetRecord
    sequence: int


class StoredJob(NamedTuple):
    """A job, its sequence, and what it used."""

    record: JobRecord
    sequence: int
    uses: JobUses
    failed: frozenset[ArtifactId]


class Snapshot(NamedTuple):
    """Everything there was at one moment; labellings in the order of saving."""

    artifacts: Iterable[ArtifactRecord]
    sets: Iterable[StoredSet]
    labellings: Iterable[SavedLabels]
    runs: Iterable[HeardRun]
    jobs: Iterable[StoredJob] = ()


def search(snapshot: Snapshot, query: Query) -> Iterator[Row]:
    """The rows that a query asks for, in its order."""
    found: list[Row]
    if isinstance(query, ArtifactQuery):
        found = list(map(row_of, _artifacts(snapshot, query)))
    elif isinstance(query, SetQuery):
        found = list(_sets(snapshot, query))
    elif isinstance(query, JobQuery):
        found = list(_jobs(snapshot, query))
    else:
        found = list(_runs(snapshot.runs, query))
    column = query.order.column
    found.sort(key=lambda row: (rank(row, column), tie(row)), reverse=query.order.descending)
    return islice(found, query.limit)


def _artifacts(snapshot: Snapshot, query: ArtifactQuery) -> Iterator[ArtifactRecord]:
    members = None if query.labels is None else _members(snapshot, query.labels)
    for record in snapshot.artifacts:
        if (members is None or record.id in members) and _fits(record, query):
            yield record


def _fits(record: ArtifactRecord, query: ArtifactQuery) -> bool:
    return (
        query.name in (None, record.name)
        and query.run in (None, record.run_id)
        and (query.version is None or (query.version == record.version and type(query.version) is type(record.version)))
        and (not query.functions or any(_is_made_by(record, function) for function in query.functions))
        and cast("datetime", record.computed_at) in query.period
        and (query.input_artifact is None or query.input_artifact in input_artifacts(record))
        and has_contents(record.custom_fields, record.input_hashes, query)
    )


def _is_made_by(record: ArtifactRecord, function: FunctionName) -> bool:
    return function.qualname == record.fn_name and function.module in (None, record.fn_module)


def has_contents(fields: Mapping[str, JSON], inputs: Mapping[str, str], query: ArtifactQuery) -> bool:
    """Whether custom fields and inputs are those that a query asks for."""
    return contains(cast("JSON", fields), cast("JSON", query.fields)) and query.inputs.items() <= inputs.items()


def _members(snapshot: Snapshot, labels: Mapping[str, JSON]) -> set[ArtifactId]:
    labelled = _labelled(snapshot.labellings, labels)
    return {key for one in snapshot.sets if one.record.id in labelled for key in one.record.artifact_ids}


def _labelled(labellings: Iterable[SavedLabels], labels: Mapping[str, JSON]) -> set[SetId]:
    wanted = label_items(labels)
    return {labelling.set_id for labelling in labellings if wanted <= labelling.items}


def row_of(record: ArtifactRecord) -> ArtifactRow:
    """The row of a stored record."""
    inline, blob = record.value_inline, record.value_blob
    size = blob.size if blob is not None else len(inline or b"")
    return ArtifactRow(
        sequence=cast("int", record.sequence),
        id=record.id,
        value_id=record.value_id,
        name=record.name,
        version=record.version,
        fn_module=record.fn_module,
        fn_name=record.fn_name,
        value_type=record.value_type,
        serializer=record.serializer,
        composite=record.composite,
        size=size,
        custom_fields=record.custom_fields,
        input_hashes=record.input_hashes,
        run_id=record.run_id,
        computed_at=cast("datetime", record.computed_at),
        durations=record.durations,
    )


def _sets(snapshot: Snapshot, query: SetQuery) -> Iterator[SetRow]:
    latest = {labelling.set_id: labelling.labels for labelling in snapshot.labellings}
    labelled = None if query.labels is None else _labelled(snapshot.labellings, query.labels)
    for record, sequence in snapshot.sets:
        created_at = cast("datetime", record.created_at)
        if (
            (labelled is None or record.id in labelled)
            and (query.artifact is None or query.artifact in record.artifact_ids)
            and created_at in query.period
        ):
            yield SetRow(
                sequence=sequence,
                id=record.id,
                labels=latest.get(record.id),
                size=len(record.artifact_ids),
                created_at=created_at,
            )


def _runs(runs: Iterable[HeardRun], query: RunQuery) -> Iterator[RunRow]:
    for record, at in runs:
        if at in query.period and contains(cast("JSON", record.info), cast("JSON", query.info)):
            yield RunRow(id=record.id, info=record.info, recorded_at=at)


def _jobs(snapshot: Snapshot, query: JobQuery) -> Iterator[JobRow]:
    records = {record.id: record for record in snapshot.artifacts}
    hosts = {record.id: record.info.get("host") for record, _ in snapshot.runs}
    wanted = label_items(query.labels)
    for job in snapshot.jobs:
        record = job.record
        start = cast("datetime", record.started_at)
        if start in query.period and wanted <= label_items(record.labels):
            row = JobRow(
                sequence=job.sequence,
                id=record.id,
                labels=record.labels,
                run_id=record.run_id,
                start=start,
                end=record.ended_at,
            )
            yield _tally(job, records).added_to(row, hosts)


def _tally(job: StoredJob, records: Mapping[ArtifactId, ArtifactRecord]) -> Tally:
    tally = Tally(run_ids={job.record.run_id: None}, failed=len(job.failed.difference(job.uses)))
    hits = [records[key] for key, (used_as, _) in job.uses.items() if used_as == "hit" and key in records]
    parts = {part for record in hits for part in parts_of(record)}
    for key, (used_as, run_id) in job.uses.items():
        counts = used_as == "computed" or (used_as == "hit" and key not in parts)
        seconds = records[key].durations.compute if counts and key in records else 0.0
        tally.add(used_as, run_id, 1, seconds)
    return tally
