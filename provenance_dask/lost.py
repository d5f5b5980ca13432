"""Stored results that turn out to be lost or damaged when they are used: they are computed again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from provenance import engine
from provenance.engine import Artifact
from provenance.errors import BlobCorruptError, BlobNotFoundError
from provenance_dask.steps import MemberStep, Step

logger = logging.getLogger("provenance.dask")

_MOST_REPAIRS = 16
"""How often one computation is sent again; workers repair by themselves what they can."""


class Repairs:
    """What one computation found to be lost; inside of the ``with`` block these steps count as not stored."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._left = _MOST_REPAIRS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for step in self._steps:
            step.is_lost = False

    def note(self, error: BlobNotFoundError | BlobCorruptError, hits: Mapping[Step, Artifact]) -> bool:
        """Mark the stored results that an error is about; False where there are none, or too many."""
        steps = [step for step, artifact in hits.items() if artifact.id == error.artifact_id]
        self._left -= 1
        if not steps or self._left < 0:
            return False
        logger.warning("a stored result of %s cannot be read and is computed again: %s", steps[0].name, error)
        self.mark(steps)
        return True

    def mark(self, steps: Iterable[Step]) -> None:
        """Let steps count as not stored; of members, their composites too, with which they are computed."""
        for step in steps:
            marked = (step, *step.inputs) if isinstance(step, MemberStep) else (step,)
            for each in marked:
                each.is_lost = True
                self._steps.append(each)


def stored_proxy(step: Step, artifact: Artifact, compute: Callable[[Step], Any]) -> Any:
    """A proxy of a stored result, which is computed again where it cannot be read when it is first used."""
    if artifact.record.value_blob is None:
        return engine.lazy_proxy(artifact)

    def load() -> object:
        try:
            return artifact.value
        except (BlobNotFoundError, BlobCorruptError) as error:
            logger.warning("the stored result of %s cannot be read and is computed again: %s", step.name, error)
            with Repairs() as repairs:
                repairs.mark([step])
                return engine.plain_value(compute(step))

    return engine.lazy_proxy(artifact, load)
