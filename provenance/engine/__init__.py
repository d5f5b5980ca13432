"""What runs a decorated call. The names exported here are the interface for plugins.

A plugin gives its own ``_provenance_wrapper`` to the decorator: it gets the function and its checked `Options`, builds
a `FunctionSpec`, binds and hashes calls with it, and runs them with `run_bound` where and when it wants.
"""

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
from provenance.engine.waiting import GoOn, lend_threads
from provenance.engine.working import current_job, working_for
from provenance.hashing import SCHEME as HASH_SCHEME
from provenance.hashing import digest_of, fingerprint
from provenance.repos.capture import Later, is_capturing, note_later, note_use
from provenance.state import default_repo, known_repos, resolve_repo, settings

__all__ = [
    "HASH_SCHEME",
    "Artifact",
    "ArtifactProxy",
    "Digests",
    "FunctionSpec",
    "GoOn",
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
    "working_for",
]
