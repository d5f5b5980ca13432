"""One eager call: look it up, else compute it, record it, and hand out a proxy."""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from provenance._util.deferred import Deferred
from provenance._util.log import Log
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import is_proxy
from provenance.artifacts.proxy import ArtifactProxy, lazy_proxy, plain_value
from provenance.engine.call import Call, look_up, prepare
from provenance.engine.frames import Frame, entered
from provenance.engine.spec import FunctionSpec
from provenance.errors import (
    BlobCorruptError,
    BlobNotFoundError,
    ImpureFunctionError,
    LeaseLostError,
    StorageError,
    TierUnavailableError,
    UsageError,
)
from provenance.repos.capture import note_use
from provenance.types import ArtifactRecord, Kargs, RecipeKey

if TYPE_CHECKING:
    from provenance.artifacts import unwrapping
    from provenance.engine import failing, purity, results, turns
    from provenance.engine import record as recording
    from provenance.engine.record import Computed
    from provenance.engine.turns import Steps, Turn
else:
    # What only a miss needs.
    unwrapping = Deferred("provenance.artifacts.unwrapping")
    failing, purity, recording, results, turns = (
        Deferred(f"provenance.engine.{name}") for name in ("failing", "purity", "record", "results", "turns")
    )

logger = Log("provenance")


def run(spec: FunctionSpec, args: tuple[object, ...], kwargs: Kargs) -> object:
    """Call a decorated function: the stored result if there is one, else a computed and recorded one."""
    kargs, varargs = spec.bind(args, kwargs)
    return run_bound(spec, kargs, varargs)


def run_bound(spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], recipe: RecipeKey | None = None) -> object:
    """`run` with bound arguments; `recipe` is the recipe key they were planned under."""
    return _run(prepare(spec, kargs, varargs, recipe))


def _run(call: Call) -> object:
    record = look_up(call)
    return _compute_in_turn(call) if record is None else _deliver_hit(call, record)


def _compute_in_turn(call: Call) -> object:
    """Compute a call, or wait for an equal one that is being computed."""
    turn = turns.wait(turns.take_turn(call))
    if isinstance(turn, ArtifactRecord):
        return _deliver_hit(call, turn)
    with turn:
        return compute_call(call, turn)


def run_afresh(
    spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], recipe: RecipeKey | None = None
) -> object:
    """`run_bound` for a call that was planned in another process, which may have deleted what this one remembers."""
    call = prepare(spec, kargs, varargs, recipe)
    call.repo.forget_records((call.id,))
    return _run(call)


def compute_bound(
    spec: FunctionSpec, kargs: Kargs, varargs: tuple[object, ...], recipe: RecipeKey | None = None
) -> object:
    """`run_bound` without looking up: the call is computed and recorded, whatever is stored."""
    return compute_call(prepare(spec, kargs, varargs, recipe))


async def run_async(spec: FunctionSpec, args: tuple[object, ...], kwargs: Kargs) -> object:
    """`run` for a coroutine function."""
    kargs, varargs = spec.bind(args, kwargs)
    call = prepare(spec, kargs, varargs)
    record = look_up(call)
    turn = await turns.wait_async(turns.take_turn(call)) if record is None else record
    if isinstance(turn, ArtifactRecord):
        return _deliver_hit(call, turn)
    with turn:
        body = _Body(call)
        try:
            with entered(body.frame):
                value = await cast("Awaitable[object]", body.call())
        except BaseException as error:
            _abandon(body, error)
            raise
        return await turns.wait_async(_finish(body, value, turn))


class _Body:
    """The function body of one call: what it gets, and how long it runs."""

    __slots__ = ("call_record", "frame", "kargs", "started", "varargs")

    def __init__(self, call: Call) -> None:
        self.call_record = call
        self.frame = Frame()
        self.kargs, self.varargs = _body_arguments(call, self.frame)
        self.started = perf_counter()

    def call(self) -> Any:
        return self.call_record.spec.call(self.kargs, self.varargs)


