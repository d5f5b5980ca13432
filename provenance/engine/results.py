"""What a call hands out: the proxy of a recorded result, or the plain value where it cannot be recorded."""

from __future__ import annotations

from time import perf_counter

from provenance._util.atomic import discard
from provenance.artifacts.artifact import Artifact
from provenance.artifacts.proxy import holding_proxy
from provenance.engine.archive import remove_original
from provenance.engine.call import Call
from provenance.engine.composite import check_members, store_composite
from provenance.engine.record import Computed, Recorder, edges_of, encoding_of, target_of
from provenance.engine.unrecorded import pack_inputs, report_unrecorded
from provenance.engine.values import DescribedValue, PackedValue, describe_file, describe_value, stage_value
from provenance.errors import LeaseLostError, UsageError
from provenance.types import Lease


def record_result(call: Call, computed: Computed, lease: Lease | None) -> object:
    """Record a result, under a lease, and return its proxy; the plain value where it cannot be recorded.

    Raises
    ------
    CompositeError, ArchiveError
        The function did not return what its options promise.
    LeaseLostError
        Another caller has taken over, and has stored nothing yet.
    """
    options = call.spec.options
    if options.returns_composite:
        check_members(call.spec, computed.value)
    file = describe_file(computed.value, preserve_extension=options.preserve_file_ext) if options.archive_file else None
    if call.read_only or not call.repo.permissions.write:
        return _unstored(call, computed, file)
    try:
        recorder = Recorder(call, computed, pack_inputs(call.inputs), edges_of(call, computed), lease)
        if options.returns_composite:
            return store_composite(recorder)
        return _store_single(recorder, file)
    except LeaseLostError:
        raise
    except Exception as error:  # noqa: BLE001  a computed value is returned whatever the store does
        return report_unrecorded(call.spec, computed.value, error)


def _store_single(recorder: Recorder, file: DescribedValue | None) -> object:
    call = recorder.call
    started = perf_counter()
    value = recorder.computed.value
    encoding = encoding_of(call)
    described = file or stage_value(value, encoding, call.repo) or describe_value(value, call.repo)
    seconds = perf_counter() - started
    try:
        artifact = recorder.store(target_of(call, described, encoding), described, seconds)
    finally:
        if described.staged is not None:
            discard(described.staged.path)  # where the store has not given it another name
    if file is not None:
        return _deliver_file(call, artifact, file)
    if artifact.value_id != described.value_id:
        return artifact.proxy()
    return holding_proxy(artifact, described.value)


def _deliver_file(call: Call, artifact: Artifact, file: DescribedValue) -> object:
    if artifact.record.journaled:
        return holding_proxy(artifact, file.value)  # the original stays, as its copy may not be in the store yet
    if call.spec.options.delete_original_file and file.file is not None:
        remove_original(file.file.path, artifact)
    return artifact.proxy()


def _unstored(call: Call, computed: Computed, file: DescribedValue | None) -> object:
    """A proxy of a result that is kept out of the repo; its artifact says so."""
    try:
        described = file or describe_value(computed.value, call.repo)
    except UsageError as error:
        return report_unrecorded(call.spec, computed.value, error)
    recorder = Recorder(call, computed, pack_inputs(call.inputs), edges_of(call, computed))
    target = target_of(call, described, encoding_of(call))
    unpacked = PackedValue(
        serializer=target.encoding.serializer or "",
        load_kwargs=target.encoding.load_kwargs,
        dump_kwargs=target.encoding.dump_kwargs,
    )
    record = recorder.record(target, described, unpacked)
    return holding_proxy(Artifact(record, call.repo), described.value)
