"""Record a computed call: describe the value, store the bytes, then the row."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

from provenance._util.containers import map_leaves
from provenance.artifacts.artifact import Artifact, storing
from provenance.artifacts.ids import is_proxy
from provenance.engine import key
from provenance.engine.call import Call
from provenance.engine.preview import preview_inputs
from provenance.engine.run import current_run
from provenance.engine.values import DescribedValue, Encoding, PackedValue, edges_to, pack_value
from provenance.engine.working import current_job, nested
from provenance.errors import StorageError
from provenance.hashing import SCHEME
from provenance.types import (
    ArtifactId,
    ArtifactRecord,
    CarriesArtifact,
    Draft,
    Durations,
    InputEdge,
    JobUse,
    Lease,
    Payload,
    RecipeKey,
)


class Computed(NamedTuple):
    """What a body returned, how long it took in seconds, and the decorated functions it called."""

    value: object
    seconds: float
    calls: tuple[Artifact, ...]


class Target(NamedTuple):
    """What a value is recorded as: the call's result itself, or a named part of it."""

    id: ArtifactId
    name: str
    encoding: Encoding
    composite: bool = False


class Recorder(NamedTuple):
    """Everything about one computed call that its result, and each member of it, is recorded with."""

    call: Call
    computed: Computed
    inputs_payload: Payload
    edges: tuple[InputEdge, ...]
    lease: Lease | None = None

    def store(self, target: Target, described: DescribedValue, value_hash_seconds: float) -> Artifact:
        """Store one value with its row; what another process stored first under the id is returned instead."""
        started = perf_counter()
        with storing():
            packed = pack_value(described, target.encoding)
        packing_seconds = perf_counter() - started
        draft = Draft(
            record=self.record(target, described, packed, value_hash_seconds, packing_seconds),
            run=current_run(),
            value=packed.payload,
            inputs=self.inputs_payload,
            value_extension=described.extension,
            lease=self.lease,
            job=self._job_use(target),
        )
        repo = self.call.repo
        try:
            stored = repo.save(draft)
        except StorageError as error:
            stored = repo.spool(draft, error)
        return Artifact(stored, repo)

    def _job_use(self, target: Target) -> JobUse | None:
        """How the job that is worked for uses the result; a member was computed inside of its composite's call."""
        use = current_job()
        is_member = self.call.spec.options.returns_composite and not target.composite
        return nested(use) if use is not None and is_member else use

    def record(
        self,
        target: Target,
        described: DescribedValue,
        packed: PackedValue,
        value_hash_seconds: float = 0.0,
        store_seconds: float = 0.0,
    ) -> ArtifactRecord:
        """The row of one value, without the bytes that are still to be stored."""
        call, spec = self.call, self.call.spec
        inputs = call.inputs
        return ArtifactRecord(
            id=target.id,
            value_id=described.value_id,
            value_encoding=described.encoding,
            name=target.name,
            version=spec.options.version,
            fn_module=spec.module,
            fn_name=spec.qualname,
            hash_scheme=SCHEME,
            serializer=packed.serializer,
            load_kwargs=packed.load_kwargs,
            dump_kwargs=packed.dump_kwargs,
            value_blob=packed.blob,
            value_inline=packed.inline,
            run_id=current_run().id,
            composite=target.composite,
            value_type=described.type_name,
            value_callable=callable(described.value),
            input_hashes=inputs.digests.by_path(),
            inputs_json=preview_inputs(inputs.kargs, inputs.varargs),
            custom_fields=spec.options.custom_fields,
            durations=Durations(call.hash_seconds, self.computed.seconds, value_hash_seconds, store_seconds),
            edges=self.edges + described.edges,
            recipe=_recipe(call, target),
            code_id=spec.code_id,
        )


def target_of(call: Call, described: DescribedValue, encoding: Encoding) -> Target:
    """What the result of a call is recorded as, unless it is a composite."""
    return Target(id=result_id(call, described), name=call.spec.name, encoding=encoding)


def encoding_of(call: Call) -> Encoding:
    """How the result of a call is to be serialised, unless it is a composite."""
    options = call.spec.options
    serializer = options.serializer if isinstance(options.serializer, str) else None
    return Encoding(serializer=serializer, load_kwargs=options.load_kwargs, dump_kwargs=options.dump_kwargs)


def result_id(call: Call, described: DescribedValue) -> ArtifactId:
    """The id the call's result is stored under."""
    return call.id if call.use_cache else key.uncached_id(call.id, described.value_id)


def _recipe(call: Call, target: Target) -> RecipeKey | None:
    if not call.use_cache:
        return None
    recipe = call.recipe or key.recipe_of_call(call.spec, call.inputs)
    if recipe is None or target.id == call.id:
        return recipe
    return key.member_recipe(recipe, target.name.removeprefix(f"{call.spec.name}_"))


def edges_of(call: Call, computed: Computed) -> tuple[InputEdge, ...]:
    """References to the artifacts among the inputs, also those that do not count, and to those the body called."""
    if not (computed.calls or call.inputs.carriers) and call.spec.has_plain_inputs:
        return ()
    calls = dict.fromkeys(artifact.id for artifact in computed.calls if artifact.is_recorded)
    return (
        *edges_to(call.inputs.carriers, "input"),
        *edges_to(list(_unhashed_proxies(call)), "input"),
        *(InputEdge("", artifact_id, "call") for artifact_id in calls),
    )


def _unhashed_proxies(call: Call) -> Iterator[tuple[str, CarriesArtifact]]:
    """Proxies in arguments that are recorded but not hashed."""
    hashed = dict(call.inputs.raw.named)
    for name, value in call.inputs.kargs.items():
        if name not in hashed:
            yield from ((f"kargs[{name!r}]", proxy) for proxy in _proxies_in(value))


def _proxies_in(value: object) -> list[CarriesArtifact]:
    found: list[CarriesArtifact] = []

    def collect(proxy: CarriesArtifact) -> object:
        found.append(proxy)
        return proxy

    map_leaves(value, is_proxy, collect)
    return found
