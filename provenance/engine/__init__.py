"""What runs a decorated call. The names exported here are the interface for plugins.

A plugin gives its own ``_provenance_wrapper`` to the decorator: it gets the function and its checked `Options`, builds
a `FunctionSpec`, binds and hashes calls with it, and runs them with `run_bound` where and when it wants.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provenance._util.containers import map_leaves
    from provenance.artifacts.artifact import Artifact
    from provenance.artifacts.proxy import ArtifactProxy, holding_proxy, lazy_proxy, plain_value, reference_proxy
    from provenance.engine.decorators import provenance_wrapper
    from provenance.engine.digests import Digests
    from provenance.engine.execute import compute_bound, run_afresh, run_bound
    from provenance.engine.failing import name_call, names_call
    from provenance.engine.frames import current_frame
    from provenance.engine.history import stored_calls
    from provenance.engine.inputs import Inputs, resolve_inputs
    from provenance.engine.key import artifact_id, member_id, member_recipe, recipe_from_digests, recipe_of_call
    from provenance.engine.options import Options
    from provenance.engine.preview import preview_inputs
    from provenance.engine.recompute import recomputing_lost
    from provenance.engine.run import current_run
    from provenance.engine.spec import FunctionSpec, attach, spec_of
    from provenance.engine.templates import CallKeys, HexDigests
    from provenance.engine.waiting import GoOn, lend_threads
    from provenance.engine.working import current_job, working_for
    from provenance.hashing import SCHEME as HASH_SCHEME
    from provenance.hashing import digest_of, fingerprint, hash_atom
    from provenance.hashing.grammar import ATOMS
    from provenance.repos.capture import Later, is_capturing, note_later, note_use
    from provenance.repos.parts import whole
    from provenance.state import default_repo, known_repos, resolve_repo, settings

_HOMES = {
    "_util.containers": "map_leaves",
    "artifacts.artifact": "Artifact",
    "artifacts.proxy": "ArtifactProxy holding_proxy lazy_proxy plain_value reference_proxy",
    "engine.decorators": "provenance_wrapper",
    "engine.digests": "Digests",
    "engine.execute": "compute_bound run_afresh run_bound",
    "engine.failing": "name_call names_call",
    "engine.frames": "current_frame",
    "engine.history": "stored_calls",
    "engine.inputs": "Inputs resolve_inputs",
    "engine.key": "artifact_id member_id member_recipe recipe_from_digests recipe_of_call",
    "engine.options": "Options",
    "engine.preview": "preview_inputs",
    "engine.recompute": "recomputing_lost",
    "engine.run": "current_run",
    "engine.spec": "FunctionSpec attach spec_of",
    "engine.templates": "CallKeys HexDigests",
    "engine.waiting": "GoOn lend_threads",
    "engine.working": "current_job working_for",
    "hashing": "digest_of fingerprint hash_atom",
    "hashing.grammar": "ATOMS",
    "repos.capture": "Later is_capturing note_later note_use",
    "repos.parts": "whole",
    "state": "default_repo known_repos resolve_repo settings",
}
_ORIGINS = {name: (home, name) for home, names in _HOMES.items() for name in names.split()}
_ORIGINS["HASH_SCHEME"] = ("hashing", "SCHEME")

__all__ = [
    "ATOMS",
    "HASH_SCHEME",
    "Artifact",
    "ArtifactProxy",
    "CallKeys",
    "Digests",
    "FunctionSpec",
    "GoOn",
    "HexDigests",
    "Inputs",
    "Later",
    "Options",
    "artifact_id",
    "attach",
    "compute_bound",
    "current_frame",
    "current_job",
    "current_run",
    "default_repo",
    "digest_of",
    "fingerprint",
    "hash_atom",
    "holding_proxy",
    "is_capturing",
    "known_repos",
    "lazy_proxy",
    "lend_threads",
    "map_leaves",
    "member_id",
    "member_recipe",
    "name_call",
    "names_call",
    "note_later",
    "note_use",
    "plain_value",
    "preview_inputs",
    "provenance_wrapper",
    "recipe_from_digests",
    "recipe_of_call",
    "recomputing_lost",
    "reference_proxy",
    "resolve_inputs",
    "resolve_repo",
    "run_afresh",
    "run_bound",
    "settings",
    "spec_of",
    "stored_calls",
    "whole",
    "working_for",
]


def __getattr__(name: str) -> object:
    if name not in _ORIGINS:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home, attribute = _ORIGINS[name]
    value = getattr(import_module(f"provenance.{home}"), attribute)
    globals()[name] = value
    return value
