"""Where in the user's code a warning belongs."""

from __future__ import annotations

import sys


def caller_level() -> int:
    """How many frames the first one outside this package is away, so that a warning names the user's line."""
    level, frame = 1, sys._getframe(1)  # noqa: SLF001  inspect.stack() reads source files
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("provenance."):
        level, frame = level + 1, frame.f_back
    return level
