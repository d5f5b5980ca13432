"""One error for several artifacts that could not be copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from provenance.errors import BlobCorruptError, NotFoundError

Failure: TypeAlias = NotFoundError | BlobCorruptError
"""Why one artifact cannot be copied, while others can."""
_SHOWN = 5


def left_out(failures: Sequence[Failure], asked: int, name: str) -> Failure:
    """The error to raise when all but some artifacts were stored in the repo `name`.

    It is of the type of the first failure, which is its cause; its message has the others too, each once.
    """
    first = failures[0]
    if asked == 1:
        return first
    reasons = list(dict.fromkeys(map(str, failures)))
    shown = "; ".join(reasons[:_SHOWN]) + (f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else "")
    error = type(first)(
        f"{len(failures)} of {asked} artifacts were not stored in repo {name!r}, as their bytes or those of what they "
        f"refer to are lost or damaged; the others were: {shown}"
    )
    error.__cause__ = first
    return error
