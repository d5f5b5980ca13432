"""One call on its way through the engine: what it was given, what it reads and writes, and its keys."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import NamedTuple

from provenance import state
from provenance.artifacts.ids import is_proxy
from provenance.engine import key
from provenance.engine.familiar import Familiar, bytes_of
from provenance.engine.frames import Frame, current_frame
from provenance.engine.inputs import Inputs, resolve_inputs
from provenance.engine.mutation import refuse_mutated
from provenance.engine.spec import FunctionSpec
from provenance.errors import InvalidInputsError, RepoUnreachableError
from provenance.repos.parts import whole
from provenance.types import ArtifactId, ArtifactRecord, CarriesArtifact, Kargs, RecipeKey, Repo


class Call(NamedTuple):
    """A bound call with everything that was read from the process's state for it.

    A tuple, as one is made for each hit, and a frozen dataclass takes several times as long to make.

    Attributes
    ----------
    spec : FunctionSpec
        The decorated function.
    repo : Repo
        Where the call is looked up and stored.
    use_cache, read_only : bool
        Settings in force for this call.
    kargs, varargs : dict, tuple
        Bound arguments as the caller gave them.
    inputs : Inputs
        What is hashed and recorded of them.
    id : ArtifactId
        Content key.
    hash_seconds : float
        How long hashing took.
    outer : Frame or None
        The body this call was made from.
    lease_seconds : float or None
        How long the lease lasts that this call computes under; None where equal calls do not wait for each other.
    recipe : RecipeKey or None
        The recipe key a scheduler knew the call by; None for a call made directly.
    """

    spec: FunctionSpec
    repo: Repo
    use_cache: bool
    read_only: bool
    kargs: Kargs
    varargs: tuple[object, ...]
    inputs: Inputs
    id: ArtifactId
    hash_seconds: float
    outer: Frame | None
    lease_seconds: float | None
    recipe: RecipeKey | None = None


def prepare(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], recipe: RecipeKey | None = None) -> Call:
    """Read the state once, hash the inputs and find the content key.

    Raises
    ------
    HashingError, InvalidInputsError
        The inputs cannot be hashed.
    MutatedArtifactValueError
        Mutation checks are on and the value of a proxy among the inputs was changed.
    """
    settings = state.settings()
    options = spec.options
    repo = state.default_repo() if options.repo is None else state.resolve_repo(options.repo)
    outer = current_frame()
    started = perf_counter()
    inputs, call_id = _keyed(spec, kargs, varargs, outer.carried if outer is not None else None)
    if inputs.carriers:
        _refuse_unknown(spec, inputs.carriers)
        if settings.check_mutations:
            refuse_mutated(spec, inputs.carriers)
    return Call(
        spec,
        repo,
        settings.use_cache if options.use_cache is None else options.use_cache,
        settings.read_only if options.read_only is None else options.read_only,
        kargs,
        varargs,
        inputs,
        call_id,
        perf_counter() - started,
        outer,
        settings.lease_seconds if settings.single_flight else None,
        recipe,
    )


def _keyed(
    spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], carried: Mapping[int, CarriesArtifact] | None
) -> tuple[Inputs, ArtifactId]:
    """What is hashed of the arguments, and the content key; remembered where they are small atoms."""
    arguments = bytes_of(kargs, varargs) if spec.has_plain_inputs and not carried else None
    known = None if arguments is None else spec.familiar.find(arguments)
    if known is not None:
        return Inputs(kargs, varargs, known.digests, known.digests, []), known.id
    inputs = resolve_inputs(spec, kargs, varargs, carried)
    call_id = key.artifact_id(spec, inputs.digests)
    if arguments is not None:
        spec.familiar.add(arguments, Familiar(inputs.digests, call_id))
    return inputs, call_id


def _refuse_unknown(spec: FunctionSpec, carriers: list[tuple[str, CarriesArtifact]]) -> None:
    """Refuse stand-ins that have no value yet, such as lazy artifacts."""
    for path, carrier in carriers:
        if not is_proxy(carrier):
            msg = (
                f"{path} given to {spec.label} is {carrier!r}, whose value is not known yet: "
                "compute it first, or call the lazy form of the function"
            )
            raise InvalidInputsError(msg)


def look_up(call: Call) -> ArtifactRecord | None:
    """The stored record of the call, if there is one to reuse."""
    if not call.use_cache:
        return None
    try:
        record = call.repo.find_record(call.id)
    except RepoUnreachableError as error:
        if not call.repo.counts_as_miss(error):
            raise
        return None
    return record if record is not None and is_usable(call, record) else None


def is_usable(call: Call, record: ArtifactRecord) -> bool:
    """Whether the value of a stored record is there, and of a composite all members."""
    if record.composite and not whole({record.id: record}, call.repo):
        return False
    return record.value_inline is not None or call.repo.has_value(record)
