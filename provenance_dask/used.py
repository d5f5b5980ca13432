"""What captures, jobs and bodies are told of a computation: the artifact of every node of its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from provenance import engine
from provenance.engine import Artifact
from provenance_dask import _compat
from provenance_dask.resolve import identify
from provenance_dask.steps import MemberStep, Step, is_call

_MOST_NAMED = 5


class _Work(NamedTuple):
    """A step whose result was wanted, and its key at a scheduler if that may not have run it yet."""

    step: Step
    key: str | None


def is_noted() -> bool:
    """Whether anything around this code wants to know what is used here."""
    return engine.is_capturing() or engine.current_frame() is not None


def note_used(steps: Iterable[Step]) -> None:
    """Count the results of steps, and of all above them, as used by what is around this code."""
    if is_noted():
        _note([_Work(step, None) for step in steps])


def note_handed_out(keys: Mapping[Step, str]) -> None:
    """`note_used` for steps that a scheduler is given under these keys."""
    if is_noted():
        _note([_Work(step, key) for step, key in keys.items()])


def _note(work: Collection[_Work]) -> None:
    engine.note_later(_LATER, work)
    frame = engine.current_frame()
    if frame is not None:
        frame.handed_out.add(_LATER, work)


def _find(work: Collection[_Work]) -> Iterable[Artifact]:
    return identify([step for step, _ in work]).values()


def _settle(work: Collection[_Work]) -> tuple[Iterable[Artifact], str | None]:
    _compat.wait_for({key for _, key in work if key is not None})
    found = identify([step for step, _ in work])
    # What the results depend on that were found is missing only where it was deleted.
    wanted = [step for step, key in work if key is not None] + [above for step in found for above in step.inputs]
    missing = {step.token: step for step in wanted if not _is_among(step, found) and not step.spec.options.read_only}
    is_told = missing and not engine.settings().read_only
    return found.values(), _told(missing.values()) if is_told else None


def _is_among(step: Step, found: Mapping[Step, Artifact]) -> bool:
    return step in found or not is_call(step) or (isinstance(step, MemberStep) and step.inputs[0] in found)


def _told(steps: Collection[Step]) -> str:
    counts = Counter(step.name for step in steps)
    named = ", ".join(f"{count} of {name}" for name, count in counts.most_common(_MOST_NAMED))
    more = f" and of {len(counts) - _MOST_NAMED} other functions" if len(counts) > _MOST_NAMED else ""
    return (
        f"calls of this block's graphs have no stored result at its end and are not counted: {named}{more}; they are "
        "not done, could not be stored, or were deleted: gather what was handed out inside of the block"
    )


_LATER = engine.Later(_find, _settle)
