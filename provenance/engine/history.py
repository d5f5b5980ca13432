"""The calls of a function that are stored, whatever they were called with."""

from __future__ import annotations

from provenance.engine.spec import FunctionSpec
from provenance.repos.base import BaseRepo
from provenance.repos.queries import ArtifactQuery, FunctionName
from provenance.types import ArtifactId, ArtifactRecord, Repo


def stored_calls(repo: Repo, spec: FunctionSpec, *, limit: int) -> list[ArtifactRecord]:
    """The records of the latest calls of a function in a repo, of any version, the newest first; two queries.

    A function is known by its given name, else by its module and qualified name. Values and inputs are not loaded.
    """
    if not isinstance(repo, BaseRepo):
        return []
    functions = () if spec.options.name is not None else (FunctionName(spec.module, spec.qualname),)
    query = ArtifactQuery(name=spec.name, functions=functions, limit=limit)
    ids = [ArtifactId(row.id) for row in repo.search(query)]
    records = repo.find_records(ids)
    return [records[key] for key in ids if key in records]