def _body_arguments(call: Call, frame: Frame) -> tuple[Kargs, tuple[object, ...]]:
    """The arguments as the body gets them: plain, unless it asked for proxies."""
    if call.spec.options.pass_proxies:
        return dict(call.kargs), call.varargs
    if not call.inputs.carriers and call.spec.has_plain_inputs:
        return dict(call.kargs), call.varargs

    def value_of(proxy: object) -> object:
        return frame.plain(cast("ArtifactProxy", proxy))

    kargs = {name: unwrapping.unwrap_each(value, value_of) for name, value in call.kargs.items()}
    return kargs, tuple(unwrapping.unwrap_each(value, value_of) for value in call.varargs)


def compute_call(call: Call, turn: Turn | None = None) -> object:
    """Run a call's body and record what it returns, whatever is stored."""
    body = _Body(call)
    try:
        with entered(body.frame):
            value = body.call()
    except BaseException as error:
        _abandon(body, error)
        raise
    return turns.wait(_finish(body, value, turn or turns.Turn(call)))


def _abandon(body: _Body, error: BaseException) -> None:
    """Leave nothing wrong behind a body that raised: it may have changed inputs before it passed them on."""
    call, computed = body.call_record, body.frame.computed
    failing.report_failed(call, error, perf_counter() - body.started)
    if not computed:
        return
    try:
        purity.refuse_impure(call, body.kargs, body.varargs)
    except ImpureFunctionError:
        _forget_nested(body.frame)
    else:
        _hand_up(call, computed)


def _finish(body: _Body, value: object, turn: Turn) -> Steps[object]:
    """Record what a body returned; the result is the winner's where another caller took the lease over."""
    call = body.call_record
    seconds = perf_counter() - body.started
    try:
        purity.refuse_impure(call, body.kargs, body.varargs)
        calls = (*body.frame.calls, *body.frame.handed_out.found())
        computed = recording.Computed(value=value, seconds=seconds, calls=calls)
        result = yield from _recorded(call, computed, turn)
    except UsageError as error:
        if isinstance(error, ImpureFunctionError):
            _forget_nested(body.frame)
        failing.report_failed(call, error, seconds)
        raise
    if is_proxy(result):
        artifact = cast("ArtifactProxy", result).artifact
        _note(call, artifact)
        body.frame.computed.append(artifact)
    _hand_up(call, body.frame.computed)
    return result


def _recorded(call: Call, computed: Computed, turn: Turn) -> Steps[object]:
    while True:
        try:
            result = results.record_result(call, computed, turn.lease)
        except LeaseLostError:
            winner = yield from turn.lost()
            if winner is not None:
                return lazy_proxy(Artifact(winner, call.repo))
        else:
            record = cast("ArtifactProxy", result).artifact.record if is_proxy(result) else None
            if record is not None and record.id == call.id:  # a body may return the proxy of something else
                turn.recorded(record)
            return result


def _hand_up(call: Call, computed: list[Artifact]) -> None:
    """Let the body around this call know what was computed under it."""
    if call.outer is not None:
        call.outer.computed.extend(computed)


def _forget_nested(frame: Frame) -> None:
    """Remove what was computed under inputs that this body may have changed before it passed them on."""
    carried = {proxy.artifact_id for proxy in frame.carried.values()}
    for artifact in frame.computed:
        if artifact.is_recorded and carried.intersection(artifact.input_artifact_ids):
            try:
                cast("Any", artifact.repo).delete(artifact.id)
            except StorageError as error:
                logger.warning("artifact %s may hold a wrong value and could not be removed: %s", artifact.id, error)


def _deliver_hit(call: Call, record: ArtifactRecord) -> object:
    artifact = Artifact(record, call.repo)
    _note(call, artifact)
    if record.value_blob is None:
        return lazy_proxy(artifact)
    return lazy_proxy(artifact, lambda: _load_or_recompute(call, artifact))


def _load_or_recompute(call: Call, artifact: Artifact) -> object:
    """The stored value; computed again, and thereby repaired, where its bytes are missing, damaged or out of reach."""
    try:
        return artifact.value
    except (BlobNotFoundError, BlobCorruptError, TierUnavailableError):
        return plain_value(compute_call(call))


def _note(call: Call, artifact: Artifact) -> None:
    note_use(artifact)
    if call.outer is not None:
        call.outer.calls.append(artifact)
