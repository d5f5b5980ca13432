"""Cache function results by the values of their inputs, and record where every result came from.

Every public name is imported when it is first asked for, so that ``import provenance`` costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from provenance import state

if TYPE_CHECKING:
    from provenance.artifacts.archived import ArchivedFile
    from provenance.artifacts.artifact import Artifact
    from provenance.artifacts.found_rows import ArtifactRow, JobRow, RunRow, SetRow
    from provenance.artifacts.ids import is_proxy
    from provenance.artifacts.lazy import lazy_dict, lazy_proxy_dict
    from provenance.artifacts.proxy import ArtifactProxy
    from provenance.artifacts.sets import ArtifactSet
    from provenance.artifacts.unwrapping import unwrap
    from provenance.config import current_config, from_config, load_config, load_yaml_config
    from provenance.engine.archive import archive_file
    from provenance.engine.decorators import ensure_proxies, provenance, provenance_wrapper
    from provenance.engine.jobs import Job, job
    from provenance.engine.run import run_info
    from provenance.errors import (
        ArchiveError,
        ArtifactNotFoundError,
        BlobCorruptError,
        BlobNotFoundError,
        CollisionError,
        CompositeError,
        ConfigError,
        DuplicateKeyError,
        HashingError,
        ImpureFunctionError,
        IncompleteSetWarning,
        InvalidIdError,
        InvalidInputsError,
        InvalidLabelsError,
        InvalidQueryError,
        LeaseLostError,
        MutatedArtifactValueError,
        NotFoundError,
        PermissionDeniedError,
        ProvenanceError,
        RepoOutageWarning,
        RepoUnavailableError,
        RepoUnreachableError,
        SchemaVersionError,
        SerializationError,
        SetNotFoundError,
        StorageError,
        StoreUnavailableError,
        TierUnavailableError,
        UnrecordedResultWarning,
        UsageError,
        WorkerRefusedError,
    )
    from provenance.hashing import hash_value as hash  # noqa: A004  the published name
    from provenance.hashing import value_repr
    from provenance.lineage import Progress, Synced, Transfer, dependencies, promote, sync
    from provenance.repos.capture import capture_set, provenance_set
    from provenance.repos.loading import (
        create_set,
        label_set,
        load_artifact,
        load_proxy,
        load_set_by_id,
        load_set_by_labels,
        load_set_by_name,
    )
    from provenance.repos.replaying import replay_journal
    from provenance.search import Found, failed_calls, find, jobs, progeny, runs, sets
    from provenance.serializers import register_serializer
    from provenance.state import (
        get_check_mutations,
        get_default_repo,
        get_lease_seconds,
        get_read_only,
        get_repo_by_name,
        get_single_flight,
        get_use_cache,
        set_check_mutations,
        set_default_repo,
        set_lease_seconds,
        set_read_only,
        set_run_info_fn,
        set_single_flight,
        set_use_cache,
        using_repo,
    )
    from provenance.types import FailedCall
    from provenance.vis import Picture, visualize_lineage

__version__ = "0.1.0"

_HOMES = {
    "artifacts.archived": "ArchivedFile",
    "artifacts.artifact": "Artifact",
    "artifacts.found_rows": "ArtifactRow JobRow RunRow SetRow",
    "artifacts.ids": "is_proxy",
    "artifacts.lazy": "lazy_dict lazy_proxy_dict",
    "artifacts.proxy": "ArtifactProxy",
    "artifacts.sets": "ArtifactSet",
    "artifacts.unwrapping": "unwrap",
    "config": "current_config from_config load_config load_yaml_config",
    "engine.archive": "archive_file",
    "engine.decorators": "ensure_proxies provenance provenance_wrapper",
    "engine.jobs": "Job job",
    "engine.run": "run_info",
    "errors": (
        "ArchiveError ArtifactNotFoundError BlobCorruptError BlobNotFoundError CollisionError CompositeError "
        "ConfigError DuplicateKeyError HashingError ImpureFunctionError IncompleteSetWarning InvalidIdError "
        "InvalidInputsError InvalidLabelsError InvalidQueryError LeaseLostError MutatedArtifactValueError "
        "NotFoundError PermissionDeniedError ProvenanceError RepoOutageWarning RepoUnavailableError "
        "RepoUnreachableError SchemaVersionError SerializationError SetNotFoundError StorageError "
        "StoreUnavailableError TierUnavailableError UnrecordedResultWarning UsageError WorkerRefusedError"
    ),
    "hashing": "value_repr",
    "lineage": "Progress Synced Transfer dependencies promote sync",
    "repos.capture": "capture_set provenance_set",
    "repos.replaying": "replay_journal",
    "repos.loading": (
        "create_set label_set load_artifact load_proxy load_set_by_id load_set_by_labels load_set_by_name"
    ),
    "search": "Found failed_calls find jobs progeny runs sets",
    "serializers": "register_serializer",
    "state": (
        "get_check_mutations get_default_repo get_lease_seconds get_read_only get_repo_by_name get_single_flight "
        "get_use_cache set_check_mutations set_default_repo set_lease_seconds set_read_only set_run_info_fn "
        "set_single_flight set_use_cache using_repo"
    ),
    "types": "FailedCall",
    "vis": "Picture visualize_lineage",
}
_ORIGINS = {name: (home, name) for home, names in _HOMES.items() for name in names.split()}
_ORIGINS["hash"] = ("hashing", "hash_value")

__all__ = [
    "ArchiveError",
    "ArchivedFile",
    "Artifact",
    "ArtifactNotFoundError",
    "ArtifactProxy",
    "ArtifactRow",
    "ArtifactSet",
    "BlobCorruptError",
    "BlobNotFoundError",
    "CollisionError",
    "CompositeError",
    "ConfigError",
    "DuplicateKeyError",
    "FailedCall",
    "Found",
    "HashingError",
    "ImpureFunctionError",
    "IncompleteSetWarning",
    "InvalidIdError",
    "InvalidInputsError",
    "InvalidLabelsError",
    "InvalidQueryError",
    "Job",
    "JobRow",
    "LeaseLostError",
    "MutatedArtifactValueError",
    "NotFoundError",
    "PermissionDeniedError",
    "Picture",
    "Progress",
    "ProvenanceError",
    "RepoOutageWarning",
    "RepoUnavailableError",
    "RepoUnreachableError",
    "RunRow",
    "SchemaVersionError",
    "SerializationError",
    "SetNotFoundError",
    "SetRow",
    "StorageError",
    "StoreUnavailableError",
    "Synced",
    "TierUnavailableError",
    "Transfer",
    "UnrecordedResultWarning",
    "UsageError",
    "WorkerRefusedError",
    "archive_file",
    "capture_set",
    "create_set",
    "current_config",
    "dependencies",
    "ensure_proxies",
    "failed_calls",
    "find",
    "from_config",
    "get_check_mutations",
    "get_default_repo",
    "get_lease_seconds",
    "get_read_only",
    "get_repo_by_name",
    "get_single_flight",
    "get_use_cache",
    "hash",
    "is_proxy",
    "job",
    "jobs",
    "label_set",
    "lazy_dict",
    "lazy_proxy_dict",
    "load_artifact",
    "load_config",
    "load_proxy",
    "load_set_by_id",
    "load_set_by_labels",
    "load_set_by_name",
    "load_yaml_config",
    "progeny",
    "promote",
    "provenance",
    "provenance_set",
    "provenance_wrapper",
    "register_serializer",
    "replay_journal",
    "run_info",
    "runs",
    "set_check_mutations",
    "set_default_repo",
    "set_lease_seconds",
    "set_read_only",
    "set_run_info_fn",
    "set_single_flight",
    "set_use_cache",
    "sets",
    "sync",
    "unwrap",
    "using_repo",
    "value_repr",
    "visualize_lineage",
]


def _load_default_settings() -> state.Settings:
    settings: state.Settings = importlib.import_module("provenance.config.discovery").default_settings()
    return settings


state.set_bootstrap(_load_default_settings)


def __getattr__(name: str) -> object:
    try:
        home, attribute = _ORIGINS[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    value = getattr(importlib.import_module(f"{__name__}.{home}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
